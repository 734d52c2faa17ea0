use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flow_auth::{display_name, normalise_email};
use flow_base::{Secret, Timestamp, UserId, WorkspaceId};
use flow_store::{PasswordChange, User, UserChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::address::ClientAddress;
use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, Person};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::passwords::{self, Proof};

/// The field with which somebody shows to be who has signed in.
const CURRENT_PASSWORD: &str = "currentPassword";

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(crate) struct UserView {
    #[schema(value_type = Uuid)]
    pub(super) id: UserId,
    email: String,
    name: String,
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// May ask how the server is doing.
    installation_owner: bool,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, name, workspace, created_at, is_installation_owner, .. } = user;
        let installation_owner = is_installation_owner;
        Self { id, email, name, workspace_id: workspace, created_at, installation_owner }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeMe {
    #[schema(schema_with = fields::display_name_or_null)]
    name: Option<String>,
    #[schema(schema_with = fields::email_or_null)]
    email: Option<String>,
    /// Needed for another address, because with the address goes the account.
    #[schema(schema_with = fields::password_or_null)]
    current_password: Option<Secret<String>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangePassword {
    #[schema(schema_with = fields::password)]
    current_password: Secret<String>,
    #[schema(schema_with = fields::new_password)]
    new_password: Secret<String>,
}

/// `GET /api/auth/me`: who is signed in, or whom a key acts for.
#[utoipa::path(
    get,
    path = "/auth/me",
    operation_id = "getMe",
    tag = "account",
    responses((status = 200, body = UserView)),
    security(("signIn" = []), ("apiKey" = [])),
)]
pub(crate) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<UserView>, ApiError> {
    if caller.is_guest() {
        return Err(ApiError::Forbidden);
    }
    Ok(Json(user(&app, caller.user).await?.into()))
}

/// `PATCH /api/auth/me`: changes the name, and with the current password the address;
/// answers the account.
#[utoipa::path(
    patch,
    path = "/auth/me",
    operation_id = "changeMe",
    tag = "account",
    request_body = ChangeMe,
    responses(
        (status = 200, body = UserView),
        (status = 409, description = "Another account has this address."),
        (status = 429, description = "Too many wrong passwords."),
    ),
    security(("signIn" = [])),
)]
pub(crate) async fn change(
    State(app): State<App>,
    ClientAddress(from): ClientAddress,
    person: Person,
    Body(body): Body<ChangeMe>,
) -> Result<Json<UserView>, ApiError> {
    let name = body.name.as_deref().map(display_name).transpose()?;
    let email = body.email.as_deref().map(normalise_email).transpose()?;
    let user = user(&app, person.user).await?;
    let email = email.filter(|email| *email != user.email);
    if email.is_some() {
        let password = body.current_password;
        let password = password.ok_or_else(|| {
            ApiError::invalid(CURRENT_PASSWORD, "your password is needed for another address")
        })?;
        prove(&app, &user, password, from).await?;
    }
    let changed = app.store().change_user(user.id, &UserChange { email, name }, &person.origin(&app)).await?;
    Ok(Json(changed.ok_or(ApiError::SignedOut)?.into()))
}

/// `POST /api/auth/password`: sets a new password and ends all other sign-ins and their
/// sockets; `204`. Keys stay as they are.
#[utoipa::path(
    post,
    path = "/auth/password",
    operation_id = "changePassword",
    tag = "account",
    request_body = ChangePassword,
    responses((status = 204), (status = 429, description = "Too many wrong passwords.")),
    security(("signIn" = [])),
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    ClientAddress(from): ClientAddress,
    person: Person,
    Body(body): Body<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    let user = user(&app, person.user).await?;
    prove(&app, &user, body.current_password, from).await?;
    let password_hash = passwords::hash("newPassword", body.new_password).await?;
    let change = PasswordChange { user: user.id, password_hash, keep: Some(person.session), now: app.now() };
    match app.store().change_password(&change, &person.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::SignedOut),
    }
}

pub(super) async fn user(app: &App, user: UserId) -> Result<User, ApiError> {
    app.store().user(user).await?.ok_or(ApiError::SignedOut)
}

/// A wrong one here is counted like one at signing in: a sign-in that was left open must
/// not be a way to find out the password. It is no 401, for the sign-in is still good.
pub(super) async fn prove(
    app: &App,
    user: &User,
    password: Secret<String>,
    from: std::net::IpAddr,
) -> Result<(), ApiError> {
    let proof = Proof { email: &user.email, password_hash: Some(user.password_hash.clone()), password, from };
    match proof.verify(app).await? {
        true => Ok(()),
        false => Err(ApiError::invalid(CURRENT_PASSWORD, "this is not your password")),
    }
}
