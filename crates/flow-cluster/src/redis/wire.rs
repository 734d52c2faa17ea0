//! What is written into Redis: a version, then bincode 2 in its standard configuration.
//!
//! Others can write there, too, and nodes of another release do. So nothing that is read
//! is believed: a version this release does not know and bytes that are no whole value
//! are errors, and what they declare is allocated only up to a limit.

use bincode::{BorrowDecode, Encode, config};
use bytes::Bytes;
use flow_base::{BatchId, NodeId, Seq, UserId};
use uuid::Uuid;

use crate::{CachedSnapshot, LogSlice, LoggedUpdate, NodePresence, Shown};

/// The layouts below.
const VERSION: u8 = 1;

/// Bytes that a decoded value may take. States and updates are borrowed and count by
/// their length, so this must be more than the largest document.
const DECODED_BYTES_MAX: usize = 128 << 20;
/// The same for a frame, of which only the relay's own bound is expected.
const FRAME_BYTES_MAX: usize = 8 << 20;

/// Bytes in Redis that are not what this release writes there.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the value is empty")]
    Empty,
    #[error("the value has version {0}, this release reads {VERSION}")]
    Version(u8),
    #[error("the value cannot be decoded")]
    Malformed(#[source] bincode::error::DecodeError),
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    #[error("there is no position {0}")]
    Position(u64),
}

/// Positions past this are not exact in a script of Redis, and no flow gets there.
pub(super) const SEQ_MAX: u64 = 1 << 53;

#[derive(Encode, BorrowDecode)]
struct SnapshotV1<'a> {
    batch: Option<[u8; 16]>,
    state: &'a [u8],
}

#[derive(Encode, BorrowDecode)]
struct UpdateV1<'a> {
    batch: [u8; 16],
    bytes: &'a [u8],
}

#[derive(Encode, BorrowDecode)]
struct FrameV1<'a> {
    from: [u8; 16],
    says: SaysV1<'a>,
}

#[derive(Encode, BorrowDecode)]
enum SaysV1<'a> {
    Committed {
        first: u64,
        updates: Vec<UpdateV1<'a>>,
    },
    /// Something was committed that is too large to be sent.
    LookIntoTheLog,
    Changed(Vec<ShownV1<'a>>),
    Everybody {
        shown: Vec<ShownV1<'a>>,
        asks: bool,
    },
}

#[derive(Encode, BorrowDecode)]
struct ShownV1<'a> {
    client: u64,
    clock: u64,
    user: [u8; 16],
    state: Option<&'a [u8]>,
}

/// What nodes tell each other of a flow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) from: NodeId,
    pub(super) says: Says,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says {
    Committed(LogSlice),
    LookIntoTheLog,
    Presence(NodePresence),
}

pub(super) fn encode_snapshot(snapshot: &CachedSnapshot) -> Vec<u8> {
    let batch = snapshot.batch.map(|batch| batch.as_uuid().into_bytes());
    encode(SnapshotV1 { batch, state: &snapshot.state })
}

pub(super) fn decode_snapshot(seq: Seq, value: &Bytes) -> Result<CachedSnapshot, WireError> {
    let SnapshotV1 { batch, state } = decode::<_, DECODED_BYTES_MAX>(value)?;
    let batch = batch.map(|batch| BatchId::from_uuid(Uuid::from_bytes(batch)));
    Ok(CachedSnapshot { seq, batch, state: value.slice_ref(state) })
}

pub(super) fn encode_update(update: &LoggedUpdate) -> Vec<u8> {
    encode(UpdateV1::from(update))
}

pub(super) fn decode_update(value: &Bytes) -> Result<LoggedUpdate, WireError> {
    decode::<UpdateV1<'_>, DECODED_BYTES_MAX>(value).map(|update| update.read(value))
}

