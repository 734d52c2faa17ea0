//! What is left for a connection's task of writing: waiting.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use flow_protocol::{CloseCode, frame};
use flow_room::{Attention, Outbox, Outgoing, Port, Wrote};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::connection::{CLOSING, Connection};
use super::handshake::Socket;
use super::port::SocketPort;
use crate::measures;

/// Something is sent at least this often: stock clients drop a connection on
/// which they hear nothing for 30 s, and pings are nothing to them.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

impl Connection {
    /// Sees to the socket when whoever had something for it could not write all of it, when
    /// its queue was dropped, and when it is to be closed. Ends when that is done.
    pub(super) async fn attend(&self, socket: &OwnedWriteHalf) {
        let every = KEEP_ALIVE.min(self.app.limits().silent_for / 4);
        let keep_alive = sleep(every);
        tokio::pin!(keep_alive);
        // Of a socket that is to be closed and still takes some of what it was to be told:
        // one that takes bit after bit must not live on for it.
        let mut until = None;
        loop {
            let attention = tokio::select! {
                attention = self.outbox.attention() => attention,
                () = &mut keep_alive => {
                    keep_alive.as_mut().reset(Instant::now() + every);
                    self.outbox.push_control(frame::keep_alive());
                    // For ourselves: its answer shows that the peer is there.
                    self.outbox.push_ping();
                    self.outbox.flush();
                    continue;
                }
            };
            // Boxed: seldom awaited, and never by a socket at rest.
            match attention {
                Attention::Held => {
                    if Box::pin(self.wait_until_taken(socket, &mut until)).await.is_break() {
                        return;
                    }
                }
                // A room that has ended ends the outbox, too.
                Attention::AskSince(since) => drop(Box::pin(self.room.drained(self.conn, since)).await),
                Attention::Ended => self.outbox.close(CloseCode::Restarting),
                Attention::Closed(code) => {
                    measures::closed(code);
                    // The reader sees the peer go.
                    return Box::pin(sleep(CLOSING)).await;
                }
                Attention::Broken => return,
            }
        }
    }

    /// Goes on when the socket takes something again.
    async fn wait_until_taken(
        &self,
        socket: &OwnedWriteHalf,
        until: &mut Option<Instant>,
    ) -> ControlFlow<()> {
        let overdue = async {
            self.outbox.closing().await;
            sleep_until(*until.get_or_insert_with(|| Instant::now() + CLOSING * 2)).await;
        };
        tokio::select! {
            ready = socket.writable() => match ready {
                Ok(()) => self.outbox.resume(),
                Err(_) => return ControlFlow::Break(()),
            },
            // The frame under way has had its chance to be finished.
            () = overdue => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
}

/// A socket that was to be closed and has not let itself be for twice the time.
pub(super) async fn stalled(outbox: &Outbox) {
    outbox.closing().await;
    sleep(CLOSING * 2).await;
}

/// Says why to a socket that has joined no room.
pub(super) async fn refuse(socket: &Socket, code: CloseCode) {
    let transport = socket.get_ref();
    let writer: Arc<OwnedWriteHalf> = transport.writer();
    let mut port = SocketPort::new(Arc::clone(&writer), transport.life());
    let telling = async {
        let mut wrote = port.write(&mut vec![Outgoing::Close(code)]);
        while wrote == Wrote::Held && writer.writable().await.is_ok() {
            wrote = port.write(&mut Vec::new());
        }
    };
    if timeout(CLOSING, telling).await.is_err() {
        tracing::debug!(%code, "a refused socket did not let itself be told why");
    }
}
