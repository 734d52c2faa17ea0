//! Links with which people join a workspace.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::{InvitationToken, Permission};
use flow_base::{InvitationId, Role, Secret, Timestamp, UserId, WorkspaceId};
use flow_store::{InvitationRecord, NewInvitation};
use serde::{Deserialize, Serialize};

use crate::address::ClientAddress;
use crate::app::App;
use crate::caller::{Body, Caller, Person, WorkspacePath, segment};
use crate::error::ApiError;

/// Of an invitation of which it is not said.
const LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// An invitation that nobody remembers should not open a door.
const LASTS_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitationView {
    id: InvitationId,
    role: Role,
    created_by: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// How many have joined with it.
    uses: u32,
    /// How many may; `null`: any number.
    uses_max: Option<u32>,
}

impl From<InvitationRecord> for InvitationView {
    fn from(record: InvitationRecord) -> Self {
        let InvitationRecord { id, role, created_by, created_at, expires_at, uses, uses_max, .. } = record;
        Self { id, role, created_by, created_at, expires_at, uses, uses_max }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedInvitation {
    #[serde(flatten)]
    view: InvitationView,
    /// What opens the door, shown here and never again. A page puts it behind a `#`, so
    /// that it gets into no log.
    token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateInvitation {
    role: Role,
    /// In a week if it is left out; within 90 days.
    expires_at: Option<Timestamp>,
    uses_max: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WithToken {
    token: Secret<String>,
}

/// What somebody is invited to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LookedAt {
    workspace_name: String,
    role: Role,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Joined {
    workspace_id: WorkspaceId,
}

/// `GET /api/workspaces/{id}/invitations`: the newest first; those that have ended stay
/// until they are revoked.
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
pub(crate) async fn revoke(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    InvitationPath(invitation): InvitationPath,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    match app.store().revoke_invitation(workspace, invitation, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("invitation")),
    }
}

/// `POST /api/invitations/look`: what a token invites to; for everybody who has it.
pub(crate) async fn look(
    State(app): State<App>,
    ClientAddress(from): ClientAddress,
    Body(body): Body<WithToken>,
) -> Result<Json<LookedAt>, ApiError> {
    app.requests().count_address(from).await?;
    let found = app.store().live_invitation(&hash(&body)?, app.now()).await?;
    let found = found.ok_or(ApiError::NotFound("invitation"))?;
    let InvitationRecord { workspace_name, role, expires_at, .. } = found;
    Ok(Json(LookedAt { workspace_name, role, expires_at }))
}

/// `POST /api/invitations/accept`: makes the caller a member; whoever is one with a greater
/// role stays what they are.
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

/// An invitation's id in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvitationPath(InvitationId);

impl FromRequestParts<App> for InvitationPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        segment(parts, app, "invitation_id", "invitation").await.map(Self)
    }
}
