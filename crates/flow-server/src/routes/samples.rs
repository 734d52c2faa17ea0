use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sample)]
pub(crate) struct SampleView {
    #[schema(schema_with = crate::openapi::fields::sample)]
    id: &'static str,
    name: &'static str,
    description: &'static str,
}

/// `GET /api/samples`: the flows a new one can be started from.
#[utoipa::path(
    get,
    path = "/samples",
    operation_id = "listSamples",
    tag = "flows",
    responses((status = 200, body = [SampleView])),
    security(()),
)]
pub(crate) async fn list() -> Json<Vec<SampleView>> {
    let view = |sample: &flow_model::Sample| SampleView {
        id: sample.id,
        name: sample.name,
        description: sample.description,
    };
    Json(flow_model::samples().iter().map(view).collect())
}
