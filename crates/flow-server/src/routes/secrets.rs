//! What flows of a workspace sign in elsewhere with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flow_auth::Permission;
use flow_base::{Secret, Timestamp, UserId};
use flow_store::SecretRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, WorkspacePath};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::{SecretName, Segment};

/// Of a secret. Headers, in which most are sent, are no longer at most servers.
pub(crate) const VALUE_BYTES_MAX: usize = 8 << 10;

/// A secret, without what it is: that is told to nobody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Secret)]
pub(crate) struct SecretView {
    name: String,
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// `null`: an operator of the server.
    #[schema(value_type = Option<Uuid>, required)]
    changed_by: Option<UserId>,
}

impl From<SecretRecord> for SecretView {
    fn from(record: SecretRecord) -> Self {
        let SecretRecord { name, changed_at, changed_by } = record;
        Self { name, changed_at, changed_by }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PutSecret {
    #[schema(schema_with = fields::secret_value)]
    value: Secret<String>,
}

/// `GET /api/workspaces/{id}/secrets`: by name; what they are nobody is told.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/secrets",
    operation_id = "listSecrets",
    tag = "workspaces",
    params(WorkspacePath),
    responses((status = 200, body = [SecretView])),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
) -> Result<Json<Vec<SecretView>>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let secrets = app.store().secrets(workspace).await?;
    Ok(Json(secrets.into_iter().map(SecretView::from).collect()))
}

/// `PUT /api/workspaces/{id}/secrets/{name}`: keeps a secret, in place of the one of its name.
/// Calls of the workspace's flows that begin from now on are made with it.
#[utoipa::path(
    put,
    path = "/workspaces/{workspace_id}/secrets/{secret_name}",
    operation_id = "putSecret",
    tag = "workspaces",
    params(WorkspacePath, Segment<SecretName>),
    request_body = PutSecret,
    responses((status = 200, body = SecretView), (status = 409, description = "There are as many as a workspace may have.")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn put(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    name: Result<Segment<SecretName>, ApiError>,
    caller: Caller,
    Body(body): Body<PutSecret>,
) -> Result<Json<SecretView>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    // It need not be that of something; but of what can be.
    let Segment(SecretName(name)) = name.map_err(|_| {
        ApiError::invalid("name", "has 1 to 64 of a to z, A to Z, 0 to 9, _, - and . (not as the first)")
    })?;
    if !(1..=VALUE_BYTES_MAX).contains(&body.value.expose().len()) {
        return Err(ApiError::invalid("value", format!("has 1 to {VALUE_BYTES_MAX} bytes")));
    }
    let record = app.vault().put(workspace, name, &body.value, &caller.origin(&app)).await?;
    Ok(Json(record.into()))
}

/// `DELETE /api/workspaces/{id}/secrets/{name}`: calls that need it fail from now on; `204`.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/secrets/{secret_name}",
    operation_id = "deleteSecret",
    tag = "workspaces",
    params(WorkspacePath, Segment<SecretName>),
    responses((status = 204)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(SecretName(name)): Segment<SecretName>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    match app.store().remove_secret(workspace, &name, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("secret")),
    }
}
