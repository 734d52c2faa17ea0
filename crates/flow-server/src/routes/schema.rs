use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

/// `GET /api/schema/interflow-1.json`: the schema of Interflow JSON, version 1. Anybody
/// may read it.
#[utoipa::path(
    get,
    path = "/schema/interflow-1.json",
    operation_id = "getFlowSchema",
    tag = "server",
    responses((status = 200, body = Object, content_type = "application/schema+json")),
    security(()),
)]
pub(crate) async fn interflow_1() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(flow_model::json_schema_text);
    // New releases may add to it.
    let headers =
        [(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, TEXT.as_str())
}

/// `GET /api/openapi.json`: this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApi",
    tag = "server",
    responses((status = 200, body = Object)),
    security(())
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(crate::openapi::openapi_text);
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}
