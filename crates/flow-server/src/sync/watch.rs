use std::collections::{HashMap, HashSet};
use std::time::Duration;

use flow_auth::Permission;
use flow_base::{ConnId, FlowId, SessionId};
use flow_protocol::CloseCode;
use flow_room::{Access, RoomHandle};
use flow_store::{FlowRevision, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::sockets::Socket;
use crate::app::App;

/// How often access is looked at. Twice this and a query is the second within
/// which a revoked grant ends.
const EVERY: Duration = Duration::from_millis(500);

/// Ends the access of open sockets when it has been taken away, by whatever node
/// or process, and tells open rooms how far the logs of their flows go: one query
/// at each interval answers both, and which sign-ins have ended. Runs until `closed` is
/// cancelled, which is when no socket is open any more.
///
/// While the store is away nothing changes: open sockets stay, and nothing they
/// send is acknowledged.
pub async fn watch_store(app: App, closed: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // Said once: it is tried twice a second.
        match look(&app).await {
            Ok(()) if std::mem::take(&mut failing) => {
                tracing::info!("the access of open sockets and the logs of open rooms are looked at again");
            }
            Err(error) if !std::mem::replace(&mut failing, true) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not look at the access of open sockets and the logs of open rooms"
            ),
            Ok(()) | Err(_) => {}
        }
    }
}

async fn look(app: &App) -> Result<(), StoreError> {
    let sockets = app.sockets().all();
    let rooms = app.open_rooms();
    if sockets.is_empty() && rooms.is_empty() {
        return Ok(());
    }
    let open = sockets.iter().map(|(_, socket)| socket.flow).chain(rooms.iter().map(RoomHandle::flow));
    let flows: HashSet<FlowId> = open.collect();
    let sessions: HashSet<SessionId> = sockets.iter().map(|(_, socket)| socket.session).collect();
    let (flows, sessions): (Vec<_>, Vec<_>) = (flows.into_iter().collect(), sessions.into_iter().collect());
    let revisions = app.store().revisions(&flows, &sessions, app.now()).await?;
    let ended: HashSet<SessionId> = revisions.ended_sessions.into_iter().collect();
    let current: HashMap<FlowId, FlowRevision> =
        revisions.flows.into_iter().map(|revision| (revision.flow, revision)).collect();
    for room in rooms {
        if let Some(revision) = current.get(&room.flow()) {
            room.head_seen(revision.head);
        }
    }
    for (conn, socket) in sockets {
        if ended.contains(&socket.session) {
            end(app, conn, &socket, CloseCode::SignedOut);
        } else if current.get(&socket.flow).map(|revision| revision.access_rev) != Some(socket.access_rev) {
            judge(app, conn, &socket).await?;
        }
    }
    Ok(())
}

async fn judge(app: &App, conn: ConnId, socket: &Socket) -> Result<(), StoreError> {
    let access = app.store().flow_access(socket.flow, socket.user).await?;
    match access.filter(|access| Permission::ReadFlow.is_given_to(access.role)) {
        Some(access) => {
            let may_edit = Permission::EditFlow.is_given_to(access.role);
            tell(socket, conn, Access::Granted { role: access.role, may_edit });
            app.sockets().judged(conn, access.access_rev);
        }
        // They knew of the flow, so they may be told that it is theirs no more.
        None => end(app, conn, socket, CloseCode::NotAllowed),
    }
    Ok(())
}

fn end(app: &App, conn: ConnId, socket: &Socket, code: CloseCode) {
    socket.outbox.close(code);
    tell(socket, conn, Access::Ended(code));
    app.sockets().ended(conn);
}

/// Tells the room, without waiting for it: a room with a full inbox must not keep
/// the access of other rooms' sockets alive.
fn tell(socket: &Socket, conn: ConnId, access: Access) {
    let room = socket.room.clone();
    tokio::spawn(async move {
        if room.change_access(conn, access).await.is_err() {
            tracing::debug!(%conn, "a room had ended before it heard of an access that changed");
        }
    });
}
