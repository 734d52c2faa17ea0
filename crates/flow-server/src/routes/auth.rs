use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use flow_auth::{RefreshToken, TokenKeys, display_name, normalise_email};
use flow_base::{Credential, Secret, SessionId, UserId, WorkspaceId};
use flow_store::{Conflict, Entry, NewSession, NewUser, Origin, RefreshOutcome, RefreshRotation, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::UserView;
use crate::app::{App, Registration};
use crate::body::{Body, MaybeBody};
use crate::caller::{Person, Stranger};
use crate::error::ApiError;
use crate::headers::ByTls;
use crate::measures;
use crate::openapi::fields;
use crate::passwords::{self, Proof};

/// How long a sign-in lives without being refreshed.
const SESSION_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Two tabs that refresh at the same moment present the same token. So long
/// after its exchange it is honoured once more instead of being taken for stolen.
const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// The longest that browsers have are about this; what is longer is cut.
const USER_AGENT_CHARS_MAX: usize = 256;

const COOKIE: &str = "interflow_refresh";
const COOKIE_PATH: &str = "/api/auth/refresh";

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Register {
    #[schema(schema_with = fields::email)]
    email: String,
    #[schema(schema_with = fields::new_password)]
    password: Secret<String>,
    #[schema(schema_with = fields::display_name)]
    name: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    #[schema(schema_with = fields::password)]
    password: Secret<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Refresh {
    /// Browsers leave it out: theirs is in a cookie.
    #[schema(schema_with = fields::password_or_null)]
    refresh_token: Option<Secret<String>>,
}

/// The answer to registering, logging in and refreshing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedIn {
    /// Access token, a JWT.
    token: String,
    refresh_token: String,
    /// Of the access token, in seconds.
    expires_in: u64,
    user: UserView,
}

/// `POST /api/auth/register`: creates an account and signs it in; `201`.
#[utoipa::path(
    post,
    path = "/auth/register",
    operation_id = "register",
    tag = "account",
    request_body = Register,
    responses(
        (status = 201, body = SignedIn, headers(("Set-Cookie" = String, description = "The refresh token, for browsers."))),
        (status = 403, description = "This server takes no new accounts."),
        (status = 409, description = "There is an account with this address."),
    ),
    security(()),
)]
pub(crate) async fn register(
    State(app): State<App>,
    Stranger(from): Stranger,
    headers: HeaderMap,
    by_tls: ByTls,
    jar: CookieJar,
    Body(body): Body<Register>,
) -> Result<(StatusCode, CookieJar, Json<SignedIn>), ApiError> {
    let email = normalise_email(&body.email)?;
    let name = display_name(&body.name)?;
    let entry = entry(&app).await?;
    let password_hash = passwords::hash("password", body.password).await?;
    let new = NewUser {
        id: UserId::generate(),
        email,
        name,
        password_hash,
        workspace: WorkspaceId::generate(),
        created_at: app.now(),
    };
    let by = Origin { address: Some(from), ..Origin::user(new.id, new.created_at) };
    let is_installation_owner = app.store().admit_user(&new, entry, &by).await?;
    measures::account_created();
    let NewUser { id, email, name, password_hash, workspace, created_at } = new;
    let user = User { id, email, name, password_hash, workspace, created_at, is_installation_owner };
    let (jar, signed_in) = sign_in(&app, (jar, by_tls), user, &headers, from).await?;
    Ok((StatusCode::CREATED, jar, signed_in))
}

/// `POST /api/auth/login`: signs in with address and password.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "login",
    tag = "account",
    request_body = Login,
    responses(
        (status = 200, body = SignedIn, headers(("Set-Cookie" = String, description = "The refresh token, for browsers."))),
        (status = 401, description = "The address or the password is wrong."),
        (status = 429, description = "Too many wrong passwords."),
    ),
    security(()),
)]
pub(crate) async fn login(
    State(app): State<App>,
    Stranger(from): Stranger,
    headers: HeaderMap,
    by_tls: ByTls,
    jar: CookieJar,
    Body(body): Body<Login>,
) -> Result<(CookieJar, Json<SignedIn>), ApiError> {
    // An address that cannot exist is as wrong as one that does not.
    let user = match normalise_email(&body.email) {
        Ok(email) => app.store().user_by_email(&email).await?,
        Err(_) => None,
    };
    let password_hash = user.as_ref().map(|user| user.password_hash.clone());
    let proof = Proof { email: &body.email, password_hash, password: body.password, from };
    let right = proof.verify(&app).await?;
    measures::signed_in(right && user.is_some());
    match user {
        Some(user) if right => sign_in(&app, (jar, by_tls), user, &headers, from).await,
        Some(_) | None => Err(ApiError::WrongCredentials),
    }
}

