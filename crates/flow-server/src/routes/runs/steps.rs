use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use flow_auth::Permission;
use flow_base::RunId;
use flow_executor::Value;
use flow_executor::runner::{Inspected, Replay, ReplayedCalls};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as AnyJson};
use utoipa::ToSchema;

use super::bounds::check_variables;
use super::find_readable;
use super::start::{MockBody, show_begun, user_value};
use super::view::TurnView;
use crate::app::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::routes::whole;
use crate::segment::{Segment, Visit};

/// A node visited, looked into.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunStep)]
pub(crate) struct StepView {
    /// As the journal has it: `visit`, `node`, `at` (when it was left), `attempt`, `input`,
    /// `output` or `error`, `port`, `changes`.
    #[schema(value_type = Object)]
    step: AnyJson,
    /// When the visit began.
    #[schema(value_type = String, format = DateTime)]
    began_at: AnyJson,
    /// What the variables held.
    #[schema(value_type = Object)]
    before: Map<String, AnyJson>,
    #[schema(value_type = Object)]
    after: Map<String, AnyJson>,
}

/// How a run is walked again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ReplayRun)]
pub(crate) struct ReplayBody {
    /// The visit that it begins with, of those that have left their nodes.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole::number")]
    visit: u32,
    /// Other values than the variables had before that visit.
    #[serde(default)]
    #[schema(value_type = Object)]
    variables: Map<String, AnyJson>,
    /// What nodes yield instead of acting, by their ids; before what was recorded.
    #[serde(default)]
    mocks: BTreeMap<String, MockBody>,
    #[serde(default)]
    calls: CallsBody,
}

/// What becomes of calls.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReplayedCalls)]
pub(crate) enum CallsBody {
    /// None is made: nodes yield what they were answered from that visit on, the first time;
    /// those of which nothing was recorded fail.
    #[default]
    Recorded,
    /// They are made anew.
    Made,
}

/// `GET /api/runs/{id}/steps/{visit}`: what a node was given and came to, and what the variables
/// held before and after it.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/steps/{visit}",
    operation_id = "getRunStep",
    tag = "runs",
    params(Segment<RunId>, Segment<Visit>),
    responses((status = 200, body = StepView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn step(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    Segment(Visit(visit)): Segment<Visit>,
    caller: Caller,
) -> Result<Json<StepView>, ApiError> {
    let (_, access) = find_readable(&app, caller, run).await?;
    if !access.reads {
        return Err(ApiError::Forbidden);
    }
    let found = app.runs().inspect(run, visit).await?.ok_or(ApiError::NotFound("step"))?;
    let Inspected { step, began_at, before, after } = found;
    Ok(Json(StepView { step, began_at, before, after }))
}

/// `POST /api/runs/{id}/replay`: begins a preview of the graph that the run is pinned to, at one
/// of its steps, with the values that its variables had then; answered with its first turn.
#[utoipa::path(
    post,
    path = "/runs/{run_id}/replay",
    operation_id = "replayRun",
    tag = "runs",
    params(Segment<RunId>),
    request_body = ReplayBody,
    responses(
        (status = 201, body = TurnView),
        (status = 409, description = "The workspace has had as many runs today as it may."),
    ),
    security(("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn replay(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
    Body(body): Body<ReplayBody>,
) -> Result<impl IntoResponse, ApiError> {
    let (record, _) = super::find(&app, caller, run).await?;
    let flow = record.summary.flow;
    let access = caller.require(&app, flow, Permission::RunFlow).await?;
    check_variables(&body.variables)?;
    let variables = body.variables.iter();
    let replay = Replay {
        run,
        visit: body.visit,
        user: Some(caller.user),
        user_value: user_value(&app, caller).await?,
        variables: variables.map(|(name, value)| (name.as_str().into(), Value::from(value))).collect(),
        mocks: body.mocks.into_iter().map(|(node, mock)| (node, mock.into())).collect(),
        calls: match body.calls {
            CallsBody::Recorded => ReplayedCalls::Recorded,
            CallsBody::Made => ReplayedCalls::Made,
        },
        runs_per_day: app.quotas().runs_per_day,
    };
    let turn = app.runs().replay(replay).await?.turn;
    show_begun(&app, flow, flow_store::RunKind::Preview, caller, &turn);
    let reads = Permission::ReadFlow.is_given_to(access.role, caller.scopes);
    Ok((StatusCode::CREATED, Json(TurnView::of(turn, reads))))
}
