mod port;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flow_protocol::CloseCode;
use tokio::sync::Notify;

use crate::event::Position;
use port::Gate;
pub use port::{Attention, Outgoing, Port, Wrote};

/// The queue between a room and one socket, bounded in bytes.
///
/// The room puts; then it writes to the socket what that takes without waiting
/// ([`Outbox::flush`]), and leaves the rest to the socket's task: a frame for fifty
/// peers costs fifty writes and wakes nobody. What does not fit is never skipped:
/// past the soft bound all waiting updates are dropped together and the peer gets
/// one diff once its socket has drained; past the hard bound it is closed. The
/// lock is held for a push or a swap, never across an await.
#[derive(Debug, Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Notify,
    closing: Notify,
    soft_bytes: usize,
    hard_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Queued>,
    /// Of the frames in the queue that count.
    bytes: usize,
    stream: Stream,
    /// The last update that was handed to the socket.
    handed: Position,
    close: Option<CloseCode>,
    /// The socket has been given the reason.
    told_close: bool,
    ping: bool,
    pong: Option<Bytes>,
    /// The room has let go of this peer.
    ended: bool,
    gate: Gate,
}

/// Whether updates flow to this peer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// Before its step 1: it knows nothing an update could build on.
    #[default]
    Silent,
    Flowing,
    /// Updates were dropped. None is queued until the room sends what is missing.
    Collapsed,
    /// The socket has drained and the room was asked for what is missing.
    Asked,
}

#[derive(Debug)]
enum Queued {
    Update {
        frame: Bytes,
        position: Position,
    },
    /// Not counted, as it may be as large as the document. The last frame of an
    /// answer brings the peer up to a position.
    Answer {
        frame: Bytes,
        position: Option<Position>,
    },
    Presence {
        frame: Bytes,
    },
    Control {
        frame: Bytes,
    },
}

/// About as much is handed to a socket at once: enough for one system call, and
/// little beside the bounds. What a slow socket has been handed can be neither
/// counted nor dropped.
const TAKEN_BYTES: usize = 64 << 10;

/// What a peer without a port of its own has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Read these, and come back.
    Frames(Vec<Bytes>),
    /// Ask the room for what was dropped after this position, then come back.
    AskSince(Position),
    /// Write nothing more and close with this code.
    Close(CloseCode),
    /// The room is gone; close without a word of its own.
    Ended,
}

impl Outbox {
    #[must_use]
    pub fn new(soft_bytes: usize, hard_bytes: usize) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            wake: Notify::new(),
            closing: Notify::new(),
            soft_bytes,
            hard_bytes,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What to do next, for a peer that is no socket. Waits until there is something.
    /// Cancel safe.
    pub async fn take(&self) -> Taken {
        loop {
            // Register before looking: a push in between is not missed.
            let woken = self.shared.wake.notified();
            if let Some(taken) = self.take_now() {
                return taken;
            }
            woken.await;
        }
    }

    fn take_now(&self) -> Option<Taken> {
        let mut state = self.lock();
        if let Some(code) = state.close {
            return Some(Taken::Close(code));
        }
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while bytes < TAKEN_BYTES
            && let Some(frame) = state.take_front()
        {
            bytes += frame.len();
            frames.push(frame);
        }
        if !frames.is_empty() {
            return Some(Taken::Frames(frames));
        }
        if state.stream == Stream::Collapsed {
            state.stream = Stream::Asked;
            return Some(Taken::AskSince(state.handed));
        }
        state.ended.then_some(Taken::Ended)
    }

    /// An update, if updates flow to this peer.
    pub(crate) fn push_update(&self, frame: &Bytes, position: Position) {
        let mut state = self.lock();
        if state.stream != Stream::Flowing || state.close.is_some() {
            return;
        }
        if state.bytes + frame.len() > self.shared.soft_bytes {
            state.collapse();
        } else {
            state.bytes += frame.len();
            state.queue.push_back(Queued::Update { frame: frame.clone(), position });
        }
        self.wake_taker(state);
    }

