use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flow_auth::{Permission, normalise_email};
use flow_base::{FlowId, Role, UserId};
use flow_store::{Member, MemberChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::Segment;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
pub(crate) struct MemberView {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    name: String,
    email: String,
    #[schema(schema_with = fields::role)]
    role: Role,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { user, name, email, role } = member;
        Self { user_id: user, name, email, role }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PutMember {
    /// Of an existing account.
    #[schema(schema_with = fields::email)]
    email: String,
    #[schema(schema_with = fields::role)]
    role: Role,
}

/// `GET /api/flows/{id}/members`: who has a role on this flow.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/members",
    operation_id = "listMembers",
    tag = "members",
    params(FlowPath),
    responses((status = 200, body = [MemberView])),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    caller.require_member(&app, flow, Permission::ReadFlow).await?;
    Ok(Json(members(&app, flow).await?))
}

/// `POST /api/flows/{id}/members`: gives a role, or changes it; answers the members.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/members",
    operation_id = "putMember",
    tag = "members",
    params(FlowPath),
    request_body = PutMember,
    responses((status = 200, body = [MemberView]), (status = 409, description = "A flow keeps an owner.")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn put(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<PutMember>,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    caller.require(&app, flow, Permission::ManageMembers).await?;
    let email = normalise_email(&body.email)?;
    let user = app.store().user_by_email(&email).await?;
    let user = user.ok_or_else(|| ApiError::invalid("email", "nobody with this address has an account"))?;
    let change = MemberChange { flow, user: user.id, role: Some(body.role) };
    app.store().change_member(change, &caller.origin(&app)).await?;
    Ok(Json(members(&app, flow).await?))
}

/// `DELETE /api/flows/{id}/members/{user}`: takes the role away; everybody may
/// leave by themselves; `204`.
#[utoipa::path(
    delete,
    path = "/flows/{flow_id}/members/{user_id}",
    operation_id = "removeMember",
    tag = "members",
    params(FlowPath, Segment<UserId>),
    responses((status = 204), (status = 409, description = "A flow keeps an owner.")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    Segment(user): Segment<UserId>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    // Whoever leaves needs no more than to be there, but a key for it does.
    caller.allow(Permission::ManageMembers)?;
    let needs = if user == caller.user { Permission::ReadFlow } else { Permission::ManageMembers };
    caller.require(&app, flow, needs).await?;
    let change = MemberChange { flow, user, role: None };
    match app.store().change_member(change, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("member")),
    }
}

async fn members(app: &App, flow: FlowId) -> Result<Vec<MemberView>, ApiError> {
    Ok(app.store().flow_members(flow).await?.into_iter().map(MemberView::from).collect())
}
