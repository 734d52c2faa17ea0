use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;

/// `GET /api/health/live`: the process answers.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// `GET /api/health/ready`: it can also serve flows. `503` while it cannot.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    if app.stopping().is_cancelled() {
        return Err(ApiError::Unavailable(None));
    }
    app.store().ping().await?;
    Ok(Json(json!({ "status": "ready" })))
}
