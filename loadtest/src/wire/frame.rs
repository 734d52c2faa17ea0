//! WebSocket frames (RFC 6455, section 5.2) without a copy of their payloads.

use std::io::Cursor;

use anyhow::{Context, bail};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// One frame of what a server has sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: Kind,
    pub is_final: bool,
    /// The key of a client's frame; its payload is still masked.
    pub mask: Option<[u8; 4]>,
    pub payload: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message,
    Continued,
    Ping,
    Pong,
    Close,
}

/// The frames of what has been received. What is not whole yet stays in `rest`.
#[derive(Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    /// Bytes the frame at the start of `rest` has in all, once its header is there.
    wanted: usize,
}

/// A final, unmasked binary frame: the first byte of nearly all that servers send.
const WHOLE_BINARY: u8 = 0x82;

impl<'a> Frames<'a> {
    #[must_use]
    pub const fn new(received: &'a [u8]) -> Self {
        Self { rest: received, wanted: 0 }
    }

    /// The next frame, or `None` when the rest is not a whole one.
    ///
    /// # Errors
    /// When the bytes are no WebSocket frames.
    pub fn take(&mut self) -> anyhow::Result<Option<Frame<'a>>> {
        // Millions of these come in a second: they are told by their first two bytes.
        if let [WHOLE_BINARY, len @ 0..=125, body @ ..] = self.rest
            && let Some((payload, rest)) = body.split_at_checked(usize::from(*len))
        {
            self.rest = rest;
            return Ok(Some(Frame { kind: Kind::Message, is_final: true, mask: None, payload }));
        }
        let mut cursor = Cursor::new(self.rest);
        let header = FrameHeader::parse(&mut cursor).context("the server sent no WebSocket frame")?;
        let Some((header, len)) = header else {
            self.wanted = 0;
            return Ok(None);
        };
        let start = usize::try_from(cursor.position()).context("a frame is too large")?;
        let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len));
        let end = end.context("a frame is too large")?;
        let Some((whole, rest)) = self.rest.split_at_checked(end) else {
            self.wanted = end;
            return Ok(None);
        };
        self.rest = rest;
        let kind = match header.opcode {
            OpCode::Data(Data::Binary | Data::Text) => Kind::Message,
            OpCode::Data(Data::Continue) => Kind::Continued,
            OpCode::Control(Control::Ping) => Kind::Ping,
            OpCode::Control(Control::Pong) => Kind::Pong,
            OpCode::Control(Control::Close) => Kind::Close,
            other => bail!("a frame of the unknown kind {other}"),
        };
        Ok(Some(Frame { kind, is_final: header.is_final, mask: header.mask, payload: &whole[start..] }))
    }

    /// What is left of the bytes.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes the unfinished frame has in all, as far as that is known.
    #[must_use]
    pub const fn wanted(&self) -> usize {
        self.wanted
    }
}

/// Appends a client's binary frame. Clients must mask; a key of zeros is a key, and
/// costs neither side a pass over the bytes that would differ between servers.
pub fn put_frame(out: &mut Vec<u8>, payload: &[u8]) {
    put_header(out, 0x82, payload.len(), true);
    out.extend_from_slice(payload);
}

/// Appends the header of a final frame, from its first byte to its key.
pub fn put_header(out: &mut Vec<u8>, first: u8, len: usize, masked: bool) {
    out.push(first);
    let mask = if masked { 0x80 } else { 0 };
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.push(mask | len),
        (_, Ok(len)) => {
            out.push(mask | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&[0; 4]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_read_back_and_parts_of_them_wait() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload: Vec<u8> = (0..len).map(|at: usize| at.to_le_bytes()[0]).collect();
            for masked in [false, true] {
                let mut bytes = Vec::new();
                put_header(&mut bytes, 0x82, len, masked);
                bytes.extend_from_slice(&payload);
                let mut frames = Frames::new(&bytes);
                let frame = frames.take().unwrap().unwrap();
                assert_eq!((frame.kind, frame.is_final, frame.payload), (Kind::Message, true, &payload[..]));
                assert_eq!(frame.mask, masked.then_some([0; 4]));
                assert!(frames.rest().is_empty());

                let mut frames = Frames::new(&bytes[..bytes.len() - 1]);
                assert_eq!(frames.take().unwrap(), None);
                assert_eq!(frames.rest().len(), bytes.len() - 1);
                let header = bytes.len() - len;
                assert_eq!(frames.wanted(), if len == 0 { 0 } else { bytes.len() }, "{header}");
            }
        }
    }

    #[test]
    fn many_frames_in_one_read_are_all_found() {
        let bytes = [&[0x82, 1, 7][..], &[0x89, 0], &[0x02, 1, 8], &[0x80, 1, 9], &[0x82, 9, 1]].concat();
        let mut frames = Frames::new(&bytes);
        let mut kinds = Vec::new();
        while let Some(frame) = frames.take().unwrap() {
            kinds.push((frame.kind, frame.is_final, frame.payload.to_vec()));
        }
        let expected = [
            (Kind::Message, true, vec![7]),
            (Kind::Ping, true, vec![]),
            (Kind::Message, false, vec![8]),
            (Kind::Continued, true, vec![9]),
        ];
        assert_eq!(kinds, expected);
        assert_eq!((frames.rest(), frames.wanted()), (&[0x82, 9, 1][..], 11));
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        assert!(Frames::new(&[0x83, 0]).take().is_err());
    }
}
