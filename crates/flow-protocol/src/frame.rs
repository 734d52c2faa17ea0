//! The y-websocket dialect: what a frame says, and how ours are written.
//!
//! A message is `varUint type` and a body (`y-websocket/src/y-websocket.js`,
//! `y-protocols/sync.js`, `auth.js`). We send one message a frame, because stable
//! clients ignore whatever follows the first; we read any number, because yrs's
//! clients send several.

use bytes::{BufMut, Bytes, BytesMut};

use crate::reader::{ReadError, Reader};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
/// y-sweet's number for the same question.
const BARRIER: u64 = 102;
const GROWTH: u64 = 103;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

const PERMISSION_DENIED: u64 = 0;

/// Most bytes a barrier may carry. It is opaque to us and kept until the commit.
pub const BARRIER_BYTES_MAX: usize = 64;

/// A message as a peer sends it, its bodies not yet looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// "This is how far my document goes; send me the rest."
    Step1 {
        state_vector: Bytes,
    },
    /// The answer to step 1.
    Step2 {
        update: Bytes,
    },
    Update {
        update: Bytes,
    },
    Awareness {
        update: Bytes,
    },
    QueryAwareness,
    /// "Tell me when what you have applied is durable."
    Barrier {
        token: Bytes,
    },
    /// From a client, empty: "tell me when the document nears its limit". From the
    /// server: how near it is; see [`read_growth`].
    Growth {
        size: Bytes,
    },
    /// Only servers send it; from a client it says nothing.
    PermissionDenied {
        reason: String,
    },
    /// A type we do not know. What follows it in the frame cannot be read.
    Unknown {
        kind: u64,
    },
}

/// A frame that is no sequence of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the frame cannot be read")]
    Read(#[from] ReadError),
    #[error("the frame is empty")]
    Empty,
    #[error("sync message {0} is unknown")]
    SyncKind(u64),
    #[error("auth message {0} is unknown")]
    AuthKind(u64),
    #[error("the barrier carries {0} bytes, more than {BARRIER_BYTES_MAX}")]
    BarrierTooLong(usize),
}

/// The messages of one frame. Ends after the first error or unknown type.
#[derive(Debug)]
pub struct Messages {
    frame: Bytes,
    at: usize,
    done: bool,
}

/// Reads a frame message by message; bodies share the frame's memory.
#[must_use]
pub const fn messages(frame: Bytes) -> Messages {
    Messages { frame, at: 0, done: false }
}

impl Iterator for Messages {
    type Item = Result<Message, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || (self.at > 0 && self.at == self.frame.len()) {
            return None;
        }
        let message = self.read();
        self.done = matches!(message, Err(_) | Ok(Message::Unknown { .. }));
        Some(message)
    }
}

impl Messages {
    fn read(&mut self) -> Result<Message, FrameError> {
        if self.frame.is_empty() {
            return Err(FrameError::Empty);
        }
        let mut reader = Reader::from_offset(&self.frame, self.at);
        let message = match reader.var_uint()? {
            SYNC => {
                let kind = reader.var_uint()?;
                let body = self.frame.slice_ref(reader.buffer()?);
                match kind {
                    STEP_1 => Message::Step1 { state_vector: body },
                    STEP_2 => Message::Step2 { update: body },
                    UPDATE => Message::Update { update: body },
                    other => return Err(FrameError::SyncKind(other)),
                }
            }
            AWARENESS => Message::Awareness { update: self.frame.slice_ref(reader.buffer()?) },
            QUERY_AWARENESS => Message::QueryAwareness,
            BARRIER => {
                let token = reader.buffer()?;
                if token.len() > BARRIER_BYTES_MAX {
                    return Err(FrameError::BarrierTooLong(token.len()));
                }
                Message::Barrier { token: Bytes::copy_from_slice(token) }
            }
            GROWTH => Message::Growth { size: self.frame.slice_ref(reader.buffer()?) },
            AUTH => match reader.var_uint()? {
                PERMISSION_DENIED => Message::PermissionDenied { reason: reader.string()?.to_owned() },
                other => return Err(FrameError::AuthKind(other)),
            },
            kind => Message::Unknown { kind },
        };
        self.at = reader.position();
        Ok(message)
    }
}

/// A server's or client's step 1.
#[must_use]
pub fn step_1(state_vector: &[u8]) -> Bytes {
    sync(STEP_1, state_vector)
}

/// The answer to a step 1.
#[must_use]
pub fn step_2(update: &[u8]) -> Bytes {
    sync(STEP_2, update)
}

#[must_use]
pub fn update(update: &[u8]) -> Bytes {
    sync(UPDATE, update)
}

/// An awareness message around an encoded awareness update.
#[must_use]
pub fn awareness(update: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(update.len() + 8);
    put_var_uint(&mut out, AWARENESS);
    put_buffer(&mut out, update);
    out.freeze()
}

