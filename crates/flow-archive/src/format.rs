//! What a segment looks like as bytes.

use std::io::Read as _;

use bincode::{BorrowDecode, Encode, config};
use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flow_base::{ActorId, BatchId, FlowId, Seq, Timestamp, UserId};
use flow_store::StoredUpdate;

/// The layout below. A reader that meets another version refuses the segment.
const VERSION: u8 = 1;
/// More than any segment: it ends with the update that passes 4 MiB, and none has more
/// than a message, 16 MiB by default. Past it the bytes are taken for damaged.
const BYTES_MAX: usize = 256 << 20;

/// `VERSION`, then zlib (RFC 1950) of this in bincode 2's standard configuration. Bytes are
/// borrowed: bincode would allocate whatever length they declare.
#[derive(Encode, BorrowDecode)]
struct SegmentV1<'a> {
    flow: [u8; 16],
    first_seq: u64,
    updates: Vec<UpdateV1<'a>>,
}

#[derive(Encode, BorrowDecode)]
struct UpdateV1<'a> {
    batch: [u8; 16],
    /// The server, if there is none.
    actor: Option<[u8; 16]>,
    /// Microseconds since 1970.
    created_at: i64,
    bytes: &'a [u8],
}

/// Bytes that are no segment this release can read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("it is empty")]
    Empty,
    #[error("it has version {0}, this release reads {VERSION}")]
    Version(u8),
    #[error("it cannot be decompressed")]
    Compressed(#[source] std::io::Error),
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("it cannot be decoded")]
    Malformed(#[source] bincode::error::DecodeError),
    #[error("it holds a moment that is none")]
    Moment(#[source] jiff::Error),
    #[error("bytes follow it")]
    Trailing,
    #[error("it is of another flow, {0}")]
    Flow(FlowId),
}

/// Updates of one flow, dense and in order.
pub(crate) fn encode(flow: FlowId, updates: &[StoredUpdate]) -> Vec<u8> {
    let update = |update: &StoredUpdate| UpdateV1 {
        batch: update.batch.as_uuid().into_bytes(),
        actor: update.actor.user().map(|user| user.as_uuid().into_bytes()),
        created_at: update.created_at.as_microsecond(),
        // Borrowed below, from what the caller holds.
        bytes: &[],
    };
    let mut segment = SegmentV1 {
        flow: flow.as_uuid().into_bytes(),
        first_seq: updates.first().map_or(0, |first| first.seq.0),
        updates: updates.iter().map(update).collect(),
    };
    for (encoded, update) in segment.updates.iter_mut().zip(updates) {
        encoded.bytes = &update.bytes;
    }
    let mut encoder = ZlibEncoder::new(vec![VERSION], Compression::default());
    bincode::encode_into_std_write(segment, &mut encoder, config::standard())
        .expect("writing integers and bytes to a Vec cannot fail");
    encoder.finish().expect("writing to a Vec cannot fail")
}

/// # Errors
/// [`FormatError`] when the bytes are not exactly one segment of the flow.
pub(crate) fn decode(flow: FlowId, bytes: &[u8]) -> Result<Vec<StoredUpdate>, FormatError> {
    let (&version, compressed) = bytes.split_first().ok_or(FormatError::Empty)?;
    if version != VERSION {
        return Err(FormatError::Version(version));
    }
    let mut content = Vec::new();
    let mut decoder = ZlibDecoder::new(compressed);
    let read = decoder.by_ref().take(BYTES_MAX as u64 + 1).read_to_end(&mut content);
    if read.map_err(FormatError::Compressed)? > BYTES_MAX {
        return Err(FormatError::TooLarge);
    }
    if decoder.total_in() != compressed.len() as u64 {
        return Err(FormatError::Trailing);
    }
    let config = config::standard().with_limit::<BYTES_MAX>();
    let (segment, length): (SegmentV1<'_>, usize) =
        bincode::borrow_decode_from_slice(&content, config).map_err(FormatError::Malformed)?;
    if length != content.len() {
        return Err(FormatError::Trailing);
    }
    let of = FlowId::from_uuid(uuid::Uuid::from_bytes(segment.flow));
    if of != flow {
        return Err(FormatError::Flow(of));
    }
    (segment.first_seq..).zip(&segment.updates).map(|(seq, update)| stored(seq, update)).collect()
}

fn stored(seq: u64, update: &UpdateV1<'_>) -> Result<StoredUpdate, FormatError> {
    let user = update.actor.map(|id| UserId::from_uuid(uuid::Uuid::from_bytes(id)));
    Ok(StoredUpdate {
        seq: Seq(seq),
        batch: BatchId::from_uuid(uuid::Uuid::from_bytes(update.batch)),
        actor: ActorId::from(user),
        created_at: Timestamp::from_microsecond(update.created_at).map_err(FormatError::Moment)?,
        // One of its own: a page that keeps a few should not keep them all.
        bytes: Bytes::copy_from_slice(update.bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> uuid::Uuid {
        uuid::Uuid::from_bytes([byte; 16])
    }

    fn updates() -> Vec<StoredUpdate> {
        let update = |seq, actor, bytes: &'static [u8]| StoredUpdate {
            seq: Seq(seq),
            batch: BatchId::from_uuid(id(7)),
            actor,
            created_at: Timestamp::from_microsecond(1_767_225_600_000_001).unwrap(),
            bytes: Bytes::from_static(bytes),
        };
        vec![
            update(300, ActorId::User(UserId::from_uuid(id(9))), b"first"),
            update(301, ActorId::Server, b""),
        ]
    }

    /// In the folder beside this file: objects of version 1 are read for ever.
    #[test]
    fn the_layout_of_version_1_never_changes() {
        let golden: &[u8] = include_bytes!("../tests/golden/segment-1");
        assert_eq!(decode(FlowId::from_uuid(id(1)), golden).unwrap(), updates());
        let mut content = Vec::new();
        ZlibDecoder::new(&golden[1..]).read_to_end(&mut content).unwrap();
        let mut written = Vec::new();
        let bytes = encode(FlowId::from_uuid(id(1)), &updates());
        ZlibDecoder::new(&bytes[1..]).read_to_end(&mut written).unwrap();
        // How it is compressed may change.
        assert_eq!((bytes[0], written), (golden[0], content));
    }

    #[test]
    fn a_segment_reads_back_and_is_small() {
        let flow = FlowId::generate();
        let more: Vec<_> =
            (1..=1_000).map(|seq| StoredUpdate { seq: Seq(seq), ..updates().remove(0) }).collect();
        let bytes = encode(flow, &more);
        assert!(bytes.len() < 2_000, "{} bytes", bytes.len());
        assert_eq!(decode(flow, &bytes).unwrap(), more);
    }

    #[test]
    fn anything_but_one_whole_segment_of_the_flow_is_refused() {
        let flow = FlowId::generate();
        let bytes = encode(flow, &updates());
        assert!(matches!(decode(flow, &[]), Err(FormatError::Empty)));
        assert!(matches!(decode(flow, b"\x02"), Err(FormatError::Version(2))));
        assert!(matches!(decode(FlowId::generate(), &bytes), Err(FormatError::Flow(of)) if of == flow));
        for cut in 1..bytes.len() {
            assert!(decode(flow, &bytes[..cut]).is_err(), "cut to {cut}");
        }
        assert!(matches!(decode(flow, &[&bytes[..], b"x"].concat()), Err(FormatError::Trailing)));
    }
}
