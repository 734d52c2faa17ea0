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

impl DeletedView {
    fn new(app: &App, flow: DeletedFlow) -> Self {
        let DeletedFlow { id, name, deleted_at } = flow;
        Self { id, name, deleted_at, restorable_until: deleted_at + app.restorable_for() }
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
    let after = app.now() - app.restorable_for();
    let flows = app.store().deleted_flows(caller.user, after, LISTED_MAX).await?;
    Ok(Json(flows.into_iter().map(|flow| DeletedView::new(&app, flow)).collect()))
}

/// `POST /api/flows/{id}/restore`: takes the deletion back, within 30 days or what the
/// server is configured for, for its owners; `204`.
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
    let (after, by) = (app.now() - app.restorable_for(), caller.origin(&app));
    match app.store().restore_flow(flow, caller.user, after, app.quotas(), &by).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("deleted flow")),
    }
}
