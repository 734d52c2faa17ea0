//! From the queue to a socket.

use bytes::Bytes;
use flow_protocol::CloseCode;

use super::{Outbox, Shared, State, Stream, TAKEN_BYTES};
use crate::event::Position;

/// What a socket writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    Message(Bytes),
    Ping,
    /// The answer to a ping, with what that carried.
    Pong(Bytes),
    /// Nothing follows it.
    Close(CloseCode),
}

/// Writes to a socket without waiting.
pub trait Port: std::fmt::Debug + Send {
    /// Writes what was left the last time, then as much of `frames` as the socket takes
    /// now. `frames` is emptied: what is not taken the port keeps, and writes first of
    /// all the next time, so a frame that was begun is always finished.
    fn write(&mut self, frames: &mut Vec<Outgoing>) -> Wrote;
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    All,
    /// The socket takes no more for now; the port keeps the rest.
    Held,
    /// The socket is gone.
    Broken,
}

/// The port of an outbox, and who is at it. One at a time writes; nobody waits for
/// another, because whoever is at it writes what is queued meanwhile, too.
#[derive(Debug, Default)]
pub(super) enum Gate {
    /// There is no socket yet, or never: whoever has the outbox takes from it.
    #[default]
    None,
    Idle(Box<dyn Port>),
    Writing,
    /// The socket's task has to wait until it takes something.
    Held(Box<dyn Port>),
    Broken,
}

/// Why a socket's task has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Wait until the socket takes something, then [`Outbox::resume`].
    Held,
    /// Ask the room for what was dropped after this position.
    AskSince(Position),
    /// The peer was told why it is closed.
    Closed(CloseCode),
    /// The room is gone: close.
    Ended,
    /// The socket is gone.
    Broken,
}

/// So much is written to one socket in one go by whoever has just filled its queue;
/// the rest is left to the socket's own task, which takes turns with others.
const FLUSH_BYTES: usize = 256 << 10;

impl Outbox {
    /// From here on what is queued goes to this socket, whenever [`Outbox::flush`] is
    /// called. Its task waits for [`Outbox::attention`].
    pub fn connect(&self, port: Box<dyn Port>) {
        self.lock().gate = Gate::Idle(port);
        self.flush();
    }

    /// Lets go of the socket.
    pub fn disconnect(&self) {
        self.lock().gate = Gate::Broken;
    }

    /// Writes what is queued as far as the socket takes it, and never waits. Does
    /// nothing where somebody else is writing, or the socket takes nothing: what is
    /// queued is then written by them.
    pub fn flush(&self) {
        self.flush_with(&mut Vec::new());
    }

    /// As [`Outbox::flush`], with memory to use: many are flushed one after the other.
    pub(crate) fn flush_with(&self, frames: &mut Vec<Outgoing>) {
        let mut state = self.lock();
        if state.has_nothing_to_write() {
            if state.needs_attention() {
                self.shared.wake.notify_one();
            }
        } else if let Some(turn) = Turn::take(&self.shared, &mut state, false) {
            drop(state);
            turn.write(frames);
        }
    }

    /// The socket takes something again.
    pub fn resume(&self) {
        let mut state = self.lock();
        if let Some(turn) = Turn::take(&self.shared, &mut state, true) {
            drop(state);
            turn.write(&mut Vec::new());
        }
    }

    /// Waits until the socket's task has something to do. Cancel safe.
    pub async fn attention(&self) -> Attention {
        loop {
            // Register before looking: what happens in between is not missed.
            let woken = self.shared.wake.notified();
            match self.look() {
                Some(attention) => return attention,
                None if self.flush_idle() => {}
                None => woken.await,
            }
        }
    }

    fn look(&self) -> Option<Attention> {
        self.lock().attention()
    }

    /// Flushes what somebody has queued and left; `false` where nothing was.
    fn flush_idle(&self) -> bool {
        let state = self.lock();
        let left = matches!(state.gate, Gate::Idle(_)) && !state.has_nothing_to_write();
        drop(state);
        if left {
            self.flush();
        }
        left
    }

    /// Says that this side is there, and asks whether the other one is. Not sent yet.
    pub fn push_ping(&self) {
        self.lock().ping = true;
    }

