use axum::Json;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct SampleView {
    id: &'static str,
    name: &'static str,
    description: &'static str,
}

/// `GET /api/samples`: the flows a new one can be started from.
pub(crate) async fn list() -> Json<Vec<SampleView>> {
    let view = |sample: &flow_model::Sample| SampleView {
        id: sample.id,
        name: sample.name,
        description: sample.description,
    };
    Json(flow_model::samples().iter().map(view).collect())
}
