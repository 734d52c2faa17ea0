use std::net::SocketAddr;

use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;

use crate::app::App;
use crate::caller::bearer;
use crate::error::ApiError;
use crate::measures;

/// The text format of Prometheus.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`: what the server counts. With the configured token, or, where none is
/// configured, from this machine alone and past no proxy. To others it does not exist.
pub(crate) async fn get(
    State(app): State<App>,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let from = from.map(|Extension(ConnectInfo(address))| address);
    let rendered = app.metrics().filter(|metrics| metrics.is_open_to(from, &headers));
    let rendered = rendered.ok_or(ApiError::NotFound("page"))?;
    measures::look(&app);
    Ok(([(header::CONTENT_TYPE, FORMAT)], (rendered.render)()))
}

/// Where the numbers come from and who may see them.
pub struct Metrics {
    pub render: Box<dyn Fn() -> String + Send + Sync>,
    /// Empty: whoever asks from this machine.
    pub token: flow_base::Secret<String>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Metrics {
    fn is_open_to(&self, from: Option<SocketAddr>, headers: &HeaderMap) -> bool {
        if !self.token.expose().is_empty() {
            return bearer(headers) == Some(self.token.expose());
        }
        let forwarded = ["forwarded", "x-forwarded-for"].iter().any(|name| headers.contains_key(*name));
        from.is_some_and(|from| from.ip().is_loopback()) && !forwarded
    }
}

#[cfg(test)]
mod tests {
    use flow_base::Secret;

    use super::*;

    fn is_open(token: &str, from: &str, header: Option<(&'static str, &str)>) -> bool {
        let metrics = Metrics { render: Box::new(String::new), token: Secret::new(token.to_owned()) };
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        metrics.is_open_to(Some(from.parse().unwrap()), &headers)
    }

    #[test]
    fn without_a_token_only_this_machine_may_look() {
        assert!(is_open("", "127.0.0.1:5", None) && is_open("", "[::1]:5", None));
        assert!(!is_open("", "10.0.0.1:5", None));
        assert!(
            !is_open("", "127.0.0.1:5", Some(("x-forwarded-for", "10.0.0.1"))),
            "a proxy on this machine"
        );
    }

    #[test]
    fn a_token_opens_it_from_anywhere_and_nothing_else_does() {
        assert!(is_open("abc", "10.0.0.1:5", Some(("authorization", "Bearer abc"))));
        assert!(!is_open("abc", "10.0.0.1:5", Some(("authorization", "Bearer abd"))));
        assert!(!is_open("abc", "127.0.0.1:5", None));
    }
}
