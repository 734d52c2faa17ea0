//! What peers read and write: WebSocket frames, y-websocket messages as far as they
//! have to be understood, edits and presence.

mod edit;
mod frame;
mod handshake;
mod link;
mod message;
mod presence;

pub use edit::{EDIT_PLACE, Writer};
pub use frame::{Frame, Frames, Kind, put_frame, put_header};
pub use handshake::{Address, Opened, open};
pub(crate) use link::receive;
pub use link::{Closed, Link, Receiver};
pub use message::{Covered, Heard, covered, entries, heard};
pub use presence::Cursor;

/// lib0's `varUint`.
pub fn put_var_uint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// Reads a `varUint` and what follows it. `None` when it does not end or is too large.
pub(crate) fn var_uint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

/// Bytes with their length before them, and what follows.
pub(crate) fn buffer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = var_uint(bytes)?;
    rest.split_at_checked(usize::try_from(len).ok()?)
}
