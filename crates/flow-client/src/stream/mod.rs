//! What happens to a flow, without holding its document: server-sent events.

mod event;
mod run;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use flow_base::FlowId;
use futures_util::stream::unfold;
use futures_util::{Stream, StreamExt};
use reqwest::{Method, Response, header};
use sse_stream::{Sse, SseByteStream};
use tokio::time::{error::Elapsed, sleep, timeout};

use crate::backoff::Backoff;
use crate::{Api, ClientError};
pub use event::{FlowChanged, FlowEvent, FlowReset, PresenceChanged, StreamClosed};
pub use run::{RunStream, RunTold};

/// A large flow may have to be opened first.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// The server says something every 15 s.
const SILENT_FOR: Duration = Duration::from_secs(45);

/// The events of a flow, from [`Api::stream`], one after the other and none missing between
/// two of them: a connection that is lost is made anew, after a growing pause, and goes on
/// behind the last event. Where the server has forgotten that one, there is another
/// [`FlowEvent::Reset`].
///
/// It tries as long as it is asked for the next event. What is final ends it: a refusal, as an
/// error, or a [`FlowEvent::Closed`]. It needs a runtime of tokio.
#[must_use = "nothing happens before the first event is asked for"]
pub struct FlowStream {
    api: Api,
    flow: FlowId,
    /// Of the last event that was told.
    last_id: Option<String>,
    backoff: Backoff,
    place: Place,
}

enum Place {
    /// Kept here and not in whoever waits: a request given up halfway could lose the tokens
    /// that it renews.
    Opening(Opening),
    Open(Events),
    Over,
}

type Opening = Pin<Box<dyn Future<Output = Result<Result<Response, ClientError>, Elapsed>> + Send>>;
type Events = Pin<Box<dyn Stream<Item = Result<Sse, sse_stream::Error>> + Send>>;

/// Why nothing more comes over a connection.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    #[error("nothing was heard for {SILENT_FOR:?}")]
    Silent,
}

impl Api {
    /// What happens to the flow from now on, beginning with the flow as it is. See
    /// [`FlowStream`].
    pub fn stream(&self, flow: FlowId) -> FlowStream {
        self.stream_after(flow, None)
    }

    /// What has happened since the event of this id (see [`FlowStream::last_id`]), if the
    /// server still knows; otherwise as [`Api::stream`].
    pub fn stream_after(&self, flow: FlowId, last_id: Option<String>) -> FlowStream {
        let place = Place::Opening(opening(self.clone(), flow, last_id.clone(), Duration::ZERO));
        FlowStream { api: self.clone(), flow, last_id, backoff: Backoff::default(), place }
    }

    async fn open_stream(&self, flow: FlowId, last_id: Option<&str>) -> Result<Response, ClientError> {
        let request = || {
            let request = self.request(Method::GET, &format!("api/flows/{flow}/stream"));
            match last_id {
                Some(id) => request.header("Last-Event-ID", id),
                None => request,
            }
        };
        self.answered_to(request, |_| false).await
    }
}

impl FlowStream {
    /// The next event; `None` after an error and after [`FlowEvent::Closed`]. Cancel safe.
    ///
    /// # Errors
    /// [`ClientError::Refused`] and [`ClientError::SignedOut`] when the server says for good
    /// that the flow may not be followed; [`ClientError::Unreadable`] when it tells something
    /// that cannot be read.
    pub async fn next(&mut self) -> Option<Result<FlowEvent, ClientError>> {
        StreamExt::next(self).await
    }

    /// Of the last event: what another stream goes on behind, by [`Api::stream_after`].
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    fn read(&mut self, told: Sse) -> Result<Option<FlowEvent>, ClientError> {
        let (Some(name), Some(data)) = (told.event, told.data) else { return Ok(None) };
        let event = FlowEvent::read(&name, &data).map_err(ClientError::Unreadable)?;
        self.last_id = told.id.or_else(|| self.last_id.take());
        self.backoff.reset();
        Ok(event)
    }

    fn come_back(&mut self, why: &dyn fmt::Display) {
        let pause = self.backoff.next();
        tracing::debug!(flow = %self.flow, %why, ?pause, "a stream is opened again");
        self.place = Place::Opening(opening(self.api.clone(), self.flow, self.last_id.clone(), pause));
    }

    /// The last that is told.
    fn end(&mut self, with: Result<FlowEvent, ClientError>) -> Poll<Option<<Self as Stream>::Item>> {
        self.place = Place::Over;
        Poll::Ready(Some(with))
    }
}

impl Stream for FlowStream {
    type Item = Result<FlowEvent, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.place {
                Place::Over => return Poll::Ready(None),
                Place::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(Ok(answer)) if is_stream(&answer) => self.place = Place::Open(events(answer)),
                    Ok(Ok(_)) => self.come_back(&"something else than a stream was answered"),
                    Ok(Err(error)) if is_final(&error) => return self.end(Err(error)),
                    Ok(Err(error)) => self.come_back(&error),
                    Err(elapsed) => self.come_back(&elapsed),
                },
                Place::Open(events) => match ready!(events.as_mut().poll_next(cx)) {
                    Some(Ok(told)) => match self.read(told) {
                        Ok(Some(FlowEvent::Closed(closed))) if closed.is_final() => {
                            return self.end(Ok(FlowEvent::Closed(closed)));
                        }
                        Ok(Some(FlowEvent::Closed(closed))) => self.come_back(&closed.reason),
                        Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                        Ok(None) => {}
                        Err(error) => return self.end(Err(error)),
                    },
                    Some(Err(error)) => self.come_back(&error),
                    None => self.come_back(&"the connection ended"),
                },
            }
        }
    }
}

impl fmt::Debug for FlowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flow, last_id, .. } = self;
        f.debug_struct("FlowStream").field("flow", flow).field("last_id", last_id).finish_non_exhaustive()
    }
}

fn opening(api: Api, flow: FlowId, last_id: Option<String>, pause: Duration) -> Opening {
    Box::pin(async move {
        sleep(pause).await;
        timeout(ANSWERED_WITHIN, api.open_stream(flow, last_id.as_deref())).await
    })
}

/// A proxy may answer with a page of its own.
fn is_stream(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

fn events(answer: Response) -> Events {
    let bytes = unfold(answer, |mut answer| async move {
        let chunk: Result<Bytes, Cut> = match timeout(SILENT_FOR, answer.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk?),
            Ok(Err(error)) => Err(Cut::Broken(error)),
            Err(_) => Err(Cut::Silent),
        };
        Some((chunk, answer))
    });
    Box::pin(SseByteStream::new(bytes))
}

/// Whether asking again is pointless until something else changes. Too many requests, or a
/// proxy that has waited too long, pass.
const fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { status, .. } => matches!(status, 400..=407 | 409..=428 | 430..=499),
        ClientError::Transport(_) => false,
        ClientError::BadUrl(_)
        | ClientError::SignedOut
        | ClientError::Write(_)
        | ClientError::Unreadable(_) => true,
    }
}
