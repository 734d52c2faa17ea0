use axum::Json;
use axum::extract::State;
use flow_base::RunId;
use flow_executor::cases::{ExportError, exported};
use serde::Serialize;
use serde_json::{Map, Value as AnyJson};
use utoipa::ToSchema;

use super::find_readable;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::routes::blocking;
use crate::segment::Segment;

/// Parts of a journal that are read at once.
const PARTS: u32 = 8;
/// Of a journal. One that is longer makes no test case that anybody reads.
const JOURNAL_BYTES_MAX: usize = 8 << 20;

/// A run as a test case.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunAsTest)]
pub(crate) struct RunAsTest {
    /// As the typed edit `setTest` takes it.
    #[schema(value_type = Object)]
    test: Map<String, AnyJson>,
    /// What of the run the test case cannot say.
    notes: Vec<String>,
}

/// `GET /api/runs/{id}/test`: a run that has ended as a test case of its flow: what it began with,
/// what was answered, what was said, and what services answered.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/test",
    operation_id = "getRunAsTest",
    tag = "runs",
    params(Segment<RunId>),
    responses(
        (status = 200, body = RunAsTest),
        (status = 409, description = "It has not ended, or is too long for a test case."),
    ),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn as_test(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
) -> Result<Json<RunAsTest>, ApiError> {
    let (record, access) = find_readable(&app, caller, run).await?;
    if !access.reads {
        return Err(ApiError::Forbidden);
    }
    if !record.summary.status.is_over() {
        return Err(ApiError::NoTest(ExportError::NotEnded.to_string()));
    }
    let (mut parts, mut after, mut bytes) = (Vec::new(), 0, 0);
    loop {
        let read = app.store().run_journal(run, after, PARTS).await?;
        let is_last = read.len() < PARTS as usize;
        after = read.last().map_or(after, |part| part.version);
        bytes += read.iter().map(|part| part.entries.len()).sum::<usize>();
        if bytes > JOURNAL_BYTES_MAX {
            return Err(ApiError::NoTest("the run is too long for a test case".into()));
        }
        parts.extend(read);
        if is_last {
            break;
        }
    }
    let name = format!("As the run of {}", record.summary.started_at.strftime("%Y-%m-%d %H:%M"));
    let export = blocking(move || {
        let mut entries = Vec::new();
        for part in &parts {
            let read: Vec<AnyJson> = serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
            entries.extend(read);
        }
        exported(&name, &entries).map_err(|error| ApiError::NoTest(error.to_string()))
    });
    let export = export.await??;
    Ok(Json(RunAsTest { test: export.test, notes: export.notes }))
}
