//! Where flows belong, and who has a role on all of them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::{Permission, display_name, normalise_email};
use flow_base::{Role, Timestamp, UserId, WorkspaceId};
use flow_store::{
    Conflict, NewWorkspace, Quotas, StoreError, WorkspaceMemberChange, WorkspaceRecord, WorkspaceUsage,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::members::MemberView;
use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, WorkspacePath};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::Segment;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Workspace)]
pub(crate) struct WorkspaceView {
    #[schema(value_type = Uuid)]
    id: WorkspaceId,
    name: String,
    /// What the caller is to the workspace.
    #[schema(schema_with = fields::role)]
    role: Role,
    /// It is the one that its owner's account has from the start.
    personal: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<WorkspaceRecord> for WorkspaceView {
    fn from(record: WorkspaceRecord) -> Self {
        let WorkspaceRecord { id, name, role, is_personal: personal, created_at } = record;
        Self { id, name, role, personal, created_at }
    }
}

/// A workspace with what it has and may have.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WholeWorkspace)]
pub(crate) struct WholeWorkspaceView {
    #[serde(flatten)]
    workspace: WorkspaceView,
    usage: UsageView,
    quotas: QuotasView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WorkspaceUsage)]
pub(crate) struct UsageView {
    flows: u64,
    members: u64,
    /// Of the flows' logs and versions, those of deleted flows included.
    storage_bytes: u64,
}

impl From<WorkspaceUsage> for UsageView {
    fn from(usage: WorkspaceUsage) -> Self {
        let WorkspaceUsage { flows, members, storage_bytes } = usage;
        Self { flows, members, storage_bytes }
    }
}

/// `null`: any number.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WorkspaceQuotas)]
pub(crate) struct QuotasView {
    #[schema(required)]
    flows: Option<u64>,
    #[schema(required)]
    members: Option<u64>,
    #[schema(required)]
    storage_bytes: Option<u64>,
    #[schema(required)]
    runs_per_day: Option<u64>,
}

