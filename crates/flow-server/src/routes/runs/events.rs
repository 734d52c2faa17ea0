use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flow_base::{RunFileId, RunId};
use flow_executor::inputs::Answer;
use serde::{Deserialize, Serialize};
use serde_json::Value as AnyJson;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::bounds::check_answer;
use super::files::resolved;
use super::find_movable;
use super::view::TurnView;
use crate::app::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::canvas::Showable;
use crate::error::ApiError;
use crate::openapi::fields::{self, only};
use crate::routes::whole;
use crate::segment::Segment;

/// Characters of a key by which an event is known again.
pub(crate) const KEY_CHARS_MAX: usize = 200;

/// An answer to what a run asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RunEvent)]
pub(crate) struct EventBody {
    answer: AnswerBody,
    /// The question that is answered (`asks.visit`): an answer to an earlier one is refused.
    #[serde(default, deserialize_with = "whole::or_null")]
    visit: Option<u32>,
    /// Drawn for this answer: sent again with the same key, it is taken once, and answered as
    /// the first time.
    #[schema(schema_with = fields::event_key_or_null, required = false)]
    idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum AnswerBody {
    /// As somebody types it.
    Text(String),
    /// As a program has it.
    Value(AnyJson),
    /// Ids of options.
    Choice(Vec<String>),
    /// Ids of files that were sent to the run.
    Files(Vec<RunFileId>),
}

/// One of them alone: the derived schema would allow another beside it.
impl PartialSchema for AnswerBody {
    fn schema() -> RefOr<Schema> {
        let schema = OneOfBuilder::new()
            .item(only("text", String::schema(), "As somebody types it."))
            .item(only("value", AnyJson::schema(), "As a program has it."))
            .item(only("choice", Vec::<String>::schema(), "Ids of options."))
            .item(only("files", fields::ids(), "Ids of files that were sent to the run."));
        schema.into()
    }
}

impl ToSchema for AnswerBody {
    fn name() -> Cow<'static, str> {
        "RunAnswer".into()
    }
}

/// `POST /api/runs/{id}/events`: answers what the run asks; answered with the turn that
/// follows, once that is stored. `409` where it does not ask this (any more).
#[utoipa::path(
    post,
    path = "/runs/{run_id}/events",
    operation_id = "answerRun",
    tag = "runs",
    params(Segment<RunId>),
    request_body = EventBody,
    responses(
        (status = 200, body = TurnView),
        (status = 409, description = "The run asks something else, or nothing; `details` has where it is."),
    ),
    security(("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn answer(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
    Body(body): Body<EventBody>,
) -> Result<Json<TurnView>, ApiError> {
    let (summary, access) = find_movable(&app, caller, run).await?;
    let EventBody { answer, visit, idempotency_key } = body;
    let answer = answer.read(&app, run).await?;
    if idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > KEY_CHARS_MAX) {
        return Err(ApiError::invalid("idempotencyKey", format!("has 1 to {KEY_CHARS_MAX} characters")));
    }
    let turned = app.runs().answer(run, answer, idempotency_key, visit).await?;
    app.canvas().show(&app, Showable::from(&summary), &turned);
    Ok(Json(TurnView::of(turned, access.reads)))
}

impl AnswerBody {
    /// As the run takes it.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] where it is too large, or names what was not sent to the run.
    pub(crate) async fn read(self, app: &App, run: RunId) -> Result<Answer, ApiError> {
        let answer = match self {
            Self::Text(text) => Answer::Text(text),
            Self::Value(value) => Answer::Value(value),
            Self::Choice(ids) => Answer::Choice(ids),
            Self::Files(ids) => resolved(app, run, &ids).await?,
        };
        check_answer(&answer)?;
        Ok(answer)
    }
}

/// `DELETE /api/runs/{id}`: ends it. What it has done stays to be read.
#[utoipa::path(
    delete,
    path = "/runs/{run_id}",
    operation_id = "cancelRun",
    tag = "runs",
    params(Segment<RunId>),
    responses((status = 204), (status = 409, description = "It has ended already.")),
    security(("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    find_movable(&app, caller, run).await?;
    app.runs().cancel(run).await?;
    Ok(StatusCode::NO_CONTENT)
}
