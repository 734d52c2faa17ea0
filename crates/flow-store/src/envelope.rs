use bincode::{BorrowDecode, Encode, config};
use bytes::Bytes;
use flow_base::Seq;

use crate::Snapshot;

/// The layout below. A reader that meets another version refuses the snapshot.
const VERSION: u8 = 1;

/// `VERSION`, then this in bincode 2's standard configuration. The state is
/// borrowed, because bincode allocates an owned buffer of whatever length the
/// bytes declare before it looks whether they are there.
#[derive(Encode, BorrowDecode)]
struct EnvelopeV1<'a> {
    seq: u64,
    state: &'a [u8],
}

/// Bytes that are no snapshot envelope this release can read.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the envelope is empty")]
    Empty,
    #[error("the envelope has version {0}, this release reads {VERSION}")]
    Version(u8),
    #[error("the envelope cannot be decoded")]
    Malformed(#[source] bincode::error::DecodeError),
    #[error("{0} bytes follow the envelope")]
    Trailing(usize),
}

/// A snapshot as stores and caches keep it.
#[must_use]
pub fn encode_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    let envelope = EnvelopeV1 { seq: snapshot.seq.0, state: &snapshot.state };
    let mut bytes = vec![VERSION];
    bincode::encode_into_std_write(envelope, &mut bytes, config::standard())
        .expect("writing integers and bytes to a Vec cannot fail");
    bytes
}

/// # Errors
/// [`EnvelopeError`] when the bytes are not exactly one envelope of a known version.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Snapshot, EnvelopeError> {
    let (&version, rest) = bytes.split_first().ok_or(EnvelopeError::Empty)?;
    if version != VERSION {
        return Err(EnvelopeError::Version(version));
    }
    let (envelope, read): (EnvelopeV1<'_>, usize) =
        bincode::borrow_decode_from_slice(rest, config::standard()).map_err(EnvelopeError::Malformed)?;
    if read != rest.len() {
        return Err(EnvelopeError::Trailing(rest.len() - read));
    }
    Ok(Snapshot { seq: Seq(envelope.seq), state: Bytes::copy_from_slice(envelope.state) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot { seq: Seq(300), state: Bytes::from_static(b"state") }
    }

    #[test]
    fn the_layout_of_version_1_never_changes() {
        assert_eq!(encode_snapshot(&snapshot()), b"\x01\xfb\x2c\x01\x05state");
    }

    #[test]
    fn an_envelope_reads_back() {
        assert_eq!(decode_snapshot(&encode_snapshot(&snapshot())).unwrap(), snapshot());
    }

    #[test]
    fn anything_but_one_whole_envelope_is_refused() {
        let bytes = encode_snapshot(&snapshot());
        assert!(matches!(decode_snapshot(&[]), Err(EnvelopeError::Empty)));
        assert!(matches!(decode_snapshot(b"\x02"), Err(EnvelopeError::Version(2))));
        assert!(matches!(decode_snapshot(&bytes[..bytes.len() - 1]), Err(EnvelopeError::Malformed(_))));
        assert!(matches!(decode_snapshot(&[&bytes[..], b"x"].concat()), Err(EnvelopeError::Trailing(1))));
        // A declared length of 2^60 must not be believed.
        assert!(decode_snapshot(b"\x01\x00\xfd\x00\x00\x00\x00\x00\x00\x00\x10").is_err());
    }
}
