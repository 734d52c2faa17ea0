use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use flow_import::{Format, ImportNote, Imported};
use flow_model::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::flows::{self, FlowView};
use crate::app::App;
use crate::caller::{Caller, JsonBytes};
use crate::error::ApiError;

/// Exports read at once on this node; others wait. While it is read, an export takes
/// many times the bytes of its body.
const AT_ONCE: usize = 2;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportFlow {
    /// `interflow`, `typebot` or `node-red`; found out, if it is not given.
    format: Option<String>,
    data: Value,
    /// The name in the export, if none is given.
    name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedView {
    #[serde(flatten)]
    flow: FlowView,
    format: Format,
    /// What was dropped, or works differently.
    notes: Vec<ImportNote>,
    /// What validation finds, errors first.
    diagnostics: Vec<Diagnostic>,
}

/// `POST /api/flows/import`: creates a flow from Interflow JSON or an export of another
/// program; `201` with the flow, and what was lost on the way.
pub(crate) async fn import(
    State(app): State<App>,
    caller: Caller,
    JsonBytes(body): JsonBytes,
) -> Result<impl IntoResponse, ApiError> {
    let turn = TURNS.acquire().await.map_err(ApiError::internal)?;
    // Even the JSON of a large export takes longer to read than an async thread may
    // be held.
    let read = tokio::task::spawn_blocking(move || read(&body)).await.map_err(ApiError::internal)?;
    drop(turn);
    let (imported, name, diagnostics) = read?;
    let Imported { format, flow, notes } = imported;
    let flow = flows::add(&app, caller, flow, name.as_deref(), None).await?;
    let location = [(header::LOCATION, flow.location())];
    Ok((StatusCode::CREATED, location, Json(ImportedView { flow, format, notes, diagnostics })))
}

fn read(body: &Bytes) -> Result<(Imported, Option<String>, Vec<Diagnostic>), ApiError> {
    let ImportFlow { format, data, name } = serde_json::from_slice(body).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        ApiError::Body(error.to_string(), status)
    })?;
    let format = match format {
        Some(format) => format.parse().map_err(|error: String| ApiError::invalid("format", error))?,
        None => flow_import::detect(&data).ok_or_else(|| {
            ApiError::invalid("data", "this looks like no format that can be read; name it in format")
        })?,
    };
    let imported = flow_import::import(&data, format).map_err(|error| ApiError::invalid("data", error))?;
    let diagnostics = flow_model::validate(imported.flow.graph());
    Ok((imported, name, diagnostics))
}
