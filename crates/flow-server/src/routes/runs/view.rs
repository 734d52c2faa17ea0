use axum::Json;
use axum::extract::State;
use flow_auth::Permission;
use flow_base::{FlowId, RunId, Timestamp, UserId};
use flow_executor::machine::Ask;
use flow_executor::runner::{RunView as Run, Turned};
use flow_store::{RunKind, RunQuery, RunStatus, RunSummary};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as AnyJson};
use utoipa::{IntoParams, ToSchema};

use super::files::{RunFileView, files_of};
use super::find_readable;
use crate::app::App;
use crate::body::Params;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::openapi::fields;
use crate::routes::{PAGE_DEFAULT, PAGE_MAX};
use crate::segment::Segment;

/// Parts of a journal that are read at once.
const PARTS: u32 = 8;

/// A run, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunSummaryView {
    #[schema(value_type = Uuid)]
    id: RunId,
    #[schema(value_type = Uuid)]
    flow_id: FlowId,
    /// `published`, `preview` or `test`.
    #[schema(schema_with = fields::run_kind)]
    kind: &'static str,
    /// Of the flow; none for a preview.
    #[schema(required)]
    flow_version: Option<u32>,
    /// `busy`, `waiting`, `completed`, `failed` or `cancelled`.
    #[schema(schema_with = fields::run_status)]
    status: &'static str,
    /// Who began it. A guest's id is that of no account.
    #[schema(value_type = Option<Uuid>, required)]
    user_id: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunPage {
    /// Newest first.
    items: Vec<RunSummaryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    next_cursor: Option<String>,
}

/// A run, as it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Run)]
pub(crate) struct RunView {
    #[serde(flatten)]
    summary: RunSummaryView,
    /// Counts its turns.
    seq: u64,
    /// What it asks, if it waits for an answer.
    #[schema(value_type = Option<Object>, required)]
    asks: Option<Ask>,
    /// How it ended: `status`, and `output` or `error`.
    #[schema(value_type = Option<Object>, required)]
    outcome: Option<AnyJson>,
    /// The node it stands at; not for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Not for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    variables: Option<Map<String, AnyJson>>,
    /// What was sent to it, in that order.
    files: Vec<RunFileView>,
}

