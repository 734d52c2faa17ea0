use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use bytes::Bytes;
use flow_base::ConnId;
use flow_protocol::frame::{self, Message};
use flow_protocol::{CheckError, CheckedUpdate, CloseCode, UpdateLimits, awareness, check_update, walk};
use flow_room::{Inbound, Memory, Outbox, Permit, RoomClosed, RoomHandle, Taken};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::gate::Admission;
use crate::app::App;

/// Something is sent at least this often: stock clients drop a connection on
/// which they hear nothing for 30 s, and pings are nothing to them.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A socket that does not even answer pings for so long is gone, 4508.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// How long a writer waits for the log to catch up before it is sent away, 1013.
const RESERVE_WITHIN: Duration = Duration::from_secs(30);
/// Updates above this are checked off the async threads, and only when there is
/// memory for it.
const INLINE_BYTES: usize = 64 << 10;
/// Bytes that a walk takes per byte of the update: it keeps some eighty bytes for
/// each client, which takes at least five in an update.
const WALK_FACTOR: usize = 16;
/// How long a closed socket is read on, so that the peer gets to see why.
const CLOSING: Duration = Duration::from_secs(2);

/// One socket of a room: moves frames, and decides nothing else.
pub(super) struct Connection {
    pub(super) conn: ConnId,
    pub(super) room: RoomHandle,
    pub(super) outbox: Outbox,
    pub(super) app: App,
    /// Its place, given back when this ends.
    pub(super) admission: Admission,
}

