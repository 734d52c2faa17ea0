use axum::extract::State;
use axum::http::StatusCode;
use flow_auth::normalise_email;
use flow_base::{Role, Secret, UserId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::account::{prove, user};
use crate::address::ClientAddress;
use crate::app::App;
use crate::body::Body;
use crate::caller::Person;
use crate::error::ApiError;
use crate::openapi::fields;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EraseMe {
    #[schema(schema_with = fields::password)]
    current_password: Secret<String>,
    /// What becomes of the workspaces that nobody else owns.
    flows: Fate,
    /// With `reassign`: the address of somebody who is a member of a workspace that the
    /// caller owns, and will own them all.
    #[schema(schema_with = fields::email_or_null)]
    heir: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FlowsOfErased)]
enum Fate {
    Delete,
    Reassign,
}

/// `DELETE /api/auth/me`: erases the account: name, address, password, sign-ins, keys and
/// roles are gone for good, and what it did stays without a name; `204`.
#[utoipa::path(
    delete,
    path = "/auth/me",
    operation_id = "eraseMe",
    tag = "account",
    request_body = EraseMe,
    responses(
        (status = 204),
        (status = 409, description = "One owns a workspace with others, and has named no heir."),
        (status = 429, description = "Too many wrong passwords, or requests."),
    ),
    security(("signIn" = [])),
)]
pub(crate) async fn erase(
    State(app): State<App>,
    ClientAddress(from): ClientAddress,
    person: Person,
    Body(body): Body<EraseMe>,
) -> Result<StatusCode, ApiError> {
    let account = user(&app, person.user).await?;
    prove(&app, &account, body.current_password, from).await?;
    let heir = match (body.flows, body.heir) {
        (Fate::Delete, None) => None,
        (Fate::Delete, Some(_)) => return Err(ApiError::invalid("heir", "is for flows that are reassigned")),
        (Fate::Reassign, None) => return Err(ApiError::invalid("heir", "is missing")),
        (Fate::Reassign, Some(email)) => Some(heir(&app, person.user, &email).await?),
    };
    match app.store().erase_user(person.user, heir, &person.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::SignedOut),
    }
}

/// Nobody is left what they have nothing to do with.
async fn heir(app: &App, user: UserId, email: &str) -> Result<UserId, ApiError> {
    let stranger = || ApiError::invalid("heir", "nobody with this address is in a workspace of yours");
    let email = normalise_email(email).map_err(|_| stranger())?;
    let heir = app.store().user_by_email(&email).await?.ok_or_else(stranger)?;
    for workspace in app.store().workspaces(user).await? {
        let owns = workspace.role == Role::Owner;
        if owns && app.store().workspace(workspace.id, heir.id).await?.is_some() && heir.id != user {
            return Ok(heir.id);
        }
    }
    Err(stranger())
}
