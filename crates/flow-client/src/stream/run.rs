use std::time::Duration;

use flow_base::RunId;
use futures_util::StreamExt;
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::sleep;

use super::{Events, events, is_final, is_stream};
use crate::backoff::Backoff;
use crate::{Api, ClientError};

/// The turns of a run, from [`Api::run_stream`], one after the other and none missing: over a
/// new connection where one broke, behind the last turn.
#[derive(Debug)]
pub struct RunStream {
    api: Api,
    run: RunId,
    /// The last turn that was told.
    after: u64,
    events: Option<Open>,
    backoff: Backoff,
    is_over: bool,
}

struct Open(Events);

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

/// What a run has done.
#[derive(Debug, Clone, PartialEq)]
pub enum RunTold {
    /// A turn: `seq`, `at`, `messages`, and `entries` of the journal for members of the flow.
    Turn(Value),
    /// It has ended: `seq` and `outcome`. Nothing follows.
    End(Value),
}

impl Api {
    /// The turns of a run after one of them (0: all).
    #[must_use]
    pub fn run_stream(&self, run: RunId, after: u64) -> RunStream {
        RunStream { api: self.clone(), run, after, events: None, backoff: Backoff::default(), is_over: false }
    }

    async fn open_run_stream(&self, run: RunId, after: u64) -> Result<Response, ClientError> {
        let path = format!("api/runs/{run}/stream");
        let request = || self.request(Method::GET, &path).header("Last-Event-ID", after.to_string());
        self.answered_to(request, |_| false).await
    }
}

impl RunStream {
    /// The next turn; `None` after the end and after an error. Cancel safe but for a request
    /// that is being made, which is made again.
    ///
    /// # Errors
    /// [`ClientError`] when the server says for good that the run may not be watched.
    pub async fn next(&mut self) -> Option<Result<RunTold, ClientError>> {
        while !self.is_over {
            let Some(Open(events)) = &mut self.events else {
                match self.api.open_run_stream(self.run, self.after).await {
                    Ok(answer) if is_stream(&answer) => self.events = Some(Open(events(answer))),
                    Err(error) if is_final(&error) => return self.end(Err(error)),
                    Ok(_) | Err(_) => self.pause().await,
                }
                continue;
            };
            let Some(Ok(told)) = events.next().await else {
                self.events = None;
                self.pause().await;
                continue;
            };
            let (Some(name), Some(data)) = (told.event, told.data) else { continue };
            let data: Value = match serde_json::from_str(&data) {
                Ok(data) => data,
                Err(error) => return self.end(Err(ClientError::Unreadable(error))),
            };
            self.backoff.reset();
            match &*name {
                "turn" => {
                    self.after = data["seq"].as_u64().unwrap_or(self.after);
                    return Some(Ok(RunTold::Turn(data)));
                }
                "end" => return self.end(Ok(RunTold::End(data))),
                _ => {}
            }
        }
        None
    }

    async fn pause(&mut self) {
        let pause: Duration = self.backoff.next();
        sleep(pause).await;
    }

    fn end(&mut self, last: Result<RunTold, ClientError>) -> Option<Result<RunTold, ClientError>> {
        self.is_over = true;
        Some(last)
    }
}
