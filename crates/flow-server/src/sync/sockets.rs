use std::collections::HashSet;

use dashmap::DashMap;
use flow_base::{ConnId, Credential, FlowId};
use flow_room::{Outbox, RoomHandle};

use crate::caller::Caller;

/// The open sockets of this node, with what is needed to see whether each may
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
    pub(crate) room: RoomHandle,
    /// Closed at once when access ends, however busy the room is.
    pub(crate) outbox: Outbox,
    /// It was told that its access has ended.
    pub(crate) ended: bool,
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