pub(super) fn encode_committed(from: NodeId, slice: &LogSlice) -> Vec<u8> {
    let updates = slice.updates.iter().map(UpdateV1::from).collect();
    encode(FrameV1 { from: id(from), says: SaysV1::Committed { first: slice.first.0, updates } })
}

pub(super) fn encode_look(from: NodeId) -> Vec<u8> {
    encode(FrameV1 { from: id(from), says: SaysV1::LookIntoTheLog })
}

pub(super) fn encode_presence(from: NodeId, presence: &NodePresence) -> Vec<u8> {
    let says = match presence {
        NodePresence::Changed(shown) => SaysV1::Changed(shown.iter().map(ShownV1::from).collect()),
        NodePresence::Everybody { shown, asks } => {
            SaysV1::Everybody { shown: shown.iter().map(ShownV1::from).collect(), asks: *asks }
        }
    };
    encode(FrameV1 { from: id(from), says })
}

pub(super) fn decode_frame(value: &Bytes) -> Result<Frame, WireError> {
    let FrameV1 { from, says } = decode::<_, FRAME_BYTES_MAX>(value)?;
    let everyone = |shown: Vec<ShownV1<'_>>| shown.iter().map(|shown| shown.read(value)).collect();
    let says = match says {
        SaysV1::Committed { first, updates } => {
            if !(1..SEQ_MAX).contains(&first) {
                return Err(WireError::Position(first));
            }
            let updates = updates.iter().map(|update| update.read(value)).collect();
            Says::Committed(LogSlice { first: Seq(first), updates })
        }
        SaysV1::LookIntoTheLog => Says::LookIntoTheLog,
        SaysV1::Changed(shown) => Says::Presence(NodePresence::Changed(everyone(shown))),
        SaysV1::Everybody { shown, asks } => {
            Says::Presence(NodePresence::Everybody { shown: everyone(shown), asks })
        }
    };
    Ok(Frame { from: NodeId::from_uuid(Uuid::from_bytes(from)), says })
}

fn encode(value: impl Encode) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bincode::encode_into_std_write(value, &mut bytes, config::standard())
        .expect("writing integers and bytes to a Vec cannot fail");
    bytes
}

fn decode<'a, T: BorrowDecode<'a, ()>, const LIMIT: usize>(value: &'a [u8]) -> Result<T, WireError> {
    let (&version, rest) = value.split_first().ok_or(WireError::Empty)?;
    if version != VERSION {
        return Err(WireError::Version(version));
    }
    let config = config::standard().with_limit::<LIMIT>();
    let (decoded, read) = bincode::borrow_decode_from_slice(rest, config).map_err(WireError::Malformed)?;
    if read != rest.len() {
        return Err(WireError::Trailing(rest.len() - read));
    }
    Ok(decoded)
}

fn id(node: NodeId) -> [u8; 16] {
    node.as_uuid().into_bytes()
}

impl<'a> From<&'a LoggedUpdate> for UpdateV1<'a> {
    fn from(update: &'a LoggedUpdate) -> Self {
        Self { batch: update.batch.as_uuid().into_bytes(), bytes: &update.bytes }
    }
}

impl UpdateV1<'_> {
    fn read(&self, value: &Bytes) -> LoggedUpdate {
        let batch = BatchId::from_uuid(Uuid::from_bytes(self.batch));
        LoggedUpdate { batch, bytes: value.slice_ref(self.bytes) }
    }
}

impl<'a> From<&'a Shown> for ShownV1<'a> {
    fn from(shown: &'a Shown) -> Self {
        let user = shown.user.as_uuid().into_bytes();
        Self { client: shown.client, clock: shown.clock, user, state: shown.state.as_deref() }
    }
}

impl ShownV1<'_> {
    fn read(&self, value: &Bytes) -> Shown {
        Shown {
            client: self.client,
            clock: self.clock,
            user: UserId::from_uuid(Uuid::from_bytes(self.user)),
            state: self.state.map(|state| value.slice_ref(state)),
        }
    }
}

#[cfg(test)]
mod tests;
