use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flow_base::RunId;
use flow_executor::runner::{WatchNext, Watching};
use flow_store::RunPart;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Value as AnyJson, json};
use tokio::time::timeout;
use utoipa::IntoParams;

use super::find_readable;
use super::view::messages;
use crate::address::ClientAddress;
use crate::app::App;
use crate::caller::{Caller, Params, bearer};
use crate::error::ApiError;
use crate::segment::Segment;

/// Proxies close what is silent for longer. Then, too, whether the caller may still see it is
/// asked anew.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
const PARTS: u32 = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct RunStreamQuery {
    /// A browser's `EventSource` can send no header of its own.
    token: Option<String>,
    /// As the header: what an `EventSource` made anew cannot send either.
    last_event_id: Option<String>,
}

/// `GET /api/runs/{id}/stream`: server-sent events, one for each turn (`turn`: `seq`, `at`,
/// `messages`, and the journal's `entries` for members of the flow), from the first or behind
/// `Last-Event-ID` on; `end` when the run has ended.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/stream",
    operation_id = "streamRun",
    tag = "runs",
    params(Segment<RunId>, RunStreamQuery),
    responses((status = 200, body = String, content_type = "text/event-stream")),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn stream(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Params(query): Params<RunStreamQuery>,
) -> Result<Response, ApiError> {
    let token = query.token.as_deref().or_else(|| bearer(&headers));
    let caller = Caller::counted(&app, token, address).await?;
    let (_, access) = find_readable(&app, caller, run).await?;
    app.gate().count_open(caller.user)?;
    let known = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = known.or(query.last_event_id.as_deref()).and_then(|id| id.parse().ok());
    // Watched before it is read, so that nothing falls in between.
    let watching = app.runs().watch(run);
    let turns = Turns {
        app,
        caller,
        run,
        watching,
        reads: access.reads,
        told: known.unwrap_or(0),
        ready: VecDeque::new(),
        looks: true,
        is_over: false,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(turns.frames())).into_response())
}

/// One stream, from its place in the journal on.
struct Turns {
    app: App,
    caller: Caller,
    run: RunId,
    watching: Watching,
    reads: bool,
    /// The last turn that was told.
    told: u64,
    ready: VecDeque<Bytes>,
    /// There may be more in the journal.
    looks: bool,
    is_over: bool,
}

impl Turns {
    fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        unfold(self, |mut turns| async move { turns.next().await.map(|frame| (Ok(frame), turns)) })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.is_over {
                return None;
            }
            if self.looks {
                // The client comes back, and goes on where it was.
                self.look().await.ok()?;
                continue;
            }
            match timeout(KEEP_ALIVE_EVERY, self.watching.next()).await {
                Ok(WatchNext::Turn(_) | WatchNext::Look) => self.looks = true,
                Err(_) => {
                    find_readable(&self.app, self.caller, self.run).await.ok()?;
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }

    /// Reads what was done since.
    async fn look(&mut self) -> Result<(), ApiError> {
        let parts = self.app.store().run_journal(self.run, self.told, PARTS).await?;
        self.looks = parts.len() == PARTS as usize;
        for part in parts {
            self.tell(&part)?;
        }
        Ok(())
    }

    fn tell(&mut self, part: &RunPart) -> Result<(), ApiError> {
        let entries: Vec<AnyJson> = serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
        let ended =
            entries.iter().find(|entry| entry["type"] == "ended").map(|entry| entry["outcome"].clone());
        let mut data = json!({ "seq": part.version, "at": part.at });
        if self.reads {
            data["entries"] = AnyJson::Array(entries.clone());
        }
        data["messages"] = AnyJson::Array(messages(entries));
        self.told = part.version;
        self.ready.push_back(format!("event: turn\nid: {}\ndata: {data}\n\n", part.version).into());
        if let Some(outcome) = ended {
            let data = json!({ "seq": part.version, "outcome": outcome });
            self.ready.push_back(format!("event: end\nid: {}\ndata: {data}\n\n", part.version).into());
            self.is_over = true;
        }
        Ok(())
    }
}
