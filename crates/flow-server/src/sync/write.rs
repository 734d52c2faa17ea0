//! The writing half of a connection.

use std::time::Duration;

use bytes::Bytes;
use flow_protocol::{CloseCode, frame};
use flow_room::{Outbox, Taken};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connection::{CLOSING, Connection};
use super::handshake::Socket;
use crate::measures;

/// Something is sent at least this often: stock clients drop a connection on
/// which they hear nothing for 30 s, and pings are nothing to them.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A message above this is written as several WebSocket frames, which the other end
/// puts together again. The socket's buffer holds two of them, not a document for
/// as long as the socket lives, and a peer that is sent away in the middle still
/// hears why.
pub(super) const PIECE_BYTES: usize = 32 << 10;

pub(super) type Sink = SplitSink<Socket, Message>;

impl Connection {
    /// Writes what the room has for this peer, as much at once as there is.
    pub(super) async fn write(&self, mut sink: Sink) {
        let every = KEEP_ALIVE.min(self.app.limits().silent_for / 4);
        let mut keep_alive = Instant::now() + every;
        loop {
            let messages = tokio::select! {
                taken = self.outbox.take() => match taken {
                    Taken::Frames(frames) => frames.into_iter().flat_map(pieces).collect(),
                    Taken::AskSince(since) => {
                        // A room that has ended ends the outbox, too.
                        drop(self.room.drained(self.conn, since).await);
                        continue;
                    }
                    Taken::Close(code) => {
                        measures::closed(code);
                        return close(sink, code).await;
                    }
                    Taken::Ended => return close(sink, CloseCode::Restarting).await,
                },
                () = sleep_until(keep_alive) => {
                    keep_alive = Instant::now() + every;
                    // The ping is for ourselves: its answer shows that the peer is there.
                    vec![Message::Binary(frame::keep_alive()), Message::Ping(Bytes::new())]
                }
            };
            let written = tokio::select! {
                written = self.write_all(&mut sink, messages) => written,
                // The frame under way gets its chance to be finished.
                () = stalled(&self.outbox) => return,
            };
            if written.is_err() {
                return;
            }
        }
    }

    /// Stops between two frames when the socket is to be closed.
    async fn write_all(&self, sink: &mut Sink, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            if self.outbox.is_closing() {
                break;
            }
            sink.feed(message).await?;
        }
        sink.flush().await
    }
}

/// A message as the WebSocket frames it is written in.
fn pieces(message: Bytes) -> Vec<Message> {
    if message.len() <= PIECE_BYTES {
        return vec![Message::Binary(message)];
    }
    let last = message.len().div_ceil(PIECE_BYTES) - 1;
    let piece = |at: usize| {
        let data = if at == 0 { Data::Binary } else { Data::Continue };
        let bytes = message.slice(at * PIECE_BYTES..message.len().min((at + 1) * PIECE_BYTES));
        Message::Frame(Frame::message(bytes, OpCode::Data(data), at == last))
    };
    (0..=last).map(piece).collect()
}

/// A socket that was to be closed and has not let itself be for twice the time.
pub(super) async fn stalled(outbox: &Outbox) {
    outbox.closing().await;
    sleep(CLOSING * 2).await;
}

/// Says why, then waits for the reader to see the peer go, or for a while.
async fn close(mut sink: Sink, code: CloseCode) {
    if timeout(CLOSING, sink.send(close_message(code))).await.is_ok() {
        sleep(CLOSING).await;
    }
}

pub(super) fn close_message(code: CloseCode) -> Message {
    Message::Close(Some(CloseFrame { code: code.code().into(), reason: code.reason().into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_message_is_written_in_pieces_that_make_it_up() {
        for len in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 3 * PIECE_BYTES + 7] {
            let message: Bytes = (0..len).map(|at| at.to_le_bytes()[0]).collect();
            let pieces = pieces(message.clone());
            let together: Vec<u8> = pieces.iter().flat_map(|piece| piece.clone().into_data()).collect();
            assert_eq!(together, message);
            assert_eq!(pieces.len(), len.div_ceil(PIECE_BYTES).max(1));
            let ends = pieces.iter().filter(|piece| match piece {
                Message::Frame(frame) => frame.header().is_final,
                _ => true,
            });
            assert_eq!(ends.count(), 1);
        }
    }
}
