//! Links that share a flow with whoever has them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::{LinkToken, Permission};
use flow_base::{FlowId, LinkId, LinkRole, Secret, Timestamp, UserId};
use flow_store::{LinkAccess, LinkRecord, NewLink};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, FlowPath, Stranger};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::Segment;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Link)]
pub(crate) struct LinkView {
    #[schema(value_type = Uuid)]
    id: LinkId,
    #[schema(schema_with = fields::link_role)]
    role: LinkRole,
    #[schema(value_type = Uuid)]
    created_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `null`: it does not.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Timestamp>,
}

impl From<LinkRecord> for LinkView {
    fn from(record: LinkRecord) -> Self {
        let LinkRecord { id, role, created_by, created_at, expires_at, .. } = record;
        Self { id, role, created_by, created_at, expires_at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedLink {
    #[serde(flatten)]
    view: LinkView,
    /// What opens the flow, shown here and never again. It stands in for an access token,
    /// in the API and at the WebSocket. A page puts it behind a `#`, so that it gets into no
    /// log.
    token: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateLink {
    #[schema(schema_with = fields::link_role)]
    role: LinkRole,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LinkWithToken)]
pub(crate) struct WithToken {
    #[schema(schema_with = fields::password)]
    token: Secret<String>,
}

/// What a link shares.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shared {
    #[schema(value_type = Uuid)]
    flow_id: FlowId,
    flow_name: String,
    #[schema(schema_with = fields::link_role)]
    role: LinkRole,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Timestamp>,
}

/// `GET /api/flows/{id}/links`: the newest first; those that have expired stay until they
/// are revoked.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/links",
    operation_id = "listLinks",
    tag = "members",
    params(FlowPath),
    responses((status = 200, body = [LinkView])),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<Vec<LinkView>>, ApiError> {
    caller.require_member(&app, flow, Permission::ManageMembers).await?;
    Ok(Json(app.store().links(flow).await?.into_iter().map(LinkView::from).collect()))
}

/// `POST /api/flows/{id}/links`: makes one; `201` with its token.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/links",
    operation_id = "createLink",
    tag = "members",
    params(FlowPath),
    request_body = CreateLink,
    responses(
        (status = 201, body = CreatedLink),
        (status = 409, description = "There are as many as a flow may have."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
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
#[utoipa::path(
    delete,
    path = "/flows/{flow_id}/links/{link_id}",
    operation_id = "revokeLink",
    tag = "members",
    params(FlowPath, Segment<LinkId>),
    responses((status = 204)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    Segment(link): Segment<LinkId>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require_member(&app, flow, Permission::ManageMembers).await?;
    match app.store().revoke_link(flow, link, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("link")),
    }
}

/// `POST /api/links/look`: which flow a token shares, and how; for everybody who has it.
#[utoipa::path(
    post,
    path = "/links/look",
    operation_id = "lookAtLink",
    tag = "members",
    request_body = WithToken,
    responses((status = 200, body = Shared), (status = 404, description = "The token shares nothing, or does no more.")),
    security(()),
)]
pub(crate) async fn look(
    State(app): State<App>,
    _: Stranger,
    Body(body): Body<WithToken>,
) -> Result<Json<Shared>, ApiError> {
    let not_found = || ApiError::NotFound("link");
    let token = LinkToken::parse(body.token.expose()).map_err(|_| not_found())?;
    let found = app.store().live_link(&token.hash(), app.now()).await?;
    let LinkAccess { link, .. } = found.ok_or_else(not_found)?;
    let flow = app.store().flow_as(link.flow, link.role.role()).await?.ok_or_else(not_found)?;
    let LinkRecord { flow: flow_id, role, expires_at, .. } = link;
    Ok(Json(Shared { flow_id, flow_name: flow.name, role, expires_at }))
}
