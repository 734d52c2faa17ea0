use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use flow_auth::Permission;
use flow_base::{FlowId, Role};
use flow_executor::runner::{StartRun, Turned};
use flow_executor::{Mock, Value};
use flow_model::FlowGraph;
use flow_store::RunKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as AnyJson};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::bounds::check_variables;
use super::view::TurnView;
use crate::app::App;
use crate::body::MaybeBody;
use crate::caller::{Caller, FlowPath};
use crate::canvas::Showable;
use crate::error::ApiError;
use crate::openapi::fields::{self, only};
use crate::routes::{graph, versions, whole};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = StartRun)]
pub(crate) struct StartRunBody {
    /// Runs the flow as it is now, with the mocks of its nodes; otherwise the version that is
    /// active.
    preview: bool,
    /// Runs this version, whether or not it is active; who may try the flow as it is may do that.
    #[serde(deserialize_with = "whole::or_null")]
    #[schema(schema_with = fields::version_or_null, required = false)]
    version: Option<u32>,
    /// Parameters of the start, and other variables to begin with.
    #[schema(value_type = Object)]
    variables: Map<String, AnyJson>,
    /// What nodes yield instead of acting, by their ids. Only of previews.
    mocks: BTreeMap<String, MockBody>,
}

/// What a node yields instead of acting.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum MockBody {
    /// It succeeds with this.
    Output(AnyJson),
    /// It fails with this message.
    Error(String),
}

impl PartialSchema for MockBody {
    fn schema() -> RefOr<Schema> {
        let schema = OneOfBuilder::new()
            .item(only("output", AnyJson::schema(), "It succeeds with this."))
            .item(only("error", String::schema(), "It fails with this message."));
        schema.description(Some("What a node yields instead of acting.")).into()
    }
}

impl ToSchema for MockBody {
    fn name() -> Cow<'static, str> {
        "Mock".into()
    }
}

/// `POST /api/flows/{id}/runs`: begins a run of the version that is active, of another
/// (`version`), or of the flow as it is (`preview`); answered with its first turn once that is stored.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/runs",
    operation_id = "startRun",
    tag = "runs",
    params(FlowPath),
    request_body = Option<StartRunBody>,
    responses(
        (status = 201, body = TurnView),
        (status = 409, description = "The flow is not active, or its workspace has had as many runs today as it may."),
    ),
    security(("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn start(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    MaybeBody(body): MaybeBody<StartRunBody>,
) -> Result<impl IntoResponse, ApiError> {
    let Begun { turn, reads } = begin(&app, flow, caller, body).await?;
    Ok((StatusCode::CREATED, Json(TurnView::of(turn, reads))))
}

/// A run that has begun.
pub(crate) struct Begun {
    pub(crate) turn: Turned,
    /// Whoever began it may look into it.
    reads: bool,
}

/// For whoever may.
pub(crate) async fn begin(
    app: &App,
    flow: FlowId,
    caller: Caller,
    body: StartRunBody,
) -> Result<Begun, ApiError> {
    let is_chosen = body.preview || body.version.is_some();
    let permission = if is_chosen { Permission::RunFlow } else { Permission::TalkToFlow };
    let access = caller.require(app, flow, permission).await?;
    if body.preview && body.version.is_some() {
        return Err(ApiError::invalid("version", "is not of previews"));
    }
    check_variables(&body.variables)?;
    if !body.preview && !body.mocks.is_empty() {
        return Err(ApiError::invalid("mocks", "are only of previews"));
    }
    let (graph, kind, flow_version) = if body.preview {
        (graph::read(app, flow).await?, RunKind::Preview, None)
    } else {
        let (graph, version) = published(app, flow, body.version).await?;
        (graph, RunKind::Published, Some(version))
    };
    let start = StartRun {
        flow,
        graph: Arc::new(graph),
        kind,
        flow_version,
        user: Some(caller.user),
        user_value: user_value(app, caller).await?,
        input: body
            .variables
            .iter()
            .map(|(name, value)| (name.as_str().into(), Value::from(value)))
            .collect(),
        mocks: body.mocks.into_iter().map(|(node, mock)| (node, mock.into())).collect(),
        runs_per_day: app.quotas().runs_per_day,
    };
    let turn = app.runs().start(start).await?.turn;
    show_begun(app, flow, kind, caller, &turn);
    Ok(Begun { turn, reads: Permission::ReadFlow.is_given_to(access.role, caller.scopes) })
}

/// To everybody who has the flow open.
pub(super) fn show_begun(app: &App, flow: FlowId, kind: RunKind, caller: Caller, turn: &Turned) {
    app.canvas().show(app, Showable { run: turn.run, flow, kind, user: Some(caller.user) }, turn);
}

impl StartRunBody {
    pub(crate) fn of(preview: bool, version: Option<u32>, variables: Map<String, AnyJson>) -> Self {
        Self { preview, version, variables, mocks: BTreeMap::new() }
    }
}

/// What the version says, or the one that is active.
async fn published(app: &App, flow: FlowId, version: Option<u32>) -> Result<(FlowGraph, u32), ApiError> {
    let version = match version {
        Some(version) => version,
        None => {
            let record = app.store().flow_as(flow, Role::Viewer).await?.ok_or(ApiError::NotFound("flow"))?;
            record.active_version.ok_or(ApiError::NotActive)?
        }
    };
    let flow = versions::content(app, flow, version).await?;
    Ok((flow.graph().clone(), version))
}

/// `user` in the language of flows.
pub(super) async fn user_value(app: &App, caller: Caller) -> Result<Value, ApiError> {
    if caller.is_guest() {
        return Ok(Value::Null);
    }
    let user = app.store().user(caller.user).await?.ok_or(ApiError::SignedOut)?;
    let fields = [("id", user.id.to_string()), ("name", user.name), ("email", user.email)];
    Ok(Value::object(fields.into_iter().map(|(name, text)| (name.into(), Value::text(text))).collect()))
}

impl From<MockBody> for Mock {
    fn from(mock: MockBody) -> Self {
        match mock {
            MockBody::Output(value) => Self::Output(Value::from(&value)),
            MockBody::Error(message) => Self::Error(message),
        }
    }
}
