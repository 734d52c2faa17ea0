use std::time::Duration;

use axum::Json;
use axum::extract::State;
use flow_auth::Permission;
use flow_base::{ConnId, Role, UserId};
use flow_protocol::awareness::Entry;
use flow_room::{PeerInfo, Present, RoomClosed, RoomHandle};
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;

/// How long the other nodes are given to say who is there: some times what it takes.
const WAIT_FOR_NODES: Duration = Duration::from_millis(300);

/// Who is in a flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Presence)]
pub(crate) struct PresenceView {
    clients: Vec<ClientView>,
}

/// A client that shows itself: an editor's tab, or a bot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PresentClient)]
#[serde(rename_all = "camelCase")]
struct ClientView {
    /// Of its Yjs document.
    client_id: u64,
    /// What it shows of itself (`docs/protocol.md`). `user.id` and `user.name` are the
    /// server's word.
    #[schema(value_type = Object)]
    state: Value,
}

/// `GET /api/flows/{id}/presence`: who is in the flow now, on any node. Those who have
/// connected and shown nothing of themselves are not in it.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/presence",
    operation_id = "getPresence",
    tag = "flows",
    params(FlowPath),
    responses((status = 200, body = PresenceView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<PresenceView>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let room = app.room(flow).await?;
    let closed = |RoomClosed| ApiError::Unavailable(None);
    let mut present = room.present().await.map_err(closed)?;
    if app.has_other_nodes() && still_to_wait(&present).is_some() {
        // On a task of its own: whoever joins also leaves, though the caller has gone.
        let asked = tokio::spawn(ask_nodes(room)).await;
        present = asked.map_err(ApiError::internal)?.map_err(closed)?;
    }
    let clients = present.clients.iter().filter_map(view).collect();
    Ok(Json(PresenceView { clients }))
}

fn view(entry: &Entry) -> Option<ClientView> {
    // The room has put its stamp into it, so it can be read.
    let state = serde_json::from_slice(&entry.state).ok()?;
    Some(ClientView { client_id: entry.client, state })
}

/// Until all nodes have had their time to say who is there.
fn still_to_wait(present: &Present) -> Option<Duration> {
    let rest = WAIT_FOR_NODES.saturating_sub(present.asked.unwrap_or_default());
    (!rest.is_zero()).then_some(rest)
}

/// Only a room that somebody is in asks the other nodes, and hears them. Who asks may be
/// there for no longer than the time it takes, so that each waits inside.
async fn ask_nodes(room: RoomHandle) -> Result<Present, RoomClosed> {
    let conn = ConnId::next();
    let nobody =
        PeerInfo { user: UserId::generate(), name: String::new(), role: Role::Viewer, may_edit: false };
    // Without step 1 it is sent no updates; what it is sent is dropped with it.
    let outbox = room.join(conn, nobody).await?;
    let present = hear_nodes(&room).await;
    room.leave(conn).await?;
    drop(outbox);
    present
}

async fn hear_nodes(room: &RoomHandle) -> Result<Present, RoomClosed> {
    let present = room.present().await?;
    let Some(rest) = still_to_wait(&present) else { return Ok(present) };
    sleep(rest).await;
    room.present().await
}
