use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ActorId, ConnId, NodeId, Role, Seq, Timestamp, UserId};
use flow_cluster::{LogSlice, NodePresence};
use flow_model::{Edit, FlowJson};
use flow_protocol::awareness::Entry;
use flow_protocol::{CheckedUpdate, CloseCode, StateVector};

use crate::budget::Permit;
use crate::load::LoadedFlow;
use crate::writer::{AppendRefused, Committed};

/// How many updates this room has applied since it opened. Positions order what
/// happens inside one room; they are never stored (a stored update has a `Seq`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Names a caller who waits for an answer of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// When something happens: by a clock that only goes forward, and by the
/// calendar. Rooms read no clock, they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since the room opened.
    pub elapsed: Duration,
    pub wall: Timestamp,
}

/// Who joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    pub user: UserId,
    /// Shown to the others; stamped into presence by the room.
    pub name: String,
    pub role: Role,
    /// Whether the role may change the document, as the permission table says.
    pub may_edit: bool,
}

/// What a peer may do from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Granted {
        role: Role,
        may_edit: bool,
    },
    /// The peer is closed with this code.
    Ended(CloseCode),
}

/// A message of a peer, checked and taken apart by its connection.
#[derive(Debug)]
pub enum Inbound {
    Step1 {
        state_vector: Bytes,
    },
    /// The answer to a step 1 of ours: everything the peer has and we lacked.
    Step2 {
        update: CheckedUpdate,
        permit: Permit,
    },
    Update {
        update: CheckedUpdate,
        permit: Permit,
    },
    Awareness {
        entries: Vec<Entry>,
    },
    /// Where a run stands: `run` in a state is the server's word, and taken from nobody else.
    RunShown {
        entry: Entry,
    },
    QueryAwareness,
    /// It wants to know when the document nears its limit.
    Growth,
    Barrier {
        token: Bytes,
    },
}

impl Inbound {
    pub(crate) const fn is_update(&self) -> bool {
        matches!(self, Self::Step2 { .. } | Self::Update { .. })
    }
}

/// A change that a program asks for.
#[derive(Debug)]
pub struct EditRequest {
    pub actor: ActorId,
    pub change: Change,
    /// The [`flow_model::canvas_hash`] that the flow must have, or nothing is changed.
    pub expected: Option<String>,
    /// About how large it is, as JSON: what the document may grow by.
    pub bytes: usize,
    /// For as many bytes, until they are committed.
    pub permit: Permit,
}

impl EditRequest {
    /// Typed edits of the server itself, which are small and not bounded.
    #[must_use]
    pub fn edits(actor: ActorId, edits: Vec<Edit>) -> Self {
        Self { actor, change: Change::Edits(edits), expected: None, bytes: 0, permit: Permit::unbounded() }
    }

    /// Whether it can only take something away, which a document at its limit needs.
    pub(crate) fn only_removes(&self, document_bytes: usize) -> bool {
        match &self.change {
            Change::Whole(_) => self.bytes <= document_bytes,
            Change::Edits(edits) => edits.iter().all(|edit| {
                matches!(
                    edit,
                    Edit::RemoveNode { .. }
                        | Edit::Disconnect { .. }
                        | Edit::RemoveVariable { .. }
                        | Edit::RemoveItem { .. }
                )
            }),
        }
    }
}

/// What somebody has of a document.
#[derive(Debug)]
pub struct Holding {
    pub state: StateVector,
    /// An update of nothing but deletions.
    pub deletions: Option<CheckedUpdate>,
}

#[derive(Debug)]
pub enum Change {
    /// All of them or none. No edits change nothing, and are answered once all that the
    /// flow says is committed.
    Edits(Vec<Edit>),
    /// The flow is to say this.
    Whole(Box<FlowJson>),
}

/// All that can happen to a room.
#[derive(Debug)]
pub enum Event {
    Joined {
        conn: ConnId,
        peer: PeerInfo,
    },
    /// As [`Event::Joined`], of a peer that was sent our step 1 while the document was still
    /// being built.
    Greeted {
        conn: ConnId,
        peer: PeerInfo,
    },
    Received {
        conn: ConnId,
        message: Inbound,
    },
    /// A peer that had nothing was given the whole flow while its document was still
    /// being built: everything up to position 0.
    Answered {
        conn: ConnId,
    },
    /// The socket is gone, whoever closed it.
    Left {
        conn: ConnId,
    },
    AccessChanged {
        conn: ConnId,
        access: Access,
    },
    /// A socket whose queue had been dropped is empty; `since` is the last
    /// update handed to it.
    Drained {
        conn: ConnId,
        since: Position,
    },
    /// How large is the document?
    Measure {
        ticket: Ticket,
    },
    /// Is all of this stored? Answered at once if the document lacks part of it, otherwise
    /// once everything applied by now is committed.
    AskDurable {
        ticket: Ticket,
        holding: Holding,
    },
    /// A change on the server's own account or through the API.
    Edit {
        ticket: Ticket,
        request: EditRequest,
    },
    /// The next updates of those appended are durable, as many as the range has. Told once
    /// the document is there: what is not committed is applied again after it was read
    /// anew.
    Committed(Committed),
    /// What is not committed can never be.
    AppendRefused(AppendRefused),
    /// Stored updates, asked for with [`crate::Effect::ReadLog`]; empty when there
    /// are no more.
    LogRead {
        slice: LogSlice,
    },
    /// Another node has committed these.
    Relayed {
        slice: Arc<LogSlice>,
    },
    /// Who is at another node.
    NodeShows {
        node: NodeId,
        presence: Arc<NodePresence>,
    },
    /// The store has updates up to here; told every now and then, so that nothing
    /// depends on the relay.
    HeadSeen {
        head: Seq,
    },
    /// The relay has lost something.
    RelayMissed,
    /// What is stored of the flow cannot be read, now or later.
    Unreadable,
    /// The snapshot under way is stored, or could not be.
    SnapshotDone {
        stored: bool,
    },
    /// The projection under way is stored, or could not be.
    ProjectionDone {
        stored: bool,
    },
    /// The document, read anew from the store after it had to be dropped.
    Reloaded(Box<LoadedFlow>),
    /// Time has passed: see [`crate::Room::deadline`].
    Tick,
    /// The node shuts down.
    Drain,
}

