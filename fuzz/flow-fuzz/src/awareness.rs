//! Target `awareness`: bytes as an awareness update.

use bytes::Bytes;
use flow_protocol::awareness::{ENTRIES_MAX, decode, encode};

use crate::memory::peak_of;

/// An entry in memory, and what a growing list holds beside it.
const ENTRY_BYTES: usize = 256;

/// What reads back is what was written, within bounds of memory.
///
/// # Panics
/// Where that is not so.
pub fn check(update: &[u8]) {
    let update = Bytes::copy_from_slice(update);
    let (read, peak) = peak_of(|| decode(&update));
    let entries_max = update.len() / 3;
    assert!(peak <= ENTRY_BYTES * (entries_max + 4), "{peak} bytes for {}", update.len());
    let Ok(entries) = read else { return };
    assert!(entries.len() as u64 <= ENTRIES_MAX && entries.len() <= entries_max);
    let written = encode(entries.iter());
    assert_eq!(decode(&written).as_ref(), Ok(&entries), "reads differently after it was written");
    // Numbers have one spelling, so the bytes are the same, too.
    assert_eq!(written, update);
}