impl From<Quotas> for QuotasView {
    fn from(quotas: Quotas) -> Self {
        let Quotas { flows, members, storage_bytes, runs_per_day } = quotas;
        Self { flows, members, storage_bytes, runs_per_day }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NameWorkspace {
    #[schema(schema_with = fields::display_name)]
    name: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PutWorkspaceMember {
    /// Of an existing account.
    #[schema(schema_with = fields::email)]
    email: String,
    #[schema(schema_with = fields::role)]
    role: Role,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Transfer {
    /// A member, who becomes the owner.
    #[schema(value_type = Uuid)]
    user_id: UserId,
}

/// `GET /api/workspaces`: those the caller is a member of, the personal one first.
#[utoipa::path(
    get,
    path = "/workspaces",
    operation_id = "listWorkspaces",
    tag = "workspaces",
    responses((status = 200, body = [WorkspaceView])),
    security(("signIn" = []), ("apiKey" = ["read"])),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<WorkspaceView>>, ApiError> {
    caller.allow(Permission::ReadWorkspace)?;
    let workspaces = app.store().workspaces(caller.user).await?;
    Ok(Json(workspaces.into_iter().map(WorkspaceView::from).collect()))
}

/// `POST /api/workspaces`: makes one, which the caller owns; `201`.
#[utoipa::path(
    post,
    path = "/workspaces",
    operation_id = "createWorkspace",
    tag = "workspaces",
    request_body = NameWorkspace,
    responses(
        (status = 201, body = WorkspaceView, headers(("Location" = String, description = "Of what was made."))),
        (status = 409, description = "There are as many as one may own."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage"])),
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<NameWorkspace>,
) -> Result<impl IntoResponse, ApiError> {
    caller.allow(Permission::ManageWorkspace)?;
    let name = display_name(&body.name)?;
    let new = NewWorkspace { id: WorkspaceId::generate(), name, owner: caller.user };
    app.store().create_workspace(&new, &caller.origin(&app)).await?;
    let seen = app.store().workspace(new.id, caller.user).await?;
    let view = WorkspaceView::from(seen.ok_or(ApiError::NotFound("workspace"))?);
    let location = [(header::LOCATION, format!("/api/workspaces/{}", view.id))];
    Ok((StatusCode::CREATED, location, Json(view)))
}

/// `GET /api/workspaces/{id}`: with what it has, and how much it may have.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}",
    operation_id = "getWorkspace",
    tag = "workspaces",
    params(WorkspacePath),
    responses((status = 200, body = WholeWorkspaceView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
) -> Result<Json<WholeWorkspaceView>, ApiError> {
    let seen = caller.require_in(&app, workspace, Permission::ReadWorkspace).await?;
    let (usage, own) =
        app.store().workspace_usage(workspace).await?.ok_or(ApiError::NotFound("workspace"))?;
    let quotas = own.over(app.quotas()).into();
    Ok(Json(WholeWorkspaceView { workspace: seen.into(), usage: usage.into(), quotas }))
}

/// `PATCH /api/workspaces/{id}`: gives it another name; answers it.
#[utoipa::path(
    patch,
    path = "/workspaces/{workspace_id}",
    operation_id = "renameWorkspace",
    tag = "workspaces",
    params(WorkspacePath),
    request_body = NameWorkspace,
    responses((status = 200, body = WorkspaceView)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn rename(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
    Body(body): Body<NameWorkspace>,
) -> Result<Json<WorkspaceView>, ApiError> {
    let mut seen = caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    seen.name = display_name(&body.name)?;
    match app.store().rename_workspace(workspace, &seen.name, &caller.origin(&app)).await? {
        true => Ok(Json(seen.into())),
        false => Err(ApiError::NotFound("workspace")),
    }
}

/// `GET /api/workspaces/{id}/members`: owners first, then by name.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/members",
    operation_id = "listWorkspaceMembers",
    tag = "workspaces",
    params(WorkspacePath),
    responses((status = 200, body = [MemberView])),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn members(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    caller.require_in(&app, workspace, Permission::ReadWorkspace).await?;
    Ok(Json(all_members(&app, workspace).await?))
}

/// `POST /api/workspaces/{id}/members`: gives a role, or changes it; answers the members.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/members",
    operation_id = "putWorkspaceMember",
    tag = "workspaces",
    params(WorkspacePath),
    request_body = PutWorkspaceMember,
    responses(
        (status = 200, body = [MemberView]),
        (status = 409, description = "The workspace keeps an owner, is a personal one, or has as many members as it may."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn put_member(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
    Body(body): Body<PutWorkspaceMember>,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let email = normalise_email(&body.email)?;
    let user = app.store().user_by_email(&email).await?;
    let user = user.ok_or_else(|| ApiError::invalid("email", "nobody with this address has an account"))?;
    let change = WorkspaceMemberChange { workspace, user: user.id, role: Some(body.role) };
    app.store().change_workspace_member(change, app.quotas(), &caller.origin(&app)).await?;
    Ok(Json(all_members(&app, workspace).await?))
}

/// `DELETE /api/workspaces/{id}/members/{user}`: takes the role away; everybody may leave by
/// themselves; `204`.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/members/{user_id}",
    operation_id = "removeWorkspaceMember",
    tag = "workspaces",
    params(WorkspacePath, Segment<UserId>),
    responses(
        (status = 204),
        (status = 409, description = "The workspace keeps an owner, is a personal one, or has as many members as it may."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn remove_member(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(user): Segment<UserId>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    // Whoever leaves needs no more than to be there, but a key for it does.
    caller.allow(Permission::ManageWorkspace)?;
    let leaves = user == caller.user;
    let needs = if leaves { Permission::ReadWorkspace } else { Permission::ManageWorkspace };
    caller.require_in(&app, workspace, needs).await?;
    let change = WorkspaceMemberChange { workspace, user, role: None };
    let removed = app.store().change_workspace_member(change, app.quotas(), &caller.origin(&app)).await;
    match removed {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        // Not even an account has to be there for somebody to be no member.
        Ok(false) | Err(StoreError::Conflict(Conflict::UnknownUser)) => Err(ApiError::NotFound("member")),
        Err(error) => Err(error.into()),
    }
}

/// `POST /api/workspaces/{id}/transfer`: makes a member the owner in the caller's place, who
/// becomes an editor; answers the members.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/transfer",
    operation_id = "transferWorkspace",
    tag = "workspaces",
    params(WorkspacePath),
    request_body = Transfer,
    responses(
        (status = 200, body = [MemberView]),
        (status = 409, description = "A personal workspace stays with its account."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn transfer(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
    Body(body): Body<Transfer>,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let by = caller.origin(&app);
    match app.store().transfer_workspace(workspace, caller.user, body.user_id, &by).await? {
        true => Ok(Json(all_members(&app, workspace).await?)),
        false => Err(ApiError::invalid("userId", "this is nobody else who is a member")),
    }
}

async fn all_members(app: &App, workspace: WorkspaceId) -> Result<Vec<MemberView>, ApiError> {
    let members = app.store().workspace_members(workspace).await?;
    Ok(members.into_iter().map(MemberView::from).collect())
}
