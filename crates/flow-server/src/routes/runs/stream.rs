use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::RunId;
use flow_executor::runner::{WatchNext, Watching};
use flow_protocol::CloseCode;
use flow_store::{RunPart, RunRecord};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Value as AnyJson, json};
use tokio::time::sleep;
use utoipa::IntoParams;

use super::find_readable;
use super::view::{messages, told_outcome};
use crate::address::ClientAddress;
use crate::app::App;
use crate::body::Params;
use crate::caller::{Caller, bearer};
use crate::canvas::Watcher;
use crate::error::ApiError;
use crate::segment::Segment;
use crate::stream::closed;
use crate::sync::gate::Connection;
use crate::sync::{Registered, Socket};

/// Proxies close what is silent for longer.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
const PARTS: u32 = 8;

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
    let (record, access) = find_readable(&app, caller, run).await?;
    if app.stopping().is_cancelled() {
        return Err(ApiError::Unavailable(None));
    }
    // Guests see their own runs, for as long as they may talk.
    let needs = if access.reads { Permission::ReadFlow } else { Permission::TalkToFlow };
    let socket = Socket::outside(record.summary.flow, caller, access.rev, needs);
    let connection = app.gate().connect(caller).await?;
    app.requests().count_open(caller.user).await?;
    let known = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = known.or(query.last_event_id.as_deref()).and_then(|id| id.parse().ok());
    // Watched before it is read, so that nothing falls in between.
    let watching = app.runs().watch(run);
    let is_shown = access.reads && !caller.is_guest();
    let shown = is_shown.then(|| app.canvas().watch(&app, &record.summary)).flatten();
    let turns = Turns {
        registered: Registered::new(&app, socket),
        app,
        run,
        watching,
        _shown: shown,
        _connection: connection,
        reads: access.reads,
        told: known.unwrap_or(0),
        ready: VecDeque::new(),
        end: None,
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
    /// By which it is sent away.
    registered: Registered,
    run: RunId,
    watching: Watching,
    /// A run that a member watches is seen by all who have the flow open.
    _shown: Option<Watcher>,
    /// One of those that the caller may have.
    _connection: Connection,
    reads: bool,
    /// The last turn that was read.
    told: u64,
    /// Turns that are read and not told.
    ready: VecDeque<RunPart>,
    /// What is told last of all.
    end: Option<Bytes>,
    /// There may be more in the journal.
    looks: bool,
    is_over: bool,
}

impl Turns {
    fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        unfold(self, |mut turns| async move { turns.next().await.map(|frame| (Ok(frame), turns)) })
    }

    /// Nothing after an error: the client comes back, and goes on where it was.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Before anything else: what is told after access has ended is told to nobody.
            if self.registered.is_sent_away() && !self.is_over {
                return Some(self.close(self.registered.sent_away().await));
            }
            if let Some(part) = self.ready.pop_front() {
                return self.tell(&part).ok();
            }
            if self.is_over {
                return self.end.take();
            }
            if self.looks {
                self.look().await.ok()?;
                continue;
            }
            tokio::select! {
                next = self.watching.next() => match next {
                    WatchNext::Turn(_) | WatchNext::Look => self.looks = true,
                },
                code = self.registered.sent_away() => return Some(self.close(code)),
                () = sleep(KEEP_ALIVE_EVERY) => {
                    // Should nobody have told us that it has ended.
                    self.looks = true;
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }

    /// Nothing follows.
    fn close(&mut self, code: CloseCode) -> Bytes {
        (self.is_over, self.end) = (true, None);
        self.ready.clear();
        closed(code)
    }

    /// Reads what was done since.
    async fn look(&mut self) -> Result<(), ApiError> {
        let parts = self.app.store().run_journal(self.run, self.told, PARTS).await?;
        self.looks = parts.len() == PARTS as usize;
        if let Some(last) = parts.last() {
            self.told = last.version;
            self.ready.extend(parts);
            return Ok(());
        }
        let record = self.app.store().run(self.run).await?.ok_or(ApiError::NotFound("run"))?;
        self.end_with(&record)
    }

    /// If the run has ended, and all of it was read, perhaps by an earlier stream.
    fn end_with(&mut self, record: &RunRecord) -> Result<(), ApiError> {
        if let Some(frame) = end_frame(record, self.told, self.reads)? {
            self.end = Some(frame);
            self.is_over = true;
        }
        Ok(())
    }

    fn tell(&mut self, part: &RunPart) -> Result<Bytes, ApiError> {
        let entries: Vec<AnyJson> = serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
        if let Some(ended) = entries.iter().find(|entry| entry["type"] == "ended") {
            self.end = Some(end(part.version, ended["outcome"].clone(), self.reads));
            self.is_over = true;
        }
        let mut data = json!({ "seq": part.version, "at": part.at });
        if self.reads {
            data["entries"] = AnyJson::Array(entries.clone());
        }
        data["messages"] = AnyJson::Array(messages(entries));
        Ok(format!("event: turn\nid: {}\ndata: {data}\n\n", part.version).into())
    }
}

