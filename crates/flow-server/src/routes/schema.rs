use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

/// `GET /api/schema/interflow-1.json`: the schema of Interflow JSON, version 1. Anybody
/// may read it.
pub(crate) async fn interflow_1() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(flow_model::json_schema_text);
    // New releases may add to it.
    let headers =
        [(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, TEXT.as_str())
}