    /// The answer to a ping; one that was not sent yet is replaced, as RFC 6455 (section
    /// 5.5.3) has it, so whoever pings and reads nothing gathers nothing. Not sent yet.
    pub fn push_pong(&self, payload: Bytes) {
        self.lock().pong = Some(payload);
    }
}

/// The port, while one writes to it.
struct Turn<'a> {
    shared: &'a Shared,
    /// `None` while it writes, and once it was given back.
    port: Option<Box<dyn Port>>,
    given_back: bool,
}

impl<'a> Turn<'a> {
    /// `None` where there is no port, or somebody is at it. Where the socket takes
    /// nothing only its task goes on.
    fn take(shared: &'a Shared, state: &mut State, even_held: bool) -> Option<Self> {
        match std::mem::replace(&mut state.gate, Gate::Writing) {
            Gate::Idle(port) => Some(Self { shared, port: Some(port), given_back: false }),
            Gate::Held(port) if even_held => Some(Self { shared, port: Some(port), given_back: false }),
            other => {
                state.gate = other;
                None
            }
        }
    }

    /// Writes until nothing is queued, the socket takes no more, or it is the turn of
    /// others.
    fn write(mut self, frames: &mut Vec<Outgoing>) {
        let Some(mut port) = self.port.take() else { return };
        let mut written = 0;
        loop {
            frames.clear();
            written += self.shared.lock().take_outgoing(frames);
            let wrote = port.write(frames);
            let mut state = self.shared.lock();
            if matches!(state.gate, Gate::Broken) {
                // Disconnected meanwhile.
                self.given_back = true;
                return;
            }
            state.gate = match wrote {
                Wrote::All if state.has_nothing_to_write() => Gate::Idle(port),
                Wrote::All if written < FLUSH_BYTES => continue,
                Wrote::All | Wrote::Held => Gate::Held(port),
                Wrote::Broken => Gate::Broken,
            };
            self.given_back = true;
            if state.needs_attention() {
                self.shared.wake.notify_one();
            }
            return;
        }
    }
}

impl Drop for Turn<'_> {
    /// A port that panicked wrote nobody knows what.
    fn drop(&mut self) {
        if !self.given_back {
            self.shared.lock().gate = Gate::Broken;
            self.shared.wake.notify_one();
        }
    }
}

impl State {
    /// Moves what is to be written next into `frames`; answers its bytes.
    fn take_outgoing(&mut self, frames: &mut Vec<Outgoing>) -> usize {
        if let Some(code) = self.close {
            if !std::mem::replace(&mut self.told_close, true) {
                frames.push(Outgoing::Close(code));
            }
            return 0;
        }
        if std::mem::take(&mut self.ping) {
            frames.push(Outgoing::Ping);
        }
        frames.extend(self.pong.take().map(Outgoing::Pong));
        let mut bytes = 0;
        while bytes < TAKEN_BYTES
            && let Some(frame) = self.take_front()
        {
            bytes += frame.len();
            frames.push(Outgoing::Message(frame));
        }
        bytes
    }

    fn has_nothing_to_write(&self) -> bool {
        if self.close.is_some() {
            return self.told_close;
        }
        self.queue.is_empty() && !self.ping && self.pong.is_none()
    }

    /// Whether [`State::attention`] has an answer.
    fn needs_attention(&self) -> bool {
        match self.gate {
            Gate::Held(_) | Gate::Broken => true,
            Gate::None | Gate::Writing => false,
            Gate::Idle(_) => {
                self.told_close
                    || self.has_nothing_to_write() && (self.ended || self.stream == Stream::Collapsed)
            }
        }
    }

    fn attention(&mut self) -> Option<Attention> {
        if !self.needs_attention() {
            return None;
        }
        Some(match (&self.gate, self.close) {
            (Gate::Broken, _) => Attention::Broken,
            (Gate::Held(_), _) => Attention::Held,
            (_, Some(code)) => Attention::Closed(code),
            (_, None) if self.stream == Stream::Collapsed => {
                self.stream = Stream::Asked;
                Attention::AskSince(self.handed)
            }
            (_, None) => Attention::Ended,
        })
    }
}
