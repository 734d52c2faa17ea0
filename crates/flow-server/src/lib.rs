//! The HTTP API, the WebSocket endpoint, and the editor's files.
//!
//! A handler extracts, authorises, calls one domain method, and maps the answer;
//! it holds no rules of its own. This crate knows no SQL and no documents beyond
//! handing them to their rooms.
//!
//! Start with [`App`] (what handlers share) and [`router`]; the live part is
//! `sync/`: `upgrade.rs` decides who may join, `connection.rs` moves frames between
//! a socket and its room, `watch.rs` ends access that was taken away. `chat/` talks to flows, `canvas.rs` shows
//! where their runs stand.

mod address;
mod any_page;
mod app;
mod body;
mod caller;
mod canvas;
mod chat;
mod error;
mod flow_name;
mod headers;
mod measures;
mod openapi;
mod passwords;
mod rate;
mod request_id;
mod requests;
mod routes;
mod segment;
mod stream;
mod sync;
mod throttle;
mod vault;
mod web;

pub use address::{Network, NetworkError};
pub use app::{App, AppParts, OptionalPart, Registration, ServerLimits};
pub use error::{ApiError, ErrorBody};
pub use measures::describe as describe_measures;
pub use openapi::openapi_text;
pub use routes::metrics::Metrics;
pub use sync::{close_sockets, watch_store};
pub use vault::{OperatorSecret, Resealed, Vault};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use tower::util::option_layer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use request_id::RequestId;

/// All that is described.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Api::openapi())
        .nest("/api", routes::api())
        .routes(routes!(sync::upgrade::upgrade))
        .routes(routes!(chat::upgrade))
        .routes(routes!(routes::metrics::get))
}

/// Everything the server answers. It has to be served with
/// [`Router::into_make_service_with_connect_info`] of a `SocketAddr`: sign-ins are counted
/// by where they come from.
pub fn router(app: App) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .fallback(web::file)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn(measures::time_request))
        .layer(DefaultBodyLimit::max(app.limits().body_bytes))
        .layer(CompressionLayer::new())
        .layer(option_layer(headers::cors(&app)))
        .layer(from_fn(any_page::allow))
        .layer(from_fn_with_state(app.clone(), headers::add))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(from_fn(request_id::identify))
        .with_state(app)
}

/// A request's span names its path and never its query, which may carry a token.
fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().map(|RequestId(id)| id);
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}
