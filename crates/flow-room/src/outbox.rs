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
    /// Up to `position`; not counted, as it may be as large as the document.
    Answer {
        frame: Bytes,
        position: Position,
    },
    Presence {
        frame: Bytes,
    },
    Control {
        frame: Bytes,
    },
}

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
        if !state.queue.is_empty() {
            state.bytes = 0;
            let queue = std::mem::take(&mut state.queue);
            let frames = queue.into_iter().map(|queued| {
                if let Queued::Update { position, .. } | Queued::Answer { position, .. } = queued {
                    state.handed = state.handed.max(position);
                }
                queued.into_frame()
            });
            return Some(Taken::Frames(frames.collect()));
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
    pub(crate) fn push_control(&self, frame: Bytes) {
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

    /// Frames that bring the peer up to `position`; updates after it flow again.
    pub(crate) fn push_answer(&self, frames: Vec<Bytes>, position: Position) {
        let mut state = self.lock();
        // A later answer covers what an earlier one says. Answers are not counted,
        // so whoever asks again and again without reading must not gather them.
        state.queue.retain(|queued| !matches!(queued, Queued::Answer { .. }));
        state.queue.extend(frames.into_iter().map(|frame| Queued::Answer { frame, position }));
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
    fn collapse(&mut self) {
        self.queue.retain(|queued| !matches!(queued, Queued::Update { .. } | Queued::Presence { .. }));
        self.bytes = self
            .queue
            .iter()
            .map(|queued| match queued {
                Queued::Control { frame } => frame.len(),
                Queued::Update { .. } | Queued::Answer { .. } | Queued::Presence { .. } => 0,
            })
            .sum();
        self.stream = Stream::Collapsed;
    }
}

impl Queued {
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
        outbox.push_answer(vec![frame(1_000)], Position(1));
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
        outbox.push_answer(vec![frame(1_000)], Position(1));
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
        outbox.push_answer(vec![frame(3)], Position(6));
        outbox.push_update(&frame(1), Position(7));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(3), frame(1)])));
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
        outbox.push_answer(vec![frame(2_000)], Position(2));
        assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(2_000)])));
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
