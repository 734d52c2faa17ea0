use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use flow_auth::{RefreshToken, TokenKeys, display_name, normalise_email, password};
use flow_base::{Secret, SessionId, Timestamp, UserId, WorkspaceId};
use flow_store::{NewSession, NewUser, RefreshOutcome, RefreshRotation, User};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::caller::{Body, Caller};
use crate::error::ApiError;
use crate::measures;

/// How long a sign-in lives without being refreshed.
const SESSION_LASTS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
/// Two tabs that refresh at the same moment present the same token. So long
/// after its exchange it is honoured once more instead of being taken for stolen.
const REFRESH_GRACE: std::time::Duration = std::time::Duration::from_secs(10);

const COOKIE: &str = "interflow_refresh";
const COOKIE_PATH: &str = "/api/auth/refresh";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Register {
    email: String,
    password: Secret<String>,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    password: Secret<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Refresh {
    /// Browsers leave it out: theirs is in a cookie.
    refresh_token: Option<Secret<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    id: UserId,
    email: String,
    name: String,
    workspace_id: WorkspaceId,
    created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, name, workspace, created_at, .. } = user;
        Self { id, email, name, workspace_id: workspace, created_at }
    }
}

/// The answer to registering, logging in and refreshing.
#[derive(Debug, Serialize)]
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
pub(crate) async fn register(
    State(app): State<App>,
    jar: CookieJar,
    Body(body): Body<Register>,
) -> Result<(StatusCode, CookieJar, Json<SignedIn>), ApiError> {
    let email = normalise_email(&body.email)?;
    let name = display_name(&body.name)?;
    password::check(body.password.expose())?;
    let password_hash = hashing(move || password::hash(body.password.expose())).await??;
    let user = User {
        id: UserId::generate(),
        email,
        name,
        password_hash,
        workspace: WorkspaceId::generate(),
        created_at: app.now(),
    };
    let User { id, email, name, password_hash, workspace, created_at } = user.clone();
    app.store().create_user(&NewUser { id, email, name, password_hash, workspace, created_at }).await?;
    measures::account_created();
    let (jar, signed_in) = sign_in(&app, jar, user).await?;
    Ok((StatusCode::CREATED, jar, signed_in))
}

/// `POST /api/auth/login`: signs in with address and password.
pub(crate) async fn login(
    State(app): State<App>,
    jar: CookieJar,
    Body(body): Body<Login>,
) -> Result<(CookieJar, Json<SignedIn>), ApiError> {
    // An address that cannot exist is as wrong as one that does not.
    let user = match normalise_email(&body.email) {
        Ok(email) => app.store().user_by_email(&email).await?,
        Err(_) => None,
    };
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let right = hashing(move || match hash {
        Some(hash) => password::verify(body.password.expose(), &hash),
        // Takes as long as a wrong password: who has an account stays unknown.
        None => {
            password::verify_dummy(body.password.expose());
            false
        }
    })
    .await?;
    measures::signed_in(right && user.is_some());
    match user {
        Some(user) if right => sign_in(&app, jar, user).await,
        Some(_) | None => Err(ApiError::WrongCredentials),
    }
}

/// `POST /api/auth/refresh`: exchanges a refresh token, from the body or the
/// cookie, for its successor and a new access token.
pub(crate) async fn refresh(
    State(app): State<App>,
    jar: CookieJar,
    body: Option<Json<Refresh>>,
) -> Result<(CookieJar, Json<SignedIn>), ApiError> {
    let from_body = body.and_then(|Json(body)| body.refresh_token);
    let presented =
        from_body.or_else(|| jar.get(COOKIE).map(|cookie| Secret::new(cookie.value().to_owned())));
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
    match app.store().rotate_refresh(&rotation).await? {
        RefreshOutcome::Rotated { session, user } => {
            let user = app.store().user(user).await?.ok_or(ApiError::SignedOut)?;
            Ok(signed_in(&app, jar, user, session, &successor))
        }
        RefreshOutcome::Reused { session, user } => {
            tracing::warn!(%session, %user, "a replaced refresh token was presented; the sign-in is revoked");
            Err(ApiError::SignedOut)
        }
        RefreshOutcome::Unknown => Err(ApiError::SignedOut),
    }
}

/// `POST /api/auth/logout`: ends the sign-in, its refresh tokens and its sockets; `204`.
pub(crate) async fn logout(
    State(app): State<App>,
    caller: Caller,
    jar: CookieJar,
) -> Result<(StatusCode, CookieJar), ApiError> {
    app.store().revoke_session(caller.session, app.now()).await?;
    Ok((StatusCode::NO_CONTENT, jar.remove(Cookie::build(COOKIE).path(COOKIE_PATH))))
}

/// `GET /api/auth/me`: who is signed in.
pub(crate) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<UserView>, ApiError> {
    let user = app.store().user(caller.user).await?.ok_or(ApiError::SignedOut)?;
    Ok(Json(user.into()))
}

async fn sign_in(app: &App, jar: CookieJar, user: User) -> Result<(CookieJar, Json<SignedIn>), ApiError> {
    let token = RefreshToken::generate();
    let now = app.now();
    let session = NewSession {
        id: SessionId::generate(),
        user: user.id,
        refresh_hash: token.hash(),
        created_at: now,
        expires_at: now + SESSION_LASTS,
    };
    app.store().create_session(&session).await?;
    Ok(signed_in(app, jar, user, session.id, &token))
}

fn signed_in(
    app: &App,
    jar: CookieJar,
    user: User,
    session: SessionId,
    refresh: &RefreshToken,
) -> (CookieJar, Json<SignedIn>) {
    let refresh = refresh.to_text().into_inner();
    let cookie = Cookie::build((COOKIE, refresh.clone()))
        .path(COOKIE_PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .permanent();
    let body = SignedIn {
        token: app.keys().issue(user.id, session, app.now()).into_inner(),
        refresh_token: refresh,
        expires_in: TokenKeys::lifetime().as_secs(),
        user: user.into(),
    };
    (jar.add(cookie), Json(body))
}

/// Each takes tens of milliseconds of computing and 19 MiB; more at once would
/// only be slower, and a flood of sign-ins would take all memory. Others wait.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Password hashing is long work: not on an async thread.
async fn hashing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let _turn = HASHING.acquire().await.map_err(ApiError::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