    /// Presence that does not fit collapses the queue like an update: a departure
    /// that is not told leaves a ghost. A peer that catches up gets all of it again.
    pub(crate) fn push_presence(&self, frame: &Bytes) {
        let mut state = self.lock();
        if state.stream != Stream::Flowing {
            return;
        }
        if state.bytes + frame.len() > self.shared.soft_bytes {
            state.collapse();
        } else {
            state.bytes += frame.len();
            state.queue.push_back(Queued::Presence { frame: frame.clone() });
        }
        self.wake_taker(state);
    }

    /// A frame that can neither be dropped nor be replaced.
    pub fn push_control(&self, frame: Bytes) {
        let mut state = self.lock();
        state.bytes += frame.len();
        if state.bytes > self.shared.hard_bytes {
            drop(state);
            return self.close(CloseCode::Overloaded);
        }
        state.queue.push_back(Queued::Control { frame });
        self.wake_taker(state);
    }

    /// Everything the peer may lack up to `position`; updates after it flow again.
    pub(crate) fn push_answer(&self, frame: Bytes, position: Position) {
        let mut state = self.lock();
        // A later answer covers what an earlier one says. Answers are not counted,
        // so whoever asks again and again without reading must not gather them.
        state.queue.retain(|queued| !matches!(queued, Queued::Answer { .. }));
        drop(state);
        self.push_missed(vec![frame], position);
    }

    /// What the peer missed since it was asked for, up to `position`; updates after
    /// it flow again. It may say less than an answer that is not read yet.
    pub(crate) fn push_missed(&self, frames: Vec<Bytes>, position: Position) {
        let mut state = self.lock();
        let last = frames.len().saturating_sub(1);
        let answer = frames.into_iter().enumerate();
        state.queue.extend(
            answer.map(|(at, frame)| Queued::Answer { frame, position: (at == last).then_some(position) }),
        );
        state.stream = Stream::Flowing;
        self.wake_taker(state);
    }

    /// With a port nobody waits for what is queued: whoever queues it flushes.
    fn wake_taker(&self, state: MutexGuard<'_, State>) {
        let taken = matches!(state.gate, Gate::None);
        drop(state);
        if taken {
            self.shared.wake.notify_one();
        }
    }

    /// Closes the socket before anything else is written. The first reason wins.
    pub fn close(&self, code: CloseCode) {
        self.lock().close.get_or_insert(code);
        self.shared.wake.notify_one();
        self.shared.closing.notify_waiters();
    }

    /// What waits to be written, as far as it counts against the bounds.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether the socket is to be closed.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.lock().close.is_some()
    }

    /// Waits until the socket is to be closed: for a write that may never end,
    /// because the other side reads nothing. Cancel safe.
    pub async fn closing(&self) {
        let closing = self.shared.closing.notified();
        tokio::pin!(closing);
        // Registered before looking: a close in between is not missed.
        closing.as_mut().enable();
        if self.lock().close.is_none() {
            closing.await;
        }
    }

    /// The room forgets this peer: what is queued is still written.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.shared.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held could only be a failed allocation.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_front(&mut self) -> Option<Bytes> {
        let queued = self.queue.pop_front()?;
        self.bytes -= queued.counted();
        if let Queued::Update { position, .. } | Queued::Answer { position: Some(position), .. } = queued {
            self.handed = self.handed.max(position);
        }
        Some(queued.into_frame())
    }

    fn collapse(&mut self) {
        self.queue.retain(|queued| !matches!(queued, Queued::Update { .. } | Queued::Presence { .. }));
        self.bytes = self.queue.iter().map(Queued::counted).sum();
        self.stream = Stream::Collapsed;
    }
}

impl Queued {
    /// Its bytes as far as they count against the bounds.
    fn counted(&self) -> usize {
        match self {
            Self::Answer { .. } => 0,
            Self::Update { frame, .. } | Self::Presence { frame } | Self::Control { frame } => frame.len(),
        }
    }

    fn into_frame(self) -> Bytes {
        match self {
            Self::Update { frame, .. }
            | Self::Answer { frame, .. }
            | Self::Presence { frame }
            | Self::Control { frame } => frame,
        }
    }
}
