use axum::Json;
use axum::extract::State;
use flow_auth::Permission;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;

/// How large a flow has become; sizes in bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Growth)]
pub(crate) struct GrowthView {
    /// The document, encoded, and the limit at which edits are refused.
    document_bytes: usize,
    document_bytes_max: usize,
    /// Deleted elements whose place the document has to remember.
    tombstones: u64,
    /// What is stored: every update there was, and the newest snapshot.
    log_updates: u64,
    /// So many of them lie in the archive.
    archived_updates: u64,
    log_bytes: u64,
    snapshot_bytes: u64,
}

/// `GET /api/flows/{id}/growth`: how large the flow's document and log are.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/growth",
    operation_id = "getGrowth",
    tag = "content",
    params(FlowPath),
    responses((status = 200, body = GrowthView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<GrowthView>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let size = app.room(flow).await?.document_size().await.ok().flatten();
    let size = size.ok_or(ApiError::Unavailable(None))?;
    let log = app.store().growth(flow).await?.ok_or(ApiError::NotFound("flow"))?;
    Ok(Json(GrowthView {
        document_bytes: size.bytes,
        document_bytes_max: size.bytes_max,
        tombstones: size.tombstones,
        log_updates: log.updates,
        archived_updates: log.archived_updates,
        log_bytes: log.update_bytes,
        snapshot_bytes: log.snapshot_bytes,
    }))
}