/// yrs finds a place for a client's insertion by looking at those of the others at the
/// same spot. At worst each one of the update meets every client of the document, at
/// the cost of about so many bytes of other work: 3,000 clients at one spot with 18,000
/// others took a second, from a frame of 11 KiB.
const BYTES_PER_PAIR: usize = 3;

/// A state vector is read into a map, which takes longer than reading updates does.
const STATE_VECTOR_FACTOR: usize = 8;

/// About what the recent updates of a busy room come to.
const RECENT_BYTES: usize = 1 << 20;

impl Event {
    /// The update that the event brings, in bytes, if it brings one.
    pub(crate) fn update_bytes(&self) -> Option<usize> {
        match self {
            Self::Received {
                message: Inbound::Step2 { update, .. } | Inbound::Update { update, .. },
                ..
            } => Some(update.bytes().len()),
            _ => None,
        }
    }

    /// About how many bytes of document work the event means, given the size of
    /// the document and how many clients have written in it. Decides whether it may
    /// run on an async thread.
    pub(crate) fn work_bytes(&self, document_bytes: usize, document_clients: usize) -> usize {
        match self {
            Self::Received { message, .. } => match message {
                Inbound::Step2 { update, .. } | Inbound::Update { update, .. } => {
                    let clients = usize::try_from(update.clients()).unwrap_or(usize::MAX);
                    let pairs = clients.saturating_mul(document_clients);
                    update.bytes().len().saturating_add(pairs.saturating_mul(BYTES_PER_PAIR))
                }
                Inbound::Step1 { state_vector } => {
                    document_bytes.saturating_add(state_vector.len().saturating_mul(STATE_VECTOR_FACTOR))
                }
                Inbound::Awareness { .. }
                | Inbound::RunShown { .. }
                | Inbound::QueryAwareness
                | Inbound::Growth
                | Inbound::Barrier { .. } => 0,
            },
            // Merging the recent updates, or encoding a diff of the document.
            Self::Drained { .. } => document_bytes.max(RECENT_BYTES),
            Self::Reloaded(_) | Self::Measure { .. } => document_bytes,
            // Looking for deletions looks through all of it.
            Self::AskDurable { holding: Holding { deletions, .. }, .. } => {
                if deletions.is_some() {
                    document_bytes
                } else {
                    0
                }
            }
            Self::LogRead { slice } => slice.bytes(),
            Self::Relayed { slice } => slice.bytes(),
            Self::Edit { request: EditRequest { change, expected, bytes, .. }, .. } => match change {
                Change::Edits(edits) if expected.is_none() => bytes.saturating_add(edits.len() * 256),
                Change::Edits(_) | Change::Whole(_) => bytes.saturating_add(document_bytes),
            },
            Self::Joined { .. }
            | Self::Greeted { .. }
            | Self::Answered { .. }
            | Self::Left { .. }
            | Self::AccessChanged { .. }
            | Self::Committed(_)
            | Self::AppendRefused(_)
            | Self::NodeShows { .. }
            | Self::HeadSeen { .. }
            | Self::RelayMissed
            | Self::Unreadable
            | Self::SnapshotDone { .. }
            | Self::ProjectionDone { .. }
            | Self::Tick
            | Self::Drain => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_protocol::{UpdateLimits, check_update};

    use super::*;

    fn work(update: &'static [u8], document_clients: usize) -> usize {
        let update = check_update(Bytes::from_static(update), &UpdateLimits::default()).unwrap();
        let message = Inbound::Update { update, permit: Permit::unbounded() };
        Event::Received { conn: ConnId(1), message }.work_bytes(1_000_000, document_clients)
    }

    /// Two clients at one spot in a document of many: small on the wire, long to apply.
    #[test]
    fn many_clients_at_one_spot_are_long_work() {
        let one = &[1, 1, 5, 0, 4, 1, 1, b't', 1, b'x', 0];
        let two = &[2, 1, 6, 0, 4, 1, 1, b't', 1, b'x', 1, 5, 0, 4, 1, 1, b't', 1, b'x', 0];
        assert_eq!(work(one, 10), 11 + 30);
        assert!(work(two, 18_000) > 64 << 10);
    }
}
