use bytes::Bytes;
use flow_base::{ConnId, Seq, Timestamp};
use flow_cluster::{LogSlice, NodePresence};
use flow_model::FlowGraph;
use flow_protocol::CloseCode;
use flow_store::{NewUpdate, Projection, Snapshot, Writer};

use crate::event::{Position, Ticket};

/// What follows from an event; carried out by the actor, in order, without
/// waiting.
#[derive(Debug)]
pub enum Effect {
    /// A frame for one peer.
    Send {
        conn: ConnId,
        frame: Bytes,
    },
    /// Everything a peer may lack since its step 1, as the answer to it or again
    /// later. Not counted against its outbox: it may be as large as the document.
    /// From here on the peer gets every update after `position`.
    AnswerJoin {
        conn: ConnId,
        frame: Bytes,
        position: Position,
    },
    /// What a peer missed since its queue was dropped, up to `position`.
    CatchUp {
        conn: ConnId,
        frames: Vec<Bytes>,
        position: Position,
    },
    /// An update for everybody but its author.
    FanOut {
        frame: Bytes,
        position: Position,
        except: Option<ConnId>,
    },
    /// Presence for everybody; a later frame with the same clients replaces it.
    Show {
        frame: Bytes,
        except: Option<ConnId>,
    },
    Close {
        conn: ConnId,
        code: CloseCode,
    },
    /// Append to the log, behind what was appended before. Each batch that becomes of it
    /// is answered with [`crate::Event::Committed`].
    Append(Appended),
    /// Read stored updates after this position; answer with `Event::LogRead`.
    ReadLog {
        after: Seq,
    },
    /// Tell the other nodes and the cache: these are committed now.
    Relay(LogSlice),
    /// Tell the other nodes who is here.
    TellNodes(NodePresence),
    /// Everything in it is committed. Answer with `Event::SnapshotDone`.
    Publish(Snapshot),
    /// Answer with `Event::ProjectionDone`.
    Project(Projection),
    /// The document was dropped: read it anew, answer with `Event::Reloaded`.
    Reload,
    /// The answer to an [`crate::Event::Measure`]; `None` while the document is being
    /// read anew.
    Size {
        ticket: Ticket,
        size: Option<DocumentSize>,
    },
    /// The answer to an [`crate::Event::AskDurable`]; `None` while the document is being read
    /// anew.
    Durability {
        ticket: Ticket,
        durability: Option<Durability>,
    },
    /// The answer to an [`crate::Event::Edit`], after its commit.
    Reply {
        ticket: Ticket,
        result: Result<Box<EditDone>, EditRefused>,
    },
}

/// Updates for the log, applied in one batch of events.
#[derive(Debug, Clone)]
pub struct Appended {
    pub at: Timestamp,
    /// In the order they were applied in; at least one.
    pub updates: Vec<NewUpdate>,
    /// Client ids that the room saw for the first time.
    pub writers: Vec<Writer>,
}

/// How large a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentSize {
    /// Encoded, as a snapshot has it.
    pub bytes: usize,
    /// Where it is refused to grow further.
    pub bytes_max: usize,
    /// Deleted elements whose place the document has to remember.
    pub tombstones: u64,
}

/// Whether what somebody has is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// All of it, by this position of the log.
    Durable { seq: Seq },
    /// Part of it is not in the document: it has not arrived, or was not taken.
    Missing,
}

/// A change that is made and durable.
#[derive(Debug, Clone)]
pub struct EditDone {
    /// For each typed edit the id of the node, edge or item it added or drew.
    pub ids: Vec<Option<String>>,
    /// The flow right after the change.
    pub graph: FlowGraph,
    /// A position of the log by which all of that is stored.
    pub seq: Seq,
}

/// Why typed edits were not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditRefused {
    #[error("the edits do not fit the flow")]
    Edit(#[from] flow_model::EditError),
    /// It has another hash than was expected: somebody has changed it.
    #[error("the flow is not what it was expected to be")]
    Changed,
    #[error("the flow would grow past its limit of {0} bytes")]
    TooLarge(usize),
    #[error("the flow is being read anew, or cannot be stored; try again")]
    Unavailable,
}
