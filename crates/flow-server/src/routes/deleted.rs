use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flow_auth::Permission;
use flow_base::{FlowId, Timestamp};
use flow_store::DeletedFlow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;

/// How long a deleted flow can be restored.
const RESTORABLE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);
const LISTED_MAX: u32 = 200;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeletedFlow)]
pub(crate) struct DeletedView {
    #[schema(value_type = Uuid)]
    id: FlowId,
    name: String,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    restorable_until: Timestamp,
}

impl From<DeletedFlow> for DeletedView {
    fn from(flow: DeletedFlow) -> Self {
        let DeletedFlow { id, name, deleted_at } = flow;
        Self { id, name, deleted_at, restorable_until: deleted_at + RESTORABLE }
    }
}

/// `GET /api/flows/deleted`: what the caller may restore, last deleted first, at most 200.
#[utoipa::path(
    get,
    path = "/flows/deleted",
    operation_id = "listDeletedFlows",
    tag = "flows",
    responses((status = 200, body = [DeletedView])),
    security(("signIn" = []), ("apiKey" = ["read"])),
)]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<DeletedView>>, ApiError> {
    caller.allow(Permission::ReadFlow)?;
    let flows = app.store().deleted_flows(caller.user, app.now() - RESTORABLE, LISTED_MAX).await?;
    Ok(Json(flows.into_iter().map(DeletedView::from).collect()))
}

/// `POST /api/flows/{id}/restore`: takes the deletion back, within 30 days, for its owners;
/// `204`.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/restore",
    operation_id = "restoreFlow",
    tag = "flows",
    params(FlowPath),
    responses((status = 204), (status = 409, description = "The workspace has as much as it may.")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
)]
pub(crate) async fn restore(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.allow(Permission::DeleteFlow)?;
    let (after, by) = (app.now() - RESTORABLE, caller.origin(&app));
    match app.store().restore_flow(flow, caller.user, after, app.quotas(), &by).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("deleted flow")),
    }
}
