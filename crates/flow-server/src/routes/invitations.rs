//! Links with which people join a workspace.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::{InvitationToken, Permission};
use flow_base::{InvitationId, Role, Secret, Timestamp, UserId, WorkspaceId};
use flow_store::{InvitationRecord, NewInvitation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, Person, Stranger, WorkspacePath};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::Segment;

/// Of an invitation of which it is not said.
const LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// An invitation that nobody remembers should not open a door.
const LASTS_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invitation)]
pub(crate) struct InvitationView {
    #[schema(value_type = Uuid)]
    id: InvitationId,
    #[schema(schema_with = fields::role)]
    role: Role,
    #[schema(value_type = Uuid)]
    created_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// How many have joined with it.
    uses: u32,
    /// How many may; `null`: any number.
    #[schema(required)]
    uses_max: Option<u32>,
}

impl From<InvitationRecord> for InvitationView {
    fn from(record: InvitationRecord) -> Self {
        let InvitationRecord { id, role, created_by, created_at, expires_at, uses, uses_max, .. } = record;
        Self { id, role, created_by, created_at, expires_at, uses, uses_max }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedInvitation {
    #[serde(flatten)]
    view: InvitationView,
    /// What opens the door, shown here and never again. A page puts it behind a `#`, so
    /// that it gets into no log.
    token: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateInvitation {
    #[schema(schema_with = fields::role)]
    role: Role,
    /// In a week if it is left out; within 90 days.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(minimum = 1)]
    uses_max: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = InvitationWithToken)]
pub(crate) struct WithToken {
    #[schema(schema_with = fields::password)]
    token: Secret<String>,
}

/// What somebody is invited to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvitedTo)]
pub(crate) struct LookedAt {
    workspace_name: String,
    #[schema(schema_with = fields::role)]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Joined {
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
}

/// `GET /api/workspaces/{id}/invitations`: the newest first; those that have ended stay
/// until they are revoked.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/invitations",
    operation_id = "listInvitations",
    tag = "workspaces",
    params(WorkspacePath),
    responses((status = 200, body = [InvitationView])),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
) -> Result<Json<Vec<InvitationView>>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let invitations = app.store().invitations(workspace).await?;
    Ok(Json(invitations.into_iter().map(InvitationView::from).collect()))
}

/// `POST /api/workspaces/{id}/invitations`: makes one; `201` with its token.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/invitations",
    operation_id = "createInvitation",
    tag = "workspaces",
    params(WorkspacePath),
    request_body = CreateInvitation,
    responses(
        (status = 201, body = CreatedInvitation),
        (status = 409, description = "There are as many as a workspace may have."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
    Body(body): Body<CreateInvitation>,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let by = caller.origin(&app);
    let expires_at = body.expires_at.unwrap_or(by.at + LASTS);
    if expires_at <= by.at || expires_at > by.at + LASTS_MAX {
        return Err(ApiError::invalid("expiresAt", "this is not within the next 90 days"));
    }
    if body.uses_max == Some(0) {
        return Err(ApiError::invalid("usesMax", "an invitation is good for one at least"));
    }
    let token = InvitationToken::generate();
    let new = NewInvitation {
        id: InvitationId::generate(),
        workspace,
        hash: token.hash(),
        role: body.role,
        created_by: caller.user,
        expires_at,
        uses_max: body.uses_max,
    };
    app.store().create_invitation(&new, &by).await?;
    let NewInvitation { id, role, created_by, uses_max, .. } = new;
    let view = InvitationView { id, role, created_by, created_at: by.at, expires_at, uses: 0, uses_max };
    let created = CreatedInvitation { view, token: token.to_text().into_inner() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
}

/// `DELETE /api/workspaces/{id}/invitations/{invitation}`: nobody joins with it any more;
/// `204`.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/invitations/{invitation_id}",
    operation_id = "revokeInvitation",
    tag = "workspaces",
    params(WorkspacePath, Segment<InvitationId>),
    responses((status = 204)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(invitation): Segment<InvitationId>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    match app.store().revoke_invitation(workspace, invitation, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("invitation")),
    }
}

/// `POST /api/invitations/look`: what a token invites to; for everybody who has it.
#[utoipa::path(
    post,
    path = "/invitations/look",
    operation_id = "lookAtInvitation",
    tag = "workspaces",
    request_body = WithToken,
    responses((status = 200, body = LookedAt), (status = 404, description = "The token invites to nothing, or does no more.")),
    security(()),
)]
pub(crate) async fn look(
    State(app): State<App>,
    _: Stranger,
    Body(body): Body<WithToken>,
) -> Result<Json<LookedAt>, ApiError> {
    let found = app.store().live_invitation(&hash(&body)?, app.now()).await?;
    let found = found.ok_or(ApiError::NotFound("invitation"))?;
    let InvitationRecord { workspace_name, role, expires_at, .. } = found;
    Ok(Json(LookedAt { workspace_name, role, expires_at }))
}

/// `POST /api/invitations/accept`: makes the caller a member; whoever is one with a greater
/// role stays what they are.
#[utoipa::path(
    post,
    path = "/invitations/accept",
    operation_id = "acceptInvitation",
    tag = "workspaces",
    request_body = WithToken,
    responses(
        (status = 200, body = Joined),
        (status = 404, description = "The token invites to nothing, or does no more."),
        (status = 409, description = "The workspace has as many members as it may."),
    ),
    security(("signIn" = [])),
)]
pub(crate) async fn accept(
    State(app): State<App>,
    person: Person,
    Body(body): Body<WithToken>,
) -> Result<Json<Joined>, ApiError> {
    let (hash, by) = (hash(&body)?, person.origin(&app));
    let joined = app.store().accept_invitation(&hash, person.user, app.quotas(), &by).await?;
    let workspace_id = joined.ok_or(ApiError::NotFound("invitation"))?;
    Ok(Json(Joined { workspace_id }))
}

fn hash(body: &WithToken) -> Result<[u8; 32], ApiError> {
    let token = InvitationToken::parse(body.token.expose());
    Ok(token.map_err(|_| ApiError::NotFound("invitation"))?.hash())
}
