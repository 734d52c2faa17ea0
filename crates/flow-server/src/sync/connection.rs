use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ConnId, UserId};
use flow_protocol::frame::{self, Message};
use flow_protocol::{CheckError, CheckedUpdate, CloseCode, UpdateLimits, awareness, check_update, walk};
use flow_room::{Inbound, Memory, Outbox, Permit, RoomClosed, RoomHandle};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use super::gate::Admission;
use super::handshake::Socket;
use super::intake::Intake;
use super::port::SocketPort;
use super::transport::Life;
use super::write::stalled;
use crate::app::App;
use crate::measures;

/// How long a writer waits for the log to catch up before it is sent away, 1013.
const RESERVE_WITHIN: Duration = Duration::from_secs(30);
/// From the first byte beyond what is free of a large message until it is taken. It is
/// minutes, because 16 MiB over a slow line take some; then the socket ends with 1013.
const TAKEN_WITHIN: Duration = Duration::from_secs(300);
/// Updates above this are checked off the async threads, and only when there is
/// memory for it.
const INLINE_BYTES: usize = 64 << 10;
/// Bytes that a walk takes per byte of the update: it keeps some eighty bytes for
/// each client, which takes at least five in an update.
const WALK_FACTOR: usize = 16;
/// How often something is sent to a peer whose message waits.
const PROBE_EVERY: Duration = Duration::from_millis(400);
/// How long a closed socket is read on, so that the peer gets to see why.
pub(super) const CLOSING: Duration = Duration::from_secs(2);

/// One socket of a room: moves frames, and decides nothing else.
pub(super) struct Connection {
    pub(super) conn: ConnId,
    pub(super) user: UserId,
    pub(super) room: RoomHandle,
    pub(super) outbox: Outbox,
    pub(super) app: App,
    /// Its place, given back when this ends.
    pub(super) admission: Admission,
}

impl Connection {
    pub(super) fn span(&self) -> tracing::Span {
        tracing::debug_span!("connection", conn = %self.conn, flow = %self.room.flow(), user = %self.user)
    }

