use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flow_protocol::CloseCode;
use tokio::sync::Notify;

use crate::event::Position;

/// The queue between a room and one socket, bounded in bytes.
///
/// The room puts, the socket's task takes. What does not fit is never skipped:
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
    /// The room has let go of this peer.
    ended: bool,
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

/// What a socket has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Write these, flush, and come back.
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

    /// What to do next. Waits until there is something. Cancel safe.
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
        drop(state);
        self.shared.wake.notify_one();
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
        drop(state);
        self.shared.wake.notify_one();
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
        drop(state);
        self.shared.wake.notify_one();
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
        drop(state);
        self.shared.wake.notify_one();
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
        // A panic while the lock is held could only be a failed allocation.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn frame(len: usize) -> Bytes {
        Bytes::from(vec![0; len])
    }

    fn flowing() -> Outbox {
        let outbox = Outbox::new(100, 200);
        outbox.push_answer(frame(1_000), Position(1));
        outbox
    }

    fn take(outbox: &Outbox) -> Option<Taken> {
        outbox.take().now_or_never()
    }

    #[test]
    fn nothing_flows_before_the_join_is_answered() {
        let outbox = Outbox::new(100, 200);
        outbox.push_update(&frame(1), Position(1));
        outbox.push_presence(&frame(1));
        assert_eq!(take(&outbox), None);
        outbox.push_answer(frame(1_000), Position(1));
        outbox.push_update(&frame(1), Position(2));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(1_000), frame(1)])));
        assert_eq!(take(&outbox), None);
    }

    #[test]
    fn past_the_soft_bound_updates_are_dropped_together_and_asked_for_once_drained() {
        let outbox = flowing();
        outbox.push_update(&frame(10), Position(2));
        assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
        outbox.push_update(&frame(60), Position(3));
        outbox.push_control(frame(7));
        outbox.push_update(&frame(60), Position(4));
        outbox.push_update(&frame(1), Position(5));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(7)])), "control frames stay");
        assert_eq!(take(&outbox), Some(Taken::AskSince(Position(2))));
        assert_eq!(take(&outbox), None, "it is asked once");
        outbox.push_update(&frame(1), Position(6));
        assert_eq!(take(&outbox), None, "nothing flows before the answer");
        outbox.push_missed(vec![frame(3)], Position(6));
        outbox.push_update(&frame(1), Position(7));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(3), frame(1)])));
    }

    #[test]
    fn a_slow_socket_is_handed_a_little_and_the_rest_can_still_be_dropped() {
        let outbox = Outbox::new(10 * TAKEN_BYTES, 20 * TAKEN_BYTES);
        outbox.push_missed(vec![], Position(0));
        for position in 1..=20 {
            outbox.push_update(&frame(TAKEN_BYTES / 2), Position(position));
        }
        let two = || Some(Taken::Frames(vec![frame(TAKEN_BYTES / 2); 2]));
        assert_eq!(take(&outbox), two());
        outbox.push_update(&frame(TAKEN_BYTES), Position(21));
        assert_eq!(take(&outbox), two(), "what was handed over made room");
        outbox.push_update(&frame(2 * TAKEN_BYTES), Position(22));
        assert_eq!(take(&outbox), Some(Taken::AskSince(Position(4))));
    }

    #[test]
    fn an_answer_of_several_frames_counts_when_its_last_was_handed_over() {
        let outbox = flowing();
        assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
        outbox.push_missed(vec![frame(TAKEN_BYTES), frame(TAKEN_BYTES)], Position(9));
        outbox.push_update(&frame(101), Position(10));
        assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
        assert_eq!(outbox.lock().handed, Position(1));
        assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
        assert_eq!(take(&outbox), Some(Taken::AskSince(Position(9))));
    }

    #[test]
    fn presence_that_does_not_fit_is_asked_for_again() {
        let outbox = flowing();
        assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
        outbox.push_update(&frame(90), Position(2));
        outbox.push_presence(&frame(20));
        assert_eq!(take(&outbox), Some(Taken::AskSince(Position(1))));
    }

    #[test]
    fn a_later_answer_takes_the_place_of_one_that_was_not_read() {
        let outbox = flowing();
        outbox.push_answer(frame(2_000), Position(2));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(2_000)])));
    }

    /// What a peer missed since it was asked for may say less than an answer to the
    /// question it asks a moment later.
    #[test]
    fn what_was_missed_does_not_take_the_place_of_a_whole_answer() {
        let outbox = flowing();
        outbox.push_missed(vec![frame(3)], Position(2));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(1_000), frame(3)])));
    }

    #[test]
    fn past_the_hard_bound_the_peer_is_closed() {
        let outbox = flowing();
        (0..3).for_each(|_| outbox.push_control(frame(100)));
        assert_eq!(take(&outbox), Some(Taken::Close(CloseCode::Overloaded)));
    }

    #[test]
    fn the_first_reason_to_close_wins() {
        let outbox = flowing();
        outbox.close(CloseCode::Malformed);
        outbox.close(CloseCode::Restarting);
        assert_eq!(take(&outbox), Some(Taken::Close(CloseCode::Malformed)));
    }

    #[test]
    fn what_is_queued_is_written_before_the_end() {
        let outbox = flowing();
        outbox.end();
        assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
        assert_eq!(take(&outbox), Some(Taken::Ended));
    }

    #[tokio::test]
    async fn a_push_wakes_the_taker() {
        let outbox = Outbox::new(100, 200);
        let taker = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.take().await }
        });
        tokio::task::yield_now().await;
        outbox.push_control(frame(1));
        assert_eq!(taker.await.unwrap(), Taken::Frames(vec![frame(1)]));
    }
}
