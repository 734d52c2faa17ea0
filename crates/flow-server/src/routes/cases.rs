//! Test cases of flows: run, and what came of it.

mod turn;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{ActorId, TestResultId, Timestamp, UserId};
use flow_executor::cases::{CaseLimits, Report, run_cases};
use flow_model::{FlowGraph, TESTS_MAX, content_hash};
use flow_store::{RESULTS_PER_FLOW, TestResult, decode_content, encode_content};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::turn::Turn;
use super::{PAGE_DEFAULT, PAGE_MAX, blocking, graph, versions};
use crate::app::App;
use crate::body::{MaybeBody, Params};
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::{fields, model};
use crate::routes::whole;
use crate::segment::Segment;

/// Of computing, for all test cases of a request. Those that are not begun by then say so.
const WITHIN: Duration = Duration::from_secs(20);
/// Of a report, as it is kept and answered.
const REPORT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RunTests {
    /// A version, with the test cases it had; otherwise the flow as it is.
    #[schema(schema_with = fields::version_or_null, required = false)]
    #[serde(deserialize_with = "whole::or_null")]
    version: Option<u32>,
    /// Only these test cases, by their ids.
    #[schema(max_items = 500)]
    tests: Option<Vec<String>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultsQuery {
    /// Of what this version says.
    #[param(schema_with = fields::version, required = false)]
    version: Option<u32>,
    #[param(schema_with = fields::limit, required = false)]
    limit: Option<u32>,
}

/// What running test cases came to, in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TestResult)]
pub(crate) struct ResultView {
    #[schema(value_type = Uuid)]
    id: TestResultId,
    /// SHA-256 of what was tested, without its layout and its test cases.
    content_hash: String,
    /// The version that it was; none for the flow as it was.
    #[schema(required)]
    version: Option<u32>,
    passed: u32,
    failed: u32,
    /// Test cases that could not be played to their end.
    errors: u32,
    /// Who ran them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid)]
    author_id: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TestResultWithReport)]
pub(crate) struct ResultWithReport {
    #[serde(flatten)]
    result: ResultView,
    #[schema(value_type = model::TestReport)]
    report: Report,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestResults)]
pub(crate) struct Results {
    /// Newest first. Of each content the last 20 are kept, of a flow the last 200.
    items: Vec<ResultView>,
}

/// `POST /api/flows/{id}/tests/run`: runs the flow's test cases, and keeps the result. Nobody is
/// called: nodes that call yield what their mocks say.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/tests/run",
    operation_id = "runTests",
    tag = "tests",
    params(FlowPath),
    request_body = Option<RunTests>,
    responses((status = 200, body = ResultWithReport)),
    security(("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn run(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    MaybeBody(body): MaybeBody<RunTests>,
) -> Result<Json<ResultWithReport>, ApiError> {
    caller.require(&app, flow, Permission::RunFlow).await?;
    let RunTests { version, tests } = body;
    if tests.as_ref().is_some_and(|tests| tests.len() > TESTS_MAX) {
        return Err(ApiError::invalid("tests", format!("has at most {TESTS_MAX} ids")));
    }
    let turn = Turn::wait(caller.user).await?;
    let graph = match version {
        None => graph::read(&app, flow).await?,
        Some(number) => versions::content(&app, flow, number).await?.graph().clone(),
    };
    let limits = app.runs().limits();
    let limits = CaseLimits { budgets: limits.budgets, turn_within: limits.turn_within, within: WITHIN };
    let tested = blocking(move || {
        let tested = test(&graph, tests.as_deref(), &limits);
        drop(turn);
        tested
    });
    let Tested { content_hash, report, bytes } = tested.await??;
    // Whose role was taken away meanwhile leaves nothing behind, and learns nothing.
    let access = caller.require(&app, flow, Permission::RunFlow).await?;
    let reads = Permission::ReadFlow.is_given_to(access.role, caller.scopes);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let result = TestResult {
        id: TestResultId::generate(),
        content_hash,
        version,
        passed: count(report.passed),
        failed: count(report.failed),
        errors: count(report.errors),
        author: ActorId::User(caller.user),
        created_at: app.now(),
    };
    app.store().put_test_result(flow, &result, &bytes).await?;
    let report = if reads { report } else { report.in_numbers() };
    Ok(Json(ResultWithReport { result: result.into(), report }))
}

/// `GET /api/flows/{id}/tests/results`: what running test cases came to: newest first, of all that
/// the flow has said, or of what a version says.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/tests/results",
    operation_id = "listTestResults",
    tag = "tests",
    params(FlowPath, ResultsQuery),
    responses((status = 200, body = Results)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Params(query): Params<ResultsQuery>,
) -> Result<Json<Results>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    // A page is as long as all that is kept.
    const { assert!(RESULTS_PER_FLOW <= PAGE_MAX) };
    let hash = match query.version {
        None => None,
        Some(number) => {
            let version = app.store().version(flow, number).await?;
            Some(version.ok_or(ApiError::NotFound("version"))?.0.content_hash)
        }
    };
    let results = app.store().test_results(flow, hash.as_deref(), limit).await?;
    Ok(Json(Results { items: results.into_iter().map(ResultView::from).collect() }))
}

/// `GET /api/flows/{id}/tests/results/{result}`: one of them, case by case.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/tests/results/{result_id}",
    operation_id = "getTestResult",
    tag = "tests",
    params(FlowPath, Segment<TestResultId>),
    responses((status = 200, body = ResultWithReport)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    Segment(id): Segment<TestResultId>,
    caller: Caller,
) -> Result<Json<ResultWithReport>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let found = app.store().test_result(flow, id).await?;
    let (result, bytes) = found.ok_or(ApiError::NotFound("test result"))?;
    let report = blocking(move || {
        let json = decode_content(&bytes).map_err(ApiError::internal)?;
        serde_json::from_slice(&json).map_err(ApiError::internal)
    });
    Ok(Json(ResultWithReport { result: result.into(), report: report.await?? }))
}

struct Tested {
    content_hash: String,
    report: Report,
    /// The report, as stores keep it.
    bytes: Bytes,
}

fn test(graph: &FlowGraph, tests: Option<&[String]>, limits: &CaseLimits) -> Result<Tested, ApiError> {
    let report = run_cases(graph, tests, limits).map_err(|error| ApiError::invalid("tests", error))?;
    let report = report.within(REPORT_BYTES_MAX).map_err(|error| ApiError::invalid("tests", error))?;
    let json = serde_json::to_vec(&report).map_err(ApiError::internal)?;
    Ok(Tested { content_hash: content_hash(graph), report, bytes: encode_content(&json).into() })
}

impl From<TestResult> for ResultView {
    fn from(result: TestResult) -> Self {
        let TestResult { id, content_hash, version, passed, failed, errors, author, created_at } = result;
        Self { id, content_hash, version, passed, failed, errors, author_id: author.user(), created_at }
    }
}
