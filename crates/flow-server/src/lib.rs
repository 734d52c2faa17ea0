//! The HTTP API, the WebSocket endpoint, and the editor's files.
//!
//! A handler extracts, authorises, calls one domain method, and maps the answer;
//! it holds no rules of its own. This crate knows no SQL and no documents beyond
//! handing them to their rooms.
//!
//! Start with [`App`] (what handlers share) and [`router`]; the live part is
//! `sync/`: `upgrade.rs` decides who may join, `connection.rs` moves frames between
//! a socket and its room, `watch.rs` ends access that was taken away.

mod address;
mod app;
mod caller;
mod error;
mod measures;
mod passwords;
mod rate;
mod requests;
mod routes;
mod stream;
mod sync;
mod throttle;
mod web;

pub use address::{Network, NetworkError};
pub use app::{App, AppParts, OptionalPart, Registration, ServerLimits};
pub use error::{ApiError, ErrorBody};
pub use measures::describe as describe_measures;
pub use routes::metrics::Metrics;
pub use sync::{close_sockets, watch_store};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Request};
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use uuid::Uuid;

/// Everything the server answers. It has to be served with
/// [`Router::into_make_service_with_connect_info`] of a `SocketAddr`: sign-ins are counted
/// by where they come from.
pub fn router(app: App) -> Router {
    let body_bytes = app.limits().body_bytes;
    let header = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let request_id = HeaderName::from_static("x-request-id");
    Router::new()
        .nest("/api", routes::api())
        .route("/sync/{flow_id}", axum::routing::get(sync::upgrade))
        .route("/metrics", axum::routing::get(routes::metrics::get))
        .fallback(web::file)
        .layer(axum::middleware::from_fn(measures::time_request))
        .layer(DefaultBodyLimit::max(body_bytes))
        .layer(CompressionLayer::new())
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("referrer-policy", "no-referrer"))
        .layer(header("content-security-policy", web::CONTENT_SECURITY_POLICY))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(SetRequestIdLayer::new(request_id, NewRequestId))
        .with_state(app)
}

/// A request's span names its path and never its query, which may carry a token.
fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}

#[derive(Debug, Clone, Copy)]
struct NewRequestId;

impl MakeRequestId for NewRequestId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&Uuid::now_v7().to_string()).ok().map(RequestId::new)
    }
}
