use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use flow_base::Secret;

use crate::app::App;
use crate::caller::bearer;
use crate::error::ApiError;
use crate::measures;

/// The text format of Prometheus.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`: what the server counts, for whoever has the configured token. To
/// others it does not exist.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "server",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, description = "The token is not the configured one, or none is configured.")),
    security(("metricsToken" = [])),
)]
pub(crate) async fn get(State(app): State<App>, headers: HeaderMap) -> Result<impl IntoResponse, ApiError> {
    let metrics = app.metrics().filter(|metrics| bearer(&headers) == Some(metrics.token.expose()));
    let metrics = metrics.ok_or(ApiError::NotFound("page"))?;
    measures::look(&app);
    Ok(([(header::CONTENT_TYPE, FORMAT)], (metrics.render)()))
}

/// Where the numbers come from and who may see them.
pub struct Metrics {
    pub render: Box<dyn Fn() -> String + Send + Sync>,
    pub token: Secret<String>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("token", &self.token).finish_non_exhaustive()
    }
}