impl Connection {
    /// Runs until the peer or the room ends it. A panic in here ends this socket
    /// only, and its room hears of its leaving like of any other.
    pub(super) async fn run(self, socket: WebSocket) {
        let (sink, stream) = socket.split();
        let work = async {
            tokio::select! {
                () = self.write(sink) => {}
                () = self.read(stream) => {}
            }
        };
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(conn = %self.conn, "a connection panicked");
        }
    }

    /// Reads until the socket ends. A reason to close goes through the outbox, so
    /// that one place writes; then it only waits to be dropped by it.
    async fn read(&self, mut stream: SplitStream<WebSocket>) {
        loop {
            let code = match timeout(SILENT_FOR, stream.next()).await {
                Err(_) => CloseCode::Idle,
                Ok(None) => return,
                Ok(Some(Err(error))) if is_too_large(&error) => CloseCode::TooLarge,
                // The other end went away without a word.
                Ok(Some(Err(_)) | Some(Ok(Frame::Close(_)))) => return,
                Ok(Some(Ok(Frame::Ping(_) | Frame::Pong(_)))) => continue,
                Ok(Some(Ok(Frame::Text(_)))) => CloseCode::Malformed,
                Ok(Some(Ok(Frame::Binary(bytes)))) => match self.receive(bytes).await {
                    Ok(()) => continue,
                    Err(code) => code,
                },
            };
            self.outbox.close(code);
            // Read on and throw away: unread bytes would turn the close into a reset.
            while let Ok(Some(Ok(frame))) = timeout(CLOSING, stream.next()).await {
                if matches!(frame, Frame::Close(_)) {
                    return;
                }
            }
            // The writer ends this once it has said why.
            stalled(&self.outbox).await;
            return;
        }
    }

    async fn receive(&self, bytes: Bytes) -> Result<(), CloseCode> {
        if bytes.len() > self.app.limits().frame_bytes {
            return Err(CloseCode::TooLarge);
        }
        for message in frame::messages(bytes) {
            let message = message.map_err(|_| CloseCode::Malformed)?;
            if is_of_the_document(&message) {
                self.app.gate().pace(&self.admission).await;
            }
            if let Some(inbound) = self.prepare(message).await? {
                self.room.receive(self.conn, inbound).await.map_err(|RoomClosed| CloseCode::Restarting)?;
            }
        }
        Ok(())
    }

    /// A message with its untrusted parts checked; `None` for what says nothing
    /// to a room.
    async fn prepare(&self, message: Message) -> Result<Option<Inbound>, CloseCode> {
        Ok(Some(match message {
            Message::Step1 { state_vector } => Inbound::Step1 { state_vector },
            Message::Step2 { update } => {
                let (update, permit) = self.admit(update).await?;
                Inbound::Step2 { update, permit }
            }
            Message::Update { update } => {
                let (update, permit) = self.admit(update).await?;
                Inbound::Update { update, permit }
            }
            Message::Awareness { update } => {
                let entries = awareness::decode(&update).map_err(|_| CloseCode::Malformed)?;
                Inbound::Awareness { entries }
            }
            Message::QueryAwareness => Inbound::QueryAwareness,
            Message::Barrier { token } => Inbound::Barrier { token },
            Message::PermissionDenied { .. } | Message::Unknown { .. } => return Ok(None),
        }))
    }

    /// An update that may be applied, and room for it until it is committed.
    async fn admit(&self, update: Bytes) -> Result<(CheckedUpdate, Permit), CloseCode> {
        timeout(RESERVE_WITHIN, self.admit_slowly(update)).await.unwrap_or(Err(CloseCode::Overloaded))
    }

    async fn admit_slowly(&self, update: Bytes) -> Result<(CheckedUpdate, Permit), CloseCode> {
        let limits = UpdateLimits::default();
        if update.len() <= INLINE_BYTES {
            let checked = check_update(update, &limits).map_err(|error| self.malformed(&error))?;
            let permit = self.room.reserve(checked.bytes().len()).await;
            return Ok((checked, permit));
        }
        let walking = self.memory(update.len().saturating_mul(WALK_FACTOR)).await?;
        let walked = off_thread({
            let update = update.clone();
            move || walk(&update, &limits).map(|walked| walked.memory()).map_err(CheckError::from)
        });
        let estimate = walked.await.map_err(|error| self.malformed(&error))?;
        drop(walking);
        // The bytes before the memory: who holds memory waits for nobody but the room.
        let permit = self.room.reserve(update.len()).await;
        let memory = self.memory(estimate).await?;
        let checked = off_thread(move || check_update(update, &limits)).await;
        Ok((checked.map_err(|error| self.malformed(&error))?, permit.with_memory(memory)))
    }

    async fn memory(&self, bytes: usize) -> Result<Memory, CloseCode> {
        self.room.reserve_memory(bytes).await.map_err(|error| {
            tracing::warn!(conn = %self.conn, flow = %self.room.flow(), bytes, %error, "refused an update");
            CloseCode::TooLarge
        })
    }

    fn malformed(&self, error: &CheckError) -> CloseCode {
        let error = error as &dyn std::error::Error;
        tracing::warn!(conn = %self.conn, flow = %self.room.flow(), error, "refused an update");
        CloseCode::Malformed
    }

    /// Writes what the room has for this peer, as much at once as there is.
    async fn write(&self, mut sink: SplitSink<WebSocket, Frame>) {
        let mut keep_alive = Instant::now() + KEEP_ALIVE;
        loop {
            let taken = tokio::select! {
                taken = self.outbox.take() => taken,
                () = sleep_until(keep_alive) => {
                    keep_alive = Instant::now() + KEEP_ALIVE;
                    // The ping is for ourselves: its answer shows that the peer is there.
                    let frames = [Frame::Binary(frame::keep_alive()), Frame::Ping(Bytes::new())];
                    if write_all(&mut sink, frames).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let written = match taken {
                Taken::Frames(frames) => tokio::select! {
                    written = write_all(&mut sink, frames.into_iter().map(Frame::Binary)) => written,
                    // The frame under way gets its chance to be finished.
                    () = stalled(&self.outbox) => return,
                },
                Taken::AskSince(since) => {
                    // A room that has ended ends the outbox, too.
                    drop(self.room.drained(self.conn, since).await);
                    Ok(())
                }
                Taken::Close(code) => return close(sink, code).await,
                Taken::Ended => return close(sink, CloseCode::Restarting).await,
            };
            if written.is_err() {
                return;
            }
        }
    }
}

/// What a user may send only so many of. The others cost nothing that lasts.
const fn is_of_the_document(message: &Message) -> bool {
    matches!(message, Message::Step1 { .. } | Message::Step2 { .. } | Message::Update { .. })
}

/// A socket that was to be closed and has not let itself be for twice the time.
async fn stalled(outbox: &Outbox) {
    outbox.closing().await;
    tokio::time::sleep(CLOSING * 2).await;
}

async fn off_thread<T: Send + 'static>(
    check: impl FnOnce() -> Result<T, CheckError> + Send + 'static,
) -> Result<T, CheckError> {
    // What made the check panic must not be applied.
    tokio::task::spawn_blocking(check).await.unwrap_or(Err(CheckError::RoundTrip))
}

async fn write_all(
    sink: &mut SplitSink<WebSocket, Frame>,
    frames: impl IntoIterator<Item = Frame>,
) -> Result<(), axum::Error> {
    for frame in frames {
        sink.feed(frame).await?;
    }
    sink.flush().await
}

/// Says why, then waits for the reader to see the peer go, or for a while.
async fn close(mut sink: SplitSink<WebSocket, Frame>, code: CloseCode) {
    let frame = CloseFrame { code: code.code(), reason: code.reason().into() };
    if timeout(CLOSING, sink.send(Frame::Close(Some(frame)))).await.is_ok() {
        tokio::time::sleep(CLOSING).await;
    }
}

/// Reads until the peer has closed its side, or for a while.
pub(super) async fn finish(socket: &mut WebSocket) {
    let deadline = Instant::now() + CLOSING;
    while let Ok(Some(Ok(_))) = tokio::time::timeout_at(deadline, socket.recv()).await {}
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(tokio_tungstenite::tungstenite::Error::Capacity(_)) = error.downcast_ref() {
            return true;
        }
        source = error.source();
    }
    false
}