/// What a turn came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Turn)]
pub(crate) struct TurnView {
    #[schema(value_type = Uuid)]
    run_id: RunId,
    /// Counts the run's turns, from 1.
    seq: u64,
    #[schema(schema_with = fields::run_status)]
    status: String,
    /// What was said, in order.
    #[schema(value_type = Vec<Object>)]
    messages: Vec<AnyJson>,
    /// What it asks now.
    #[schema(value_type = Option<Object>, required)]
    asks: Option<Ask>,
    /// How it ended: `status`, and `output` or `error`.
    #[schema(value_type = Option<Object>, required)]
    outcome: Option<AnyJson>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JournalPage {
    /// In the order they were written.
    #[schema(value_type = Vec<Object>)]
    items: Vec<AnyJson>,
    /// The turn that the last of them belongs to: `after` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64)]
    next_after: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct RunsQuery {
    /// Of this flow; otherwise those that one has begun oneself.
    #[param(value_type = Uuid, required = false)]
    flow: Option<FlowId>,
    #[param(schema_with = fields::run_kind, required = false)]
    kind: Option<String>,
    #[param(schema_with = fields::run_status, required = false)]
    status: Option<String>,
    #[param(schema_with = fields::limit, required = false)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(value_type = Uuid, required = false)]
    cursor: Option<RunId>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JournalQuery {
    /// Of turns after this one.
    #[param(required = false)]
    after: Option<u64>,
}

/// `GET /api/runs`: runs of a flow, or those one has begun oneself.
#[utoipa::path(
    get,
    path = "/runs",
    operation_id = "listRuns",
    tag = "runs",
    params(RunsQuery),
    responses((status = 200, body = RunPage), (status = 404, description = "There is no such flow.")),
    security(("signIn" = []), ("apiKey" = ["read"])),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<RunsQuery>,
) -> Result<Json<RunPage>, ApiError> {
    let user = match query.flow {
        Some(flow) => {
            caller.require_member(&app, flow, Permission::ReadFlow).await?;
            None
        }
        None => {
            caller.allow(Permission::ReadFlow)?;
            Some(caller.user)
        }
    };
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let kind = query.kind.map(|text| {
        RunKind::from_text(&text).ok_or_else(|| ApiError::invalid("kind", "is published, preview or test"))
    });
    let status = query.status.map(|text| {
        RunStatus::from_text(&text)
            .ok_or_else(|| ApiError::invalid("status", "is busy, waiting, completed, failed or cancelled"))
    });
    let query = RunQuery {
        flow: query.flow,
        user,
        kind: kind.transpose()?,
        status: status.transpose()?,
        before: query.cursor,
        // One more than asked for tells whether there is a next page.
        limit: limit + 1,
    };
    let mut runs = app.store().runs(&query).await?;
    let more = runs.len() > limit as usize;
    runs.truncate(limit as usize);
    let next_cursor = runs.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(RunPage { items: runs.into_iter().map(RunSummaryView::from).collect(), next_cursor }))
}

/// `GET /api/runs/{id}`: where it is, what it asks, what its variables hold.
#[utoipa::path(
    get,
    path = "/runs/{run_id}",
    operation_id = "getRun",
    tag = "runs",
    params(Segment<RunId>),
    responses((status = 200, body = RunView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
) -> Result<Json<RunView>, ApiError> {
    let (_, access) = find_readable(&app, caller, run).await?;
    let view = app.runs().view(run).await?;
    let files = files_of(&app, run).await?;
    Ok(Json(RunView::of(view, files, access.reads)))
}

/// `GET /api/runs/{id}/journal`: what it did, step by step: each node's input, output,
/// variables, time and attempt.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/journal",
    operation_id = "getRunJournal",
    tag = "runs",
    params(Segment<RunId>, JournalQuery),
    responses((status = 200, body = JournalPage)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn journal(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
    Params(query): Params<JournalQuery>,
) -> Result<Json<JournalPage>, ApiError> {
    let (_, access) = find_readable(&app, caller, run).await?;
    if !access.reads {
        return Err(ApiError::Forbidden);
    }
    let parts = app.store().run_journal(run, query.after.unwrap_or(0), PARTS).await?;
    let mut items = Vec::new();
    for part in &parts {
        let entries: Vec<AnyJson> = serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
        items.extend(entries);
    }
    let is_full = parts.len() == PARTS as usize;
    let next_after = parts.last().filter(|_| is_full).map(|part| part.version);
    Ok(Json(JournalPage { items, next_after }))
}

impl From<RunSummary> for RunSummaryView {
    fn from(run: RunSummary) -> Self {
        Self {
            id: run.id,
            flow_id: run.flow,
            kind: run.kind.as_str(),
            flow_version: run.flow_version,
            status: run.status.as_str(),
            user_id: run.user,
            started_at: run.started_at,
            updated_at: run.updated_at,
            ended_at: run.ended_at,
        }
    }
}

impl RunView {
    fn of(run: Run, files: Vec<RunFileView>, reads: bool) -> Self {
        let outcome = run.outcome.map(|outcome| told_outcome(serde_json::json!(outcome), reads));
        Self {
            summary: run.summary.into(),
            seq: run.version,
            asks: run.asks,
            outcome,
            node: run.node.filter(|_| reads),
            variables: reads.then_some(run.variables),
            files,
        }
    }
}

impl TurnView {
    pub(super) fn of(turned: Turned, reads: bool) -> Self {
        let Turned { run, version, status, entries, asks, outcome } = turned;
        let outcome = outcome.map(|outcome| told_outcome(serde_json::json!(outcome), reads));
        Self { run_id: run, seq: version, status, messages: messages(entries), asks, outcome }
    }
}

/// How a run ended. Where and over what it failed is for those who may look into it.
pub(crate) fn told_outcome(outcome: AnyJson, reads: bool) -> AnyJson {
    if reads || outcome["status"] != "failed" {
        return outcome;
    }
    serde_json::json!({ "status": "failed", "error": { "kind": outcome["error"]["kind"] } })
}

/// What was said, of what was done.
pub(super) fn messages(entries: Vec<AnyJson>) -> Vec<AnyJson> {
    let said = entries.into_iter().filter(|entry| entry["type"] == "emitted");
    said.map(|mut entry| entry["message"].take()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn over_what_a_run_failed_is_told_to_those_who_may_look_into_it() {
        let error = json!({ "kind": "expression", "message": "`secret` is no number", "node": "sum" });
        let failed = json!({ "status": "failed", "error": error });
        assert_eq!(told_outcome(failed.clone(), true), failed);
        let told = json!({ "status": "failed", "error": { "kind": "expression" } });
        assert_eq!(told_outcome(failed, false), told);
        let completed = json!({ "status": "completed", "output": { "a": 1 } });
        assert_eq!(told_outcome(completed.clone(), false), completed);
    }
}
