//! The writing end of a socket: frames of RFC 6455 around what a room has for a peer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use flow_protocol::CloseCode;
use flow_room::{Outgoing, Port, Wrote};
use tokio::net::tcp::OwnedWriteHalf;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use super::transport::Life;

/// A message above this is written as several WebSocket frames, which the other end puts
/// together again: a peer that is sent away in the middle still hears why. It is also
/// about what one system call writes.
const PIECE_BYTES: usize = 32 << 10;

/// Writes to a socket as much as it takes at once. All peers of a room get the same
/// bytes, so framing is a copy into memory that all sockets of a thread share: a socket
/// that takes everything holds none.
#[derive(Debug)]
pub(super) struct SocketPort {
    socket: Arc<OwnedWriteHalf>,
    life: Arc<Life>,
    /// What the socket has not taken yet.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    /// Framed, and how much of it has been taken.
    framed: Vec<u8>,
    taken: usize,
    /// What comes then; of the first message so many bytes are framed.
    waiting: VecDeque<Outgoing>,
    begun: usize,
}

thread_local! {
    static FRAMED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl SocketPort {
    pub(super) const fn new(socket: Arc<OwnedWriteHalf>, life: Arc<Life>) -> Self {
        Self { socket, life, rest: None }
    }

    /// Answers how many bytes were taken; fewer than all when the socket takes no more.
    fn take(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() {
            match self.socket.try_write(&bytes[taken..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => {
                    taken += more;
                    self.life.took();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.life.held_up();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn write_rest(&mut self) -> io::Result<Wrote> {
        while let Some(mut rest) = self.rest.take() {
            if rest.taken == rest.framed.len() {
                rest.frame_more();
            }
            if rest.framed.is_empty() {
                break;
            }
            rest.taken += self.take(&rest.framed[rest.taken..])?;
            let held = rest.taken < rest.framed.len();
            self.rest = Some(rest);
            if held {
                return Ok(Wrote::Held);
            }
        }
        Ok(Wrote::All)
    }

    /// The common case: small messages, all taken by one system call.
    fn write_at_once(&mut self, frames: &mut Vec<Outgoing>) -> io::Result<Wrote> {
        FRAMED.with_borrow_mut(|framed| {
            framed.clear();
            for frame in frames.drain(..) {
                put_whole(frame, framed);
            }
            let taken = self.take(framed)?;
            if taken == framed.len() {
                return Ok(Wrote::All);
            }
            let framed = framed[taken..].to_vec();
            self.rest = Some(Box::new(Rest { framed, ..Rest::default() }));
            Ok(Wrote::Held)
        })
    }
}

impl Port for SocketPort {
    fn write(&mut self, frames: &mut Vec<Outgoing>) -> Wrote {
        let small = self.rest.is_none() && frames.iter().all(|frame| size(frame) <= PIECE_BYTES);
        let wrote = if small {
            self.write_at_once(frames)
        } else {
            let rest = self.rest.get_or_insert_default();
            for frame in frames.drain(..) {
                if matches!(frame, Outgoing::Close(_)) {
                    rest.give_up();
                }
                rest.waiting.push_back(frame);
            }
            self.write_rest()
        };
        wrote.unwrap_or_else(|error| {
            tracing::debug!(%error, "a socket can be written to no more");
            Wrote::Broken
        })
    }
}

impl Rest {
    /// Nothing but a close follows what is framed: a peer that is sent away in the middle
    /// of a large message has to hear why, and control frames may stand between its pieces
    /// (RFC 6455, section 5.4).
    fn give_up(&mut self) {
        (self.waiting, self.begun) = (VecDeque::new(), 0);
    }

    /// Frames what comes next, about a piece of it.
    fn frame_more(&mut self) {
        self.framed.clear();
        self.taken = 0;
        while self.framed.len() < PIECE_BYTES
            && let Some(next) = self.waiting.pop_front()
        {
            match next {
                Outgoing::Message(message) if message.len() > PIECE_BYTES => self.frame_piece(message),
                small => put_whole(small, &mut self.framed),
            }
        }
    }

    /// The next piece of a large message; what is left of that stays the next.
    fn frame_piece(&mut self, message: Bytes) {
        let end = message.len().min(self.begun + PIECE_BYTES);
        let is_last = end == message.len();
        put_piece(&message[self.begun..end], self.begun == 0, is_last, &mut self.framed);
        self.begun = if is_last { 0 } else { end };
        if !is_last {
            self.waiting.push_front(Outgoing::Message(message));
        }
    }
}

fn size(frame: &Outgoing) -> usize {
    match frame {
        Outgoing::Message(bytes) | Outgoing::Pong(bytes) => bytes.len(),
        Outgoing::Ping | Outgoing::Close(_) => 0,
    }
}

fn put_whole(frame: Outgoing, out: &mut Vec<u8>) {
    match frame {
        Outgoing::Message(message) => put_piece(&message, true, true, out),
        Outgoing::Ping => put_control(Control::Ping, &[], out),
        Outgoing::Pong(payload) => put_control(Control::Pong, &payload, out),
        Outgoing::Close(code) => put_control(Control::Close, &close_payload(code), out),
    }
}

/// One frame of a binary message. Servers do not mask: RFC 6455, section 5.1.
fn put_piece(bytes: &[u8], is_first: bool, is_last: bool, out: &mut Vec<u8>) {
    let data = if is_first { Data::Binary } else { Data::Continue };
    put(OpCode::Data(data), is_last, bytes, out);
}

fn put_control(control: Control, payload: &[u8], out: &mut Vec<u8>) {
    put(OpCode::Control(control), true, payload, out);
}

fn put(opcode: OpCode, is_final: bool, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader { is_final, opcode, ..FrameHeader::default() };
    header.format(payload.len() as u64, out).expect("writing to memory cannot fail");
    out.extend_from_slice(payload);
}

fn close_payload(code: CloseCode) -> Bytes {
    let close = CloseFrame { code: code.code().into(), reason: code.reason().into() };
    Frame::close(Some(close)).into_payload()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    struct Ends {
        port: SocketPort,
        socket: Arc<OwnedWriteHalf>,
        there: WebSocketStream<TcpStream>,
    }

    async fn ends() -> Ends {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (here, _) = listener.accept().await.unwrap();
        here.writable().await.unwrap();
        let socket = Arc::new(here.into_split().1);
        let port = SocketPort::new(Arc::clone(&socket), Arc::new(Life::new()));
        let there = WebSocketStream::from_raw_socket(there, Role::Client, None).await;
        Ends { port, socket, there }
    }

    fn message(len: usize) -> Bytes {
        (0..len).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect()
    }

    #[tokio::test]
    async fn small_messages_arrive_as_they_are() {
        let Ends { mut port, mut there, .. } = ends().await;
        let mut frames = [0, 1, 125, 126, PIECE_BYTES].map(|len| Outgoing::Message(message(len))).to_vec();
        frames.insert(2, Outgoing::Pong(Bytes::from_static(b"pong")));
        assert_eq!(port.write(&mut frames), Wrote::All);
        assert_eq!(frames, []);
        assert!(port.rest.is_none(), "an idle socket holds nothing");
        for expected in [0, 1] {
            assert_eq!(there.next().await.unwrap().unwrap(), Message::Binary(message(expected)));
        }
        assert_eq!(there.next().await.unwrap().unwrap(), Message::Pong(Bytes::from_static(b"pong")));
        for expected in [125, 126, PIECE_BYTES] {
            assert_eq!(there.next().await.unwrap().unwrap(), Message::Binary(message(expected)));
        }
    }

    /// More than any socket buffers: it is held, and goes on when the other end reads.
    #[tokio::test]
    async fn what_a_socket_does_not_take_follows_in_order() {
        let Ends { mut port, socket, mut there } = ends().await;
        let lens = [40 << 20, PIECE_BYTES + 1, 3 * PIECE_BYTES, 7];
        let mut frames = lens.map(|len| Outgoing::Message(message(len))).to_vec();
        assert_eq!(port.write(&mut frames), Wrote::Held);
        assert_eq!(port.write(&mut vec![Outgoing::Message(message(9))]), Wrote::Held);
        let writing = async {
            loop {
                socket.writable().await.unwrap();
                if port.write(&mut Vec::new()) == Wrote::All {
                    break;
                }
            }
        };
        let reading = async {
            for len in lens.into_iter().chain([9]) {
                let Message::Binary(read) = there.next().await.unwrap().unwrap() else {
                    panic!("no message")
                };
                assert!(read == message(len), "the message of {len} bytes");
            }
        };
        tokio::join!(writing, reading);
        assert!(port.rest.is_none());
    }

    #[tokio::test]
    async fn who_is_sent_away_in_the_middle_of_a_large_message_hears_why() {
        let Ends { mut port, socket, mut there } = ends().await;
        assert_eq!(port.write(&mut vec![Outgoing::Message(message(40 << 20))]), Wrote::Held);
        let close = port.write(&mut vec![Outgoing::Close(CloseCode::Restarting)]);
        let writing = async {
            let mut wrote = close;
            while wrote == Wrote::Held {
                socket.writable().await.unwrap();
                wrote = port.write(&mut Vec::new());
            }
        };
        let (read, ()) = tokio::join!(there.next(), writing);
        let Message::Close(Some(close)) = read.unwrap().unwrap() else { panic!("no close") };
        assert_eq!(u16::from(close.code), CloseCode::Restarting.code());
    }

    #[tokio::test]
    async fn a_socket_that_is_gone_is_broken() {
        let Ends { mut port, there, .. } = ends().await;
        drop(there);
        let wrote = || port.write(&mut vec![Outgoing::Message(message(PIECE_BYTES))]);
        assert!(std::iter::repeat_with(wrote).take(1_000).any(|wrote| wrote == Wrote::Broken));
    }
}