/// An awareness message about nobody. Stock clients close a connection after
/// 30 s without a message, and WebSocket pings are none.
#[must_use]
pub const fn keep_alive() -> Bytes {
    Bytes::from_static(&[1, 1, 0])
}

#[must_use]
pub fn query_awareness() -> Bytes {
    Bytes::from_static(&[3])
}

/// A barrier, or the answer to one: both are the same bytes.
#[must_use]
pub fn barrier(token: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(token.len() + 4);
    put_var_uint(&mut out, BARRIER);
    put_buffer(&mut out, token);
    out.freeze()
}

/// "Tell me when the document nears its limit."
#[must_use]
pub const fn ask_growth() -> Bytes {
    Bytes::from_static(&[103, 0])
}

/// How many bytes the encoded document has, of how many it may have.
#[must_use]
pub fn growth(bytes: u64, bytes_max: u64) -> Bytes {
    let mut size = BytesMut::new();
    put_var_uint(&mut size, bytes);
    put_var_uint(&mut size, bytes_max);
    let mut out = BytesMut::new();
    put_var_uint(&mut out, GROWTH);
    put_buffer(&mut out, &size);
    out.freeze()
}

/// The two numbers of [`growth`]; `None` when they are not there.
#[must_use]
pub fn read_growth(size: &[u8]) -> Option<(u64, u64)> {
    let mut reader = Reader::new(size);
    Some((reader.var_uint().ok()?, reader.var_uint().ok()?))
}

/// "What you sent was not applied." The connection goes on.
#[must_use]
pub fn permission_denied(reason: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(reason.len() + 8);
    put_var_uint(&mut out, AUTH);
    put_var_uint(&mut out, PERMISSION_DENIED);
    put_buffer(&mut out, reason.as_bytes());
    out.freeze()
}

fn sync(kind: u64, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len() + 12);
    put_var_uint(&mut out, SYNC);
    put_var_uint(&mut out, kind);
    put_buffer(&mut out, body);
    out.freeze()
}

pub(crate) fn put_buffer(out: &mut BytesMut, bytes: &[u8]) {
    put_var_uint(out, bytes.len() as u64);
    out.put_slice(bytes);
}

pub(crate) fn put_var_uint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    out.put_u8((number & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frame: &[u8]) -> Vec<Result<Message, FrameError>> {
        messages(Bytes::copy_from_slice(frame)).collect()
    }

    #[test]
    fn frames_are_those_of_the_stock_client() {
        assert_eq!(step_1(&[0])[..], [0, 0, 1, 0]);
        assert_eq!(step_2(&[0, 0])[..], [0, 1, 2, 0, 0]);
        assert_eq!(update(&[0, 0])[..], [0, 2, 2, 0, 0]);
        assert_eq!(keep_alive()[..], awareness(&[0])[..]);
        assert_eq!(query_awareness()[..], [3]);
        assert_eq!(barrier(&[7])[..], [102, 1, 7]);
        assert_eq!(permission_denied("no")[..], [2, 0, 2, b'n', b'o']);
    }

    #[test]
    fn every_message_reads_back() {
        let body = Bytes::from_static(&[9, 9]);
        for (frame, message) in [
            (step_1(&body), Message::Step1 { state_vector: body.clone() }),
            (step_2(&body), Message::Step2 { update: body.clone() }),
            (update(&body), Message::Update { update: body.clone() }),
            (awareness(&body), Message::Awareness { update: body.clone() }),
            (query_awareness(), Message::QueryAwareness),
            (barrier(&body), Message::Barrier { token: body.clone() }),
            (ask_growth(), Message::Growth { size: Bytes::new() }),
            (permission_denied("x"), Message::PermissionDenied { reason: "x".into() }),
        ] {
            assert_eq!(read(&frame), [Ok(message)]);
        }
    }

    #[test]
    fn the_size_of_a_document_reads_back() {
        let read = messages(growth(300, 1 << 24)).next();
        let Some(Ok(Message::Growth { size })) = read else { panic!("{read:?}") };
        assert_eq!(read_growth(&size), Some((300, 1 << 24)));
        assert_eq!(read_growth(&[]), None);
    }

    #[test]
    fn several_messages_in_one_frame_are_all_read() {
        let frame = [&step_1(&[0])[..], &update(&[0, 0])[..], &query_awareness()[..]].concat();
        assert_eq!(read(&frame).len(), 3);
        assert!(read(&frame).iter().all(Result::is_ok));
    }

    #[test]
    fn reading_stops_at_what_is_no_message() {
        assert_eq!(read(&[]), [Err(FrameError::Empty)]);
        assert_eq!(read(&[0, 9, 0]), [Err(FrameError::SyncKind(9))]);
        assert_eq!(read(&[50, 1, 2, 3]), [Ok(Message::Unknown { kind: 50 })]);
        assert!(matches!(read(&[0, 2, 200, 1, 1])[..], [Err(FrameError::Read(ReadError::Short { .. }))]));
        assert!(matches!(read(&barrier(&[0; 65]))[..], [Err(FrameError::BarrierTooLong(65))]));
    }
}