/// `POST /api/auth/refresh`: exchanges a refresh token, from the body or the
/// cookie, for its successor and a new access token.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refresh",
    tag = "account",
    request_body = Option<Refresh>,
    responses(
        (status = 200, body = SignedIn, headers(("Set-Cookie" = String, description = "The refresh token, for browsers."))),
        (status = 401, description = "There is no refresh token, or it has ended."),
    ),
    security((), ("refreshCookie" = [])),
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    Stranger(from): Stranger,
    by_tls: ByTls,
    jar: CookieJar,
    MaybeBody(body): MaybeBody<Refresh>,
) -> Result<(CookieJar, Json<SignedIn>), ApiError> {
    let presented =
        body.refresh_token.or_else(|| jar.get(COOKIE).map(|cookie| Secret::new(cookie.value().to_owned())));
    let presented = presented.ok_or(ApiError::SignedOut)?;
    let presented = RefreshToken::parse(presented.expose()).map_err(|_| ApiError::SignedOut)?;
    let successor = RefreshToken::generate();
    let now = app.now();
    let rotation = RefreshRotation {
        presented_hash: presented.hash(),
        successor_hash: successor.hash(),
        now,
        expires_at: now + SESSION_LASTS,
        honour_replaced_after: now - REFRESH_GRACE,
    };
    // Whoever it is: the token alone does not say.
    let by = Origin { address: Some(from), ..Origin::operator(now) };
    match app.store().rotate_refresh(&rotation, &by).await? {
        RefreshOutcome::Rotated { session, user } => {
            let user = app.store().user(user).await?.ok_or(ApiError::SignedOut)?;
            Ok(signed_in(&app, (jar, by_tls), user, session, &successor))
        }
        RefreshOutcome::Reused { session, user } => {
            tracing::warn!(%session, %user, "a replaced refresh token was presented; the sign-in is revoked");
            Err(ApiError::SignedOut)
        }
        RefreshOutcome::Unknown => Err(ApiError::SignedOut),
    }
}

/// `POST /api/auth/logout`: ends the sign-in, its refresh tokens and its sockets; `204`.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "logout",
    tag = "account",
    responses((status = 204, headers(("Set-Cookie" = String, description = "That there is no refresh token, for browsers.")))),
    security(("signIn" = [])),
)]
pub(crate) async fn logout(
    State(app): State<App>,
    person: Person,
    by_tls: ByTls,
    jar: CookieJar,
) -> Result<(StatusCode, CookieJar), ApiError> {
    app.store().revoke_session(person.user, person.session, &person.origin(&app)).await?;
    // The browser has sent none: it does so where it refreshes only.
    Ok((StatusCode::NO_CONTENT, jar.add(cookie(String::new(), Duration::ZERO, by_tls))))
}

/// Who may have the account. What does not depend on the others is refused before the
/// password is hashed, which is what costs.
async fn entry(app: &App) -> Result<Entry, ApiError> {
    match app.registration() {
        Registration::Open => Ok(Entry::Open),
        Registration::FirstOnly if !app.store().has_users().await? => Ok(Entry::FirstOnly),
        Registration::FirstOnly | Registration::Closed => {
            Err(ApiError::Conflict(Conflict::RegistrationClosed))
        }
    }
}

async fn sign_in(
    app: &App,
    browser: (CookieJar, ByTls),
    user: User,
    headers: &HeaderMap,
    from: IpAddr,
) -> Result<(CookieJar, Json<SignedIn>), ApiError> {
    let token = RefreshToken::generate();
    let now = app.now();
    let session = NewSession {
        id: SessionId::generate(),
        user: user.id,
        password_hash: user.password_hash.clone(),
        refresh_hash: token.hash(),
        user_agent: user_agent(headers),
        created_at: now,
        expires_at: now + SESSION_LASTS,
    };
    let credential = Some(Credential::Session(session.id));
    let by = Origin { credential, address: Some(from), ..Origin::user(user.id, now) };
    app.store().create_session(&session, &by).await?;
    Ok(signed_in(app, browser, user, session.id, &token))
}

/// What the client calls itself, as people see it in the list of their sign-ins.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(header::USER_AGENT)?.as_bytes());
    let shown: String = text.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
    (!shown.trim().is_empty()).then(|| shown.trim().to_owned())
}

fn signed_in(
    app: &App,
    browser: (CookieJar, ByTls),
    user: User,
    session: SessionId,
    refresh: &RefreshToken,
) -> (CookieJar, Json<SignedIn>) {
    let refresh = refresh.to_text().into_inner();
    let (jar, by_tls) = browser;
    let jar = jar.add(cookie(refresh.clone(), SESSION_LASTS, by_tls));
    let body = SignedIn {
        token: app.keys().issue(user.id, session, app.now()).into_inner(),
        refresh_token: refresh,
        expires_in: TokenKeys::lifetime().as_secs(),
        user: user.into(),
    };
    (jar, Json(body))
}

/// Where the refresh token is kept for so long. Whoever comes by TLS never sends it without.
fn cookie(refresh: String, lasts: Duration, ByTls(secure): ByTls) -> Cookie<'static> {
    Cookie::build((COOKIE, refresh))
        .path(COOKIE_PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(secure)
        .max_age(lasts.try_into().expect("a week is in range"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_calls_itself_is_cut_and_shows_only_what_can_be_shown() {
        let called = |name: &[u8]| {
            let value = axum::http::HeaderValue::from_bytes(name).unwrap();
            user_agent(&HeaderMap::from_iter([(header::USER_AGENT, value)]))
        };
        assert_eq!(called(b" Firefox/140 "), Some("Firefox/140".to_owned()));
        assert_eq!(called("Größe\tX".as_bytes()), Some("GrößeX".to_owned()));
        assert_eq!(called(b"caf\xe9"), Some("caf\u{fffd}".to_owned()));
        assert_eq!(called("ß".repeat(1_000).as_bytes()), Some("ß".repeat(256)));
        assert_eq!(called(b"  "), None);
        assert_eq!(user_agent(&HeaderMap::new()), None);
    }
}