/// `None` unless the run is over and nothing of it comes after the turn `told`.
fn end_frame(record: &RunRecord, told: u64, reads: bool) -> Result<Option<Bytes>, ApiError> {
    let summary = &record.summary;
    if !summary.status.is_over() || record.version > told {
        return Ok(None);
    }
    let outcome = summary.outcome.as_deref().map(serde_json::from_str).transpose();
    let outcome = outcome.map_err(ApiError::internal)?.unwrap_or(AnyJson::Null);
    Ok(Some(end(record.version, outcome, reads)))
}

fn end(version: u64, outcome: AnyJson, reads: bool) -> Bytes {
    let data = json!({ "seq": version, "outcome": told_outcome(outcome, reads) });
    format!("event: end\nid: {version}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use flow_base::{FlowId, Timestamp};
    use flow_store::{RunKind, RunStatus, RunSummary};

    use super::*;

    fn record(version: u64, status: RunStatus, outcome: Option<&str>) -> RunRecord {
        let at = Timestamp::UNIX_EPOCH;
        let summary = RunSummary {
            id: RunId::generate(),
            flow: FlowId::generate(),
            kind: RunKind::Published,
            flow_version: None,
            graph_hash: [0; 32],
            user: None,
            status,
            started_at: at,
            updated_at: at,
            ended_at: status.is_over().then_some(at),
            entries: 1,
            outcome: outcome.map(str::to_owned),
        };
        RunRecord { summary, version, state: Bytes::new(), wake_at: None, leased_by: None }
    }

    #[test]
    fn an_end_is_told_again_to_who_has_all_turns() {
        let outcome = r#"{"status":"failed","error":{"kind":"expression","message":"m","node":"n"}}"#;
        let failed = record(3, RunStatus::Failed, Some(outcome));
        assert_eq!(end_frame(&failed, 2, true).unwrap(), None, "a turn is missing");
        assert_eq!(end_frame(&record(3, RunStatus::Waiting, None), 3, true).unwrap(), None);
        let told = |reads| {
            let frame = end_frame(&failed, 3, reads).unwrap().expect("it is over");
            let frame = String::from_utf8(frame.to_vec()).unwrap();
            let data = frame.strip_prefix("event: end\nid: 3\ndata: ").expect("it is an end").to_owned();
            serde_json::from_str::<AnyJson>(&data).unwrap()
        };
        let all: AnyJson = serde_json::from_str(outcome).unwrap();
        assert_eq!(told(true), json!({ "seq": 3, "outcome": all }));
        let outcome = json!({ "status": "failed", "error": { "kind": "expression" } });
        assert_eq!(told(false), json!({ "seq": 3, "outcome": outcome }));
    }
}
