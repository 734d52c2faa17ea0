use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use flow_auth::Permission;
use flow_base::{ConnId, Credential, FlowId, UserId};
use flow_protocol::CloseCode;
use flow_room::{Access, RoomHandle};
use flow_store::{FlowAccess, FlowRevision, StoreError};
use futures_util::{FutureExt, StreamExt, stream};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::sockets::Socket;
use crate::app::App;

/// How often access is looked at. Twice this and a query is the second within
/// which a revoked grant ends.
const EVERY: Duration = Duration::from_millis(500);

/// Questions to the store about single people at the same time. Many in one room are asked
/// about together, and the store has other things to do.
const JUDGED_AT_ONCE: usize = 4;

/// Ends the access of open sockets when it has been taken away, by whatever node
/// or process, and tells open rooms how far the logs of their flows go: one query
/// at each interval answers both, and which sign-ins and keys have ended. Runs until `closed` is
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
        // Nobody's access would end any more if a panic ended this.
        let looked = AssertUnwindSafe(look(&app)).catch_unwind();
        let looked = tokio::select! {
            () = closed.cancelled() => return,
            looked = looked => looked,
        };
        let Ok(looked) = looked else {
            tracing::error!("looking at the access of open sockets panicked; trying again");
            continue;
        };
        // Said once: it is tried twice a second.
        match looked {
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
    let (mut flows, credentials) = app.sockets().origins();
    let rooms = app.open_rooms();
    flows.extend(rooms.iter().map(RoomHandle::flow));
    if flows.is_empty() {
        return Ok(());
    }
    let (flow_ids, credentials) = (Vec::from_iter(flows.iter().copied()), Vec::from_iter(credentials));
    let revisions = app.store().revisions(&flow_ids, &credentials, app.now()).await?;
    let ended: HashSet<Credential> = revisions.ended.into_iter().collect();
    let current: HashMap<FlowId, FlowRevision> =
        revisions.flows.into_iter().map(|revision| (revision.flow, revision)).collect();
    for room in rooms {
        if let Some(revision) = current.get(&room.flow()) {
            room.head_seen(revision.head);
        }
    }
    // A socket that has joined since the query may be in a flow that it did not ask about.
    let is_outdated = |socket: &Socket| {
        ended.contains(&socket.caller.credential)
            || flows.contains(&socket.flow)
                && current.get(&socket.flow).map(|revision| revision.access_rev) != Some(socket.access_rev)
    };
    let mut changed: HashMap<(FlowId, UserId), Vec<(ConnId, Socket)>> = HashMap::new();
    for (conn, socket) in app.sockets().those(is_outdated) {
        if ended.contains(&socket.caller.credential) {
            // A guest was never signed in.
            let code = if socket.caller.is_guest() { CloseCode::NotAllowed } else { CloseCode::SignedOut };
            end(app, conn, &socket, code);
        } else {
            changed.entry((socket.flow, socket.caller.user)).or_default().push((conn, socket));
        }
    }
    // Whose access cannot be read now is looked at the next time, and holds up nobody.
    let judged = changed.into_values().map(|sockets| judge(app, sockets));
    let judged: Vec<_> = stream::iter(judged).buffer_unordered(JUDGED_AT_ONCE).collect().await;
    judged.into_iter().collect()
}

/// What one user may do in one flow, on all of the user's sockets there.
async fn judge(app: &App, sockets: Vec<(ConnId, Socket)>) -> Result<(), StoreError> {
    let Some((_, first)) = sockets.first() else { return Ok(()) };
    let access = first.caller.access(app, first.flow).await?;
    for (conn, socket) in sockets {
        grant(app, conn, &socket, access.as_ref());
    }
    Ok(())
}

fn grant(app: &App, conn: ConnId, socket: &Socket, access: Option<&FlowAccess>) {
    match access.filter(|access| socket.needs.is_given_to(access.role, socket.caller.scopes)) {
        Some(access) => {
            let may_edit = Permission::EditFlow.is_given_to(access.role, socket.caller.scopes);
            tell(socket, conn, Access::Granted { role: access.role, may_edit });
            app.sockets().judged(conn, access.access_rev);
        }
        // They knew of the flow, so they may be told that it is theirs no more.
        None => end(app, conn, socket, CloseCode::NotAllowed),
    }
}

fn end(app: &App, conn: ConnId, socket: &Socket, code: CloseCode) {
    socket.outbox.close(code);
    tell(socket, conn, Access::Ended(code));
    app.sockets().ended(conn);
}

/// Tells the room, without waiting for it: a room with a full inbox must not keep
/// the access of other rooms' sockets alive.
fn tell(socket: &Socket, conn: ConnId, access: Access) {
    let Some(room) = socket.room.clone() else { return };
    tokio::spawn(async move {
        if room.change_access(conn, access).await.is_err() {
            tracing::debug!(%conn, "a room had ended before it heard of an access that changed");
        }
    });
}
