use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use flow_base::{SessionId, Timestamp};
use serde::Serialize;

use crate::app::App;
use crate::caller::Person;
use crate::error::ApiError;

/// Nobody looks through more; older ones end by themselves, and all of them with a new
/// password.
const LISTED_MAX: u32 = 200;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView {
    id: SessionId,
    created_at: Timestamp,
    /// When it last got a new access token, which is every fifteen minutes while in use.
    last_used_at: Timestamp,
    /// What the client called itself when it signed in.
    user_agent: Option<String>,
    /// The one that asks.
    current: bool,
}

/// `GET /api/auth/sessions`: where the caller is signed in, last used first.
pub(crate) async fn list(State(app): State<App>, person: Person) -> Result<Json<Vec<SessionView>>, ApiError> {
    let sessions = app.store().sessions(person.user, app.now(), LISTED_MAX).await?;
    let views = sessions.into_iter().map(|session| SessionView {
        id: session.id,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        user_agent: session.user_agent,
        current: session.id == person.session,
    });
    Ok(Json(views.collect()))
}

/// `DELETE /api/auth/sessions/{id}`: ends one of the caller's sign-ins and its sockets;
/// `204`.
pub(crate) async fn end(
    State(app): State<App>,
    person: Person,
    Path(session): Path<String>,
) -> Result<StatusCode, ApiError> {
    let session: SessionId = session.parse().map_err(|_| ApiError::NotFound("sign-in"))?;
    match app.store().revoke_session(person.user, session, &person.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("sign-in")),
    }
}
