use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::Permission;
use flow_base::WorkspaceId;
use flow_import::{Format, ImportNote, Imported};
use flow_model::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::flows::{self, FlowView, New};
use super::{json, reading};
use crate::app::App;
use crate::body::JsonBytes;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::openapi::{fields, model};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportFlow {
    /// `interflow`, `typebot` or `node-red`; found out, if it is not given.
    #[schema(schema_with = fields::format_or_null)]
    format: Option<String>,
    data: Value,
    /// The name in the export, if none is given.
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
    /// Where the flow is to be; the caller's personal workspace if it is left out.
    #[schema(value_type = Option<Uuid>)]
    workspace_id: Option<WorkspaceId>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Imported)]
pub(crate) struct ImportedView {
    #[serde(flatten)]
    flow: FlowView,
    #[schema(schema_with = fields::format)]
    format: Format,
    /// What was dropped, or works differently.
    #[schema(value_type = Vec<model::ImportNote>)]
    notes: Vec<ImportNote>,
    /// What validation finds, errors first.
    #[schema(value_type = Vec<model::Diagnostic>)]
    diagnostics: Vec<Diagnostic>,
}

/// `POST /api/flows/import`: creates a flow from Interflow JSON or an export of another
/// program; `201` with the flow, and what was lost on the way.
#[utoipa::path(
    post,
    path = "/flows/import",
    operation_id = "importFlow",
    tag = "flows",
    request_body = ImportFlow,
    responses((status = 404, description = "There is no such workspace."), (status = 201, body = ImportedView, headers(("Location" = String, description = "Of what was made."))), (status = 409, description = "The workspace has as much as it may.")),
    security(("signIn" = []), ("apiKey" = ["edit"])),
)]
pub(crate) async fn import(
    State(app): State<App>,
    caller: Caller,
    JsonBytes(body): JsonBytes,
) -> Result<impl IntoResponse, ApiError> {
    caller.allow(Permission::EditFlow)?;
    let Read { imported, name, workspace, diagnostics } = reading(body, read).await?;
    let Imported { format, flow, notes } = imported;
    let new = New { workspace, name: name.as_deref(), description: None };
    let flow = flows::add(&app, caller, flow, new).await?;
    let location = [(header::LOCATION, flow.location())];
    Ok((StatusCode::CREATED, location, Json(ImportedView { flow, format, notes, diagnostics })))
}

struct Read {
    imported: Imported,
    name: Option<String>,
    workspace: Option<WorkspaceId>,
    diagnostics: Vec<Diagnostic>,
}

fn read(body: &[u8]) -> Result<Read, ApiError> {
    let ImportFlow { format, data, name, workspace_id: workspace } = json(body)?;
    let format = match format {
        Some(format) => format.parse().map_err(|error: String| ApiError::invalid("format", error))?,
        None => flow_import::detect(&data).ok_or_else(|| {
            ApiError::invalid("data", "this looks like no format that can be read; name it in format")
        })?,
    };
    let imported = flow_import::import(&data, format).map_err(|error| ApiError::invalid("data", error))?;
    imported.flow.check_words().map_err(|error| ApiError::invalid("data", error))?;
    let diagnostics = flow_model::validate(imported.flow.graph());
    Ok(Read { imported, name, workspace, diagnostics })
}
