//! Links that share a flow with whoever has them.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::{LinkToken, Permission};
use flow_base::{FlowId, LinkId, LinkRole, Secret, Timestamp, UserId};
use flow_store::{LinkAccess, LinkRecord, NewLink};
use serde::{Deserialize, Serialize};

use crate::address::ClientAddress;
use crate::app::App;
use crate::caller::{Body, Caller, FlowPath, segment};
use crate::error::ApiError;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkView {
    id: LinkId,
    role: LinkRole,
    created_by: UserId,
    created_at: Timestamp,
    /// `null`: it does not.
    expires_at: Option<Timestamp>,
}

impl From<LinkRecord> for LinkView {
    fn from(record: LinkRecord) -> Self {
        let LinkRecord { id, role, created_by, created_at, expires_at, .. } = record;
        Self { id, role, created_by, created_at, expires_at }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedLink {
    #[serde(flatten)]
    view: LinkView,
    /// What opens the flow, shown here and never again. It stands in for an access token,
    /// in the API and at the WebSocket. A page puts it behind a `#`, so that it gets into no
    /// log.
    token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateLink {
    role: LinkRole,
    expires_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WithToken {
    token: Secret<String>,
}

/// What a link shares.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shared {
    flow_id: FlowId,
    flow_name: String,
    role: LinkRole,
    expires_at: Option<Timestamp>,
}

/// `GET /api/flows/{id}/links`: the newest first; those that have expired stay until they
/// are revoked.
pub(crate) async fn list(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<Vec<LinkView>>, ApiError> {
    caller.require_member(&app, flow, Permission::ManageMembers).await?;
    Ok(Json(app.store().links(flow).await?.into_iter().map(LinkView::from).collect()))
}

/// `POST /api/flows/{id}/links`: makes one; `201` with its token.
pub(crate) async fn create(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<CreateLink>,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_member(&app, flow, Permission::ManageMembers).await?;
    let by = caller.origin(&app);
    if body.expires_at.is_some_and(|end| end <= by.at) {
        return Err(ApiError::invalid("expiresAt", "this is not in the future"));
    }
    let token = LinkToken::generate();
    let new = NewLink {
        id: LinkId::generate(),
        flow,
        hash: token.hash(),
        role: body.role,
        created_by: caller.user,
        expires_at: body.expires_at,
    };
    app.store().create_link(&new, &by).await?;
    let NewLink { id, role, created_by, expires_at, .. } = new;
    let view = LinkView { id, role, created_by, created_at: by.at, expires_at };
    let created = CreatedLink { view, token: token.to_text().into_inner() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
}

/// `DELETE /api/flows/{id}/links/{link}`: nobody comes with it any more, and whoever has is
/// out; `204`.
pub(crate) async fn revoke(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    LinkPath(link): LinkPath,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require_member(&app, flow, Permission::ManageMembers).await?;
    match app.store().revoke_link(flow, link, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("link")),
    }
}

/// `POST /api/links/look`: which flow a token shares, and how; for everybody who has it.
pub(crate) async fn look(
    State(app): State<App>,
    ClientAddress(from): ClientAddress,
    Body(body): Body<WithToken>,
) -> Result<Json<Shared>, ApiError> {
    app.requests().count_address(from).await?;
    let not_found = || ApiError::NotFound("link");
    let token = LinkToken::parse(body.token.expose()).map_err(|_| not_found())?;
    let found = app.store().live_link(&token.hash(), app.now()).await?;
    let LinkAccess { link, .. } = found.ok_or_else(not_found)?;
    let flow = app.store().flow_as(link.flow, link.role.role()).await?.ok_or_else(not_found)?;
    let LinkRecord { flow: flow_id, role, expires_at, .. } = link;
    Ok(Json(Shared { flow_id, flow_name: flow.name, role, expires_at }))
}

/// A link's id in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkPath(LinkId);

impl FromRequestParts<App> for LinkPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        segment(parts, app, "link_id", "link").await.map(Self)
    }
}