    /// Runs until the peer or the room ends it. A panic in here ends this socket
    /// only, and its room hears of its leaving like of any other.
    pub(super) async fn run(&self, socket: Box<Socket>) {
        let transport = socket.get_ref();
        let (life, intake, writer) = (transport.life(), transport.intake(), transport.writer());
        self.outbox.connect(Box::new(SocketPort::new(Arc::clone(&writer), Arc::clone(&life))));
        let work = async {
            tokio::select! {
                () = self.attend(&writer) => {}
                () = self.read(socket, &life, &intake) => {}
                () = self.hurry(&intake) => {}
                // Nothing can be said to who takes nothing, not even why.
                () = life.stuck(self.app.limits().silent_for) => {
                    tracing::info!(conn = %self.conn, flow = %self.room.flow(), user = %self.user, "a socket takes nothing any more");
                }
            }
        };
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(conn = %self.conn, flow = %self.room.flow(), user = %self.user, "a connection panicked");
        }
        // Others hold the outbox for a while, and with it the socket.
        self.outbox.disconnect();
    }

    /// Reads until the socket ends. A reason to close goes through the outbox, so
    /// that one place writes; then it only waits to be dropped by it.
    ///
    /// Most sockets wait for a message most of the time: what is awaited otherwise is
    /// boxed, so that they keep no room for it.
    async fn read(&self, mut stream: Box<Socket>, life: &Life, intake: &Intake) {
        // It looks again when it is due, so it lasts for all messages.
        let silent = life.silent(self.app.limits().silent_for);
        tokio::pin!(silent);
        loop {
            let read = tokio::select! {
                biased;
                read = stream.next() => read,
                () = &mut silent => {
                    self.outbox.close(CloseCode::Idle);
                    return Box::pin(stalled(&self.outbox)).await;
                }
            };
            let code = match read {
                Some(Ok(Frame::Binary(bytes))) => {
                    let received = Box::pin(self.receive(bytes)).await;
                    intake.taken();
                    match received {
                        Ok(()) => continue,
                        Err(code) => code,
                    }
                }
                Some(Ok(Frame::Text(_))) => CloseCode::Malformed,
                Some(Err(Error::Capacity(_))) => CloseCode::TooLarge,
                Some(Ok(Frame::Ping(payload))) => {
                    intake.received_control(payload.len());
                    self.outbox.push_pong(payload);
                    self.outbox.flush();
                    continue;
                }
                Some(Ok(Frame::Pong(payload))) => {
                    intake.received_control(payload.len());
                    continue;
                }
                // Only whole messages are read.
                Some(Ok(Frame::Frame(_))) => continue,
                // The other end went away, with or without a word.
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
            };
            measures::refused(code);
            self.outbox.close(code);
            return Box::pin(self.wait_for_end(stream)).await;
        }
    }

    /// Reads on and throws away: unread bytes would turn the close into a reset.
    async fn wait_for_end(&self, mut stream: Box<Socket>) {
        while let Ok(Some(Ok(frame))) = timeout(CLOSING, stream.next()).await {
            if matches!(frame, Frame::Close(_)) {
                return;
            }
        }
        // The writer ends this once it has said why.
        stalled(&self.outbox).await;
    }

    /// Sends a peer away that holds memory for a message that does not end.
    async fn hurry(&self, intake: &Intake) {
        intake.overdue(TAKEN_WITHIN).await;
        self.outbox.close(CloseCode::Overloaded);
        Box::pin(stalled(&self.outbox)).await;
    }

    async fn receive(&self, bytes: Bytes) -> Result<(), CloseCode> {
        if bytes.len() > self.app.limits().frame_bytes {
            return Err(CloseCode::TooLarge);
        }
        for message in frame::messages(bytes) {
            let message = message.map_err(|_| CloseCode::Malformed)?;
            tokio::select! {
                biased;
                taken = self.take(message) => taken?,
                () = self.probe() => {}
            }
        }
        Ok(())
    }

    async fn take(&self, message: Message) -> Result<(), CloseCode> {
        measures::received(&message);
        if let Some(bytes) = document_bytes(&message) {
            self.app.gate().pace(&self.admission, bytes).await;
        }
        if let Some(inbound) = self.prepare(message).await? {
            self.room.receive(self.conn, inbound).await.map_err(|RoomClosed| CloseCode::Restarting)?;
        }
        Ok(())
    }

    /// While a message waits to be taken nothing is read, so nobody sees the peer
    /// go, and its presence would stay. A peer that has gone answers what is sent to
    /// it with a reset, on which the next write fails: something is sent. Never ends.
    async fn probe(&self) {
        loop {
            sleep(PROBE_EVERY).await;
            self.outbox.push_control(frame::keep_alive());
            self.outbox.flush();
        }
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
            Message::Growth { .. } => Inbound::Growth,
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
        let memory = self.memory(update.len().saturating_mul(WALK_FACTOR)).await?;
        let walked = off_thread(memory, {
            let update = update.clone();
            move || walk(&update, &limits).map(|walked| walked.memory()).map_err(CheckError::from)
        });
        let (estimate, memory) = walked.await.map_err(|error| self.malformed(&error))?;
        drop(memory);
        // The bytes before the memory: who holds memory waits for nobody but the room.
        let permit = self.room.reserve(update.len()).await;
        let memory = self.memory(estimate).await?;
        let checked = off_thread(memory, move || check_update(update, &limits)).await;
        let (update, memory) = checked.map_err(|error| self.malformed(&error))?;
        Ok((update, permit.with_memory(memory)))
    }

    async fn memory(&self, bytes: usize) -> Result<Memory, CloseCode> {
        self.room.reserve_memory(bytes).await.map_err(|error| {
            tracing::warn!(conn = %self.conn, flow = %self.room.flow(), user = %self.user, bytes, %error, "refused an update");
            CloseCode::TooLarge
        })
    }

    fn malformed(&self, error: &CheckError) -> CloseCode {
        let error = error as &dyn std::error::Error;
        tracing::warn!(conn = %self.conn, flow = %self.room.flow(), user = %self.user, error, "refused an update");
        CloseCode::Malformed
    }
}

/// The size of what a user may send only so much of. The other messages cost nothing
/// that lasts.
const fn document_bytes(message: &Message) -> Option<usize> {
    match message {
        Message::Step1 { state_vector: bytes }
        | Message::Step2 { update: bytes }
        | Message::Update { update: bytes } => Some(bytes.len()),
        _ => None,
    }
}

/// The memory goes along: work that nobody waits for any more goes on to its end.
async fn off_thread<T: Send + 'static>(
    memory: Memory,
    check: impl FnOnce() -> Result<T, CheckError> + Send + 'static,
) -> Result<(T, Memory), CheckError> {
    let checked = tokio::task::spawn_blocking(move || check().map(|checked| (checked, memory))).await;
    // What made the check panic must not be applied.
    checked.unwrap_or(Err(CheckError::RoundTrip))
}

/// Reads until the peer has closed its side, or for a while.
pub(super) async fn finish(socket: &mut Socket) {
    let deadline = Instant::now() + CLOSING;
    while let Ok(Some(Ok(_))) = tokio::time::timeout_at(deadline, socket.next()).await {}
}
