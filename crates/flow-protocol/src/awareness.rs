//! Awareness updates: what peers show of themselves.
//!
//! `count, (client id, clock, state as JSON text)*` (`y-protocols/awareness.js`).
//! The state `null` says that the client has left. Reading keeps the JSON as it
//! stands, so that an echo can be dropped by its clock before anything is parsed.

use bytes::{Bytes, BytesMut};

use crate::frame::{put_buffer, put_var_uint};
use crate::reader::{ReadError, Reader};

/// One client's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub client: u64,
    pub clock: u64,
    /// JSON text, not yet parsed.
    pub state: Bytes,
}

/// Far more than a room has peers. An entry takes three bytes on the wire and many
/// times that in memory.
pub const ENTRIES_MAX: u64 = 10_000;

/// The state of a client that has left.
pub const GONE: &[u8] = b"null";

impl Entry {
    /// A client's departure.
    #[must_use]
    pub const fn gone(client: u64, clock: u64) -> Self {
        Self { client, clock, state: Bytes::from_static(GONE) }
    }

    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state == GONE
    }
}

/// Bytes that are no awareness update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AwarenessError {
    #[error("the awareness update cannot be read")]
    Read(#[from] ReadError),
    #[error("{0} entries in one awareness update, more than {ENTRIES_MAX}")]
    TooMany(u64),
    #[error("{0} bytes follow the awareness update")]
    Trailing(usize),
}

/// Reads an awareness update; states share its memory.
///
/// # Errors
/// [`AwarenessError`] for anything that is not exactly one awareness update.
pub fn decode(update: &Bytes) -> Result<Vec<Entry>, AwarenessError> {
    let mut reader = Reader::new(update);
    let count = reader.count(3)?;
    if count > ENTRIES_MAX {
        return Err(AwarenessError::TooMany(count));
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let client = reader.client()?;
        let clock = reader.var_uint()?;
        let state = update.slice_ref(reader.string()?.as_bytes());
        entries.push(Entry { client, clock, state });
    }
    match reader.remaining() {
        0 => Ok(entries),
        rest => Err(AwarenessError::Trailing(rest)),
    }
}

/// Writes an awareness update.
pub fn encode<'a>(entries: impl ExactSizeIterator<Item = &'a Entry>) -> Bytes {
    let mut out = BytesMut::new();
    put_var_uint(&mut out, entries.len() as u64);
    for entry in entries {
        put_var_uint(&mut out, entry.client);
        put_var_uint(&mut out, entry.clock);
        put_buffer(&mut out, &entry.state);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_reads_back() {
        let entries = [
            Entry { client: 7, clock: 300, state: Bytes::from_static(b"{\"a\":1}") },
            Entry::gone((1 << 53) - 1, 2),
        ];
        let read = decode(&encode(entries.iter())).unwrap();
        assert_eq!(read, entries);
        assert!(!read[0].is_gone() && read[1].is_gone());
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&[255, 255, 255, 122][..], &[1, 1, 1], &[1, 1, 1, 1, 0xff], &[0, 0], &[]] {
            assert!(decode(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }
}
