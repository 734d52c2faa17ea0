//! What answers say to browsers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::App;
use crate::web::CONTENT_SECURITY_POLICY;

const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// A year, in which browsers use no other than a secure connection.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// How long a browser need not ask again whether it may.
const PREFLIGHT_LASTS: Duration = Duration::from_secs(3_600);

/// Adds what every answer says, unless it says so itself.
pub(crate) async fn add(State(app): State<App>, request: Request, next: Next) -> Response {
    let ByTls(is_secure) = ByTls::of(&app, request.extensions(), request.headers());
    let mut response = next.run(request).await;
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    ];
    let secure = is_secure.then_some((header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT));
    for (name, value) in always.into_iter().chain(secure) {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Whether the client has connected by TLS: all do, or a trusted proxy says so of this one.
/// Of anybody else it would be a way to lock browsers out of a server that has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByTls(pub(crate) bool);

impl ByTls {
    fn of(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Self {
        let connected = extensions.get::<ConnectInfo<SocketAddr>>();
        let by_proxy = || connected.is_some_and(|ConnectInfo(from)| app.trusts(from.ip()));
        Self(app.has_tls() || (by_proxy() && forwarded_https(headers)))
    }
}

impl FromRequestParts<App> for ByTls {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(app, &parts.extensions, &parts.headers))
    }
}

/// Of a chain of proxies the last is the one that is trusted.
fn forwarded_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back().and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next());
    last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// Pages of the configured origins may use the API. They sign in by token: no cookie goes
/// with their requests.
pub(crate) fn cors(app: &App) -> Option<CorsLayer> {
    if app.allowed_origins().is_empty() {
        return None;
    }
    let allowed = {
        let app = app.clone();
        move |origin: &HeaderValue| {
            app.allowed_origins().iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
        }
    };
    let request_id = header::HeaderName::from_static("x-request-id");
    let sent = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        request_id.clone(),
    ];
    let shown = [header::ETAG, header::LOCATION, header::RETRY_AFTER, request_id];
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| allowed(origin)))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(sent)
        .expose_headers(shown)
        .max_age(PREFLIGHT_LASTS);
    Some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_proxy_says_how_it_was_reached() {
        let said = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_PROTO, value.parse().unwrap());
            }
            forwarded_https(&headers)
        };
        assert!(said(&["https"]) && said(&["HTTPS"]) && said(&["http, https"]) && said(&["http", "https"]));
        assert!(!said(&[]) && !said(&["http"]) && !said(&["https, http"]) && !said(&["https", "http"]));
    }
}
