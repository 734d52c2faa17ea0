use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use flow_protocol::CloseCode;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::feed::{Listener, Next};
use super::ring::Cursor;
use crate::sync::{Admission, Registered};

/// Proxies close what is silent for longer. As often as the sockets'.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// One stream, from its place in the order of events on.
struct Events {
    listener: Listener,
    cursor: Cursor,
    ready: VecDeque<Bytes>,
    /// By which it is sent away.
    registered: Registered,
    silent_until: Instant,
    is_over: bool,
    _admission: Admission,
}

/// The events from behind the one of this id on, or from the whole flow on. Nothing is made
/// before it is asked for, so a slow reader holds one event.
pub(crate) fn events(
    registered: Registered,
    admission: Admission,
    listener: Listener,
    last_id: Option<&str>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let cursor = last_id.map_or(Cursor::Reset, |id| listener.resume(id));
    let events = Events {
        listener,
        cursor,
        ready: VecDeque::new(),
        registered,
        // At once, so that whoever waits for the head of the answer has it.
        silent_until: Instant::now(),
        is_over: false,
        _admission: admission,
    };
    unfold(events, |mut events| async move {
        let frame = events.next().await?;
        events.silent_until = Instant::now() + KEEP_ALIVE_EVERY;
        Some((Ok(frame), events))
    })
}

impl Events {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        loop {
            // Before anything else: what is told after access has ended is told to nobody.
            if self.registered.is_sent_away() {
                return self.close().await;
            }
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            let (next, cursor) = self.listener.next(self.cursor);
            match next {
                Next::Frames(frames) => self.ready.extend(frames),
                Next::Whole(whole) => {
                    let frames = tokio::task::spawn_blocking(move || whole.frames()).await;
                    self.ready.extend(frames.ok()?);
                }
                Next::Ended => return Some(self.over(CloseCode::Restarting)),
                Next::Nothing => {
                    tokio::select! {
                        () = self.listener.more() => {}
                        frame = self.registered.sent_away() => return Some(self.over(frame)),
                        () = sleep_until(self.silent_until) => {
                            return Some(Bytes::from_static(b": still here\n\n"));
                        }
                    }
                }
            }
            self.cursor = cursor;
        }
    }

    async fn close(&mut self) -> Option<Bytes> {
        let code = self.registered.sent_away().await;
        Some(self.over(code))
    }

    /// The last event says why, by the close code of a socket.
    fn over(&mut self, code: CloseCode) -> Bytes {
        self.is_over = true;
        closed(code)
    }
}

/// The event that says why a stream ends.
pub(crate) fn closed(code: CloseCode) -> Bytes {
    let data = json!({ "code": code.code(), "reason": code.reason() });
    format!("event: closed\ndata: {data}\n\n").into()
}
