//! What of a flow is changed beside what it does: its words, whether it runs, and what it is
//! called in addresses.

use axum::Json;
use axum::extract::State;
use flow_auth::Permission;
use flow_base::{FlowId, Role, Slug};
use flow_model::{Edit, Words};
use flow_room::Change;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{FlowView, Status, view};
use crate::app::App;
use crate::body::{Body, Given};
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::routes::graph::make;
use crate::routes::versions;
use crate::routes::words::{check_description, check_name, check_tags};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchFlow {
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
    #[schema(schema_with = fields::flow_description_or_null)]
    description: Option<String>,
    #[schema(schema_with = fields::tags_or_null)]
    tags: Option<Vec<String>>,
    /// `active` publishes what the flow says now, as `PATCH …/activate` does, `draft` takes
    /// it back; after the rest.
    #[schema(value_type = Option<Status>)]
    status: Option<Status>,
    /// What the flow is called in addresses, before the rest; `null` takes it away.
    #[serde(default)]
    #[schema(schema_with = fields::slug_or_null, required = false)]
    slug: Given<String>,
}

/// `PATCH /api/flows/{id}`: changes name, description and tags as an edit of the
/// document, whether the flow runs, and what it is called in addresses; answered after the
/// edit's commit, and live editors see it at once.
#[utoipa::path(
    patch,
    path = "/flows/{flow_id}",
    operation_id = "changeFlow",
    tag = "flows",
    params(FlowPath),
    request_body = PatchFlow,
    responses((status = 200, body = FlowView), (status = 409, description = "Another flow is called so.")),
    security(("signIn" = []), ("apiKey" = ["edit"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn change(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<PatchFlow>,
) -> Result<Json<FlowView>, ApiError> {
    let access = caller.require(&app, flow, Permission::RenameFlow).await?;
    if body.status.is_some() || !matches!(body.slug, Given::Not) {
        caller.require_member(&app, flow, Permission::PublishFlow).await?;
    }
    let name = body.name.as_deref().map(check_name).transpose()?;
    check_description(body.description.as_deref())?;
    check_tags(body.tags.as_deref())?;
    set_slug(&app, flow, caller, body.slug).await?;
    let words = body.tags.iter().flatten().chain(&body.description).chain(&name);
    let bytes = words.map(String::len).sum();
    let edit = Edit::SetMeta { name, description: body.description, tags: body.tags };
    let change = Change::Edits(vec![edit]);
    let graph = make(&app, flow, caller, Permission::RenameFlow, change, bytes, None).await?.graph;
    if let Some(status) = body.status {
        set_status(&app, flow, caller, status).await?;
    }
    // The row in the list is written after the commit; the document is the truth.
    let view = view(&app, flow, access).await?;
    let Words { name, description, tags } = Words::of(&graph.meta);
    Ok(Json(FlowView { name, description, tags, ..view }))
}

/// Before the rest is done: whether it is free nobody knows before.
async fn set_slug(app: &App, flow: FlowId, caller: Caller, slug: Given<String>) -> Result<(), ApiError> {
    let slug = match slug {
        Given::Not => return Ok(()),
        Given::Null => None,
        Given::Value(text) => {
            Some(text.parse::<Slug>().map_err(|problem| ApiError::invalid("slug", problem))?)
        }
    };
    app.store().set_slug(flow, slug.as_ref(), &caller.origin(app)).await?;
    Ok(())
}

/// A flow that runs goes on with the version it has: that another is wanted says
/// `PATCH …/activate`.
async fn set_status(app: &App, flow: FlowId, caller: Caller, status: Status) -> Result<(), ApiError> {
    let record = app.store().flow_as(flow, Role::Viewer).await?.ok_or(ApiError::NotFound("flow"))?;
    match (status, record.active_version) {
        (Status::Active, None) => versions::publish(app, flow, caller, String::new()).await.map(drop),
        (Status::Draft, Some(_)) => {
            app.store().deactivate(flow, &caller.origin(app)).await?;
            Ok(())
        }
        (Status::Active, Some(_)) | (Status::Draft, None) => Ok(()),
    }
}
