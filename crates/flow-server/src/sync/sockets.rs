use std::collections::HashSet;

use dashmap::DashMap;
use flow_auth::Permission;
use flow_base::{ConnId, Credential, FlowId};
use flow_protocol::CloseCode;
use flow_room::{Outbox, RoomHandle, Taken};

use crate::app::App;
use crate::caller::Caller;

/// The open sockets and streams of this node, with what is needed to see whether each may
/// stay open.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    sockets: DashMap<ConnId, Socket>,
}

#[derive(Debug, Clone)]
pub(crate) struct Socket {
    pub(crate) flow: FlowId,
    pub(crate) caller: Caller,
    /// The revision of the flow's rules under which its access was last judged.
    pub(crate) access_rev: u64,
    /// What it takes to stay.
    pub(crate) needs: Permission,
    /// The room that it is in, if it is in one.
    pub(crate) room: Option<RoomHandle>,
    /// Closed at once when access ends, however busy the room is.
    pub(crate) outbox: Outbox,
    /// It was told that its access has ended.
    pub(crate) ended: bool,
}

/// One that is in no room, or whose place there ends otherwise; gone from the list when this
/// is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    app: App,
    conn: ConnId,
    outbox: Outbox,
}

impl Registered {
    pub(crate) fn new(app: &App, socket: Socket) -> Self {
        let (conn, outbox) = (ConnId::next(), socket.outbox.clone());
        app.sockets().insert(conn, socket);
        // Those that are sent away when the server stops may have been looked for before.
        if app.stopping().is_cancelled() {
            outbox.close(CloseCode::Restarting);
        }
        Self { app: app.clone(), conn, outbox }
    }

    /// Whether it is to end: nothing may be told to it any more but why.
    pub(crate) fn is_sent_away(&self) -> bool {
        self.outbox.is_closing()
    }

    /// Waits until it is to end. Cancel safe.
    pub(crate) async fn sent_away(&self) -> CloseCode {
        loop {
            match self.outbox.take().await {
                Taken::Close(code) => return code,
                Taken::Ended => return CloseCode::Restarting,
                Taken::Frames(_) | Taken::AskSince(_) => {}
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.app.sockets().remove(self.conn);
    }
}

impl Socket {
    /// One of a caller with this access, for as long as they have what it `needs`. It is by its
    /// outbox, into which nothing is put, that it is sent away.
    pub(crate) fn outside(flow: FlowId, caller: Caller, access_rev: u64, needs: Permission) -> Self {
        Self { flow, caller, access_rev, needs, room: None, outbox: Outbox::new(0, 0), ended: false }
    }
}

impl Sockets {
    pub(crate) fn insert(&self, conn: ConnId, socket: Socket) {
        self.sockets.insert(conn, socket);
    }

    pub(crate) fn remove(&self, conn: ConnId) {
        self.sockets.remove(&conn);
    }

    pub(crate) fn judged(&self, conn: ConnId, access_rev: u64) {
        if let Some(mut socket) = self.sockets.get_mut(&conn) {
            socket.access_rev = access_rev;
        }
    }

    pub(crate) fn ended(&self, conn: ConnId) {
        if let Some(mut socket) = self.sockets.get_mut(&conn) {
            socket.ended = true;
        }
    }

    /// Those whose access has not ended.
    pub(crate) fn all(&self) -> Vec<(ConnId, Socket)> {
        self.those(|_| true)
    }

    pub(crate) fn count(&self) -> usize {
        self.sockets.len()
    }

    /// Those of them of which this is true. There may be many thousands, of which few are
    /// ever asked for: only these are cloned.
    pub(crate) fn those(&self, are: impl Fn(&Socket) -> bool) -> Vec<(ConnId, Socket)> {
        let there = self.sockets.iter().filter(|entry| !entry.ended && are(entry));
        there.map(|entry| (*entry.key(), entry.value().clone())).collect()
    }

    /// The flows, and the sign-ins and keys, on which the access of all of them depends.
    pub(crate) fn origins(&self) -> (HashSet<FlowId>, HashSet<Credential>) {
        let (mut flows, mut credentials) = (HashSet::new(), HashSet::new());
        for entry in self.sockets.iter().filter(|entry| !entry.ended) {
            flows.insert(entry.flow);
            credentials.insert(entry.caller.credential);
        }
        (flows, credentials)
    }
}
