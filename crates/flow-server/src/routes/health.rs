use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flow_auth::Permission;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;

/// `GET /api/health/live`: the process answers.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "getLiveness",
    tag = "server",
    responses((status = 200, body = Life)),
    security(()),
)]
pub(crate) async fn live() -> Json<Life> {
    Json(Life { status: "live" })
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Life {
    status: &'static str,
}

/// Whether it can serve flows, and which of its parts are there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    status: Status,
    parts: BTreeMap<&'static str, Presence>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ServerStatus)]
enum Status {
    Ready,
    /// A part that it needs is away.
    Away,
    Stopping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PartStatus)]
enum Presence {
    Here,
    Away,
}

const DATABASE: &str = "database";

/// How the server is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    #[serde(flatten)]
    readiness: Readiness,
    version: &'static str,
    /// On this node.
    rooms: usize,
    connections: usize,
    /// Applied and not yet committed.
    uncommitted_bytes: usize,
}

/// `GET /api/health`: the state of each part, for owners of the installation and their
/// keys that may manage.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "server",
    responses((status = 200, body = Health), (status = 503, body = Health)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
)]
pub(crate) async fn whole(
    State(app): State<App>,
    caller: Caller,
) -> Result<(StatusCode, Json<Health>), ApiError> {
    caller.allow(Permission::ManageMembers)?;
    let user = app.store().user(caller.user).await?.ok_or(ApiError::SignedOut)?;
    if !user.is_installation_owner {
        return Err(ApiError::Forbidden);
    }
    let (code, readiness) = look(&app).await;
    let health = Health {
        readiness,
        version: env!("CARGO_PKG_VERSION"),
        rooms: app.open_rooms().len(),
        connections: app.sockets().count(),
        uncommitted_bytes: app.uncommitted_bytes(),
    };
    Ok((code, Json(health)))
}

/// `GET /api/health/ready`: it can also serve flows. `503` while it cannot: it shuts
/// down, or the database is away. Without another part it serves, more slowly.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "getReadiness",
    tag = "server",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)),
    security(()),
)]
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let (code, readiness) = look(&app).await;
    (code, Json(readiness))
}

async fn look(app: &App) -> (StatusCode, Readiness) {
    let pinged = app.store().ping().await;
    if let Err(error) = &pinged {
        tracing::warn!(error = error as &dyn std::error::Error, "not ready: the database is away");
    }
    let is_here = |here| if here { Presence::Here } else { Presence::Away };
    let others = app.optional_parts().iter().map(|part| (part.name, is_here(!(part.is_away)())));
    let parts = [(DATABASE, is_here(pinged.is_ok()))].into_iter().chain(others).collect();
    let (code, status) = match (app.stopping().is_cancelled(), pinged) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, Status::Stopping),
        (false, Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, Status::Away),
        (false, Ok(())) => (StatusCode::OK, Status::Ready),
    };
    (code, Readiness { status, parts })
}
