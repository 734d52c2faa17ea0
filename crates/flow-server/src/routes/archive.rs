//! Everything that is kept of a person, for them to take along.

mod packing;
mod runs;

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use flow_base::{FlowId, Role, UserId};
use flow_model::FlowJson;
use flow_store::{
    AuditEvent, AuditPage, FlowFilter, FlowOrder, FlowQuery, FlowSort, PageStart, User, decode_content,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::packing::{File, Turn, write_archive};
use self::runs::put_runs;
use super::graph;
use crate::app::App;
use crate::caller::Person;
use crate::error::ApiError;

/// Flows, versions, runs, sessions and events that are in memory at a time.
const PAGE: u32 = 100;
/// Parts of the archive that wait for whoever takes it.
const PARTS: usize = 8;

const README: &str = "\
What this installation of Interflow keeps of you.

account.json     who you are
workspaces.json  where you are a member, and as what
sessions.json    where you are signed in
keys.json        the API keys of your programs, without the keys themselves
audit.ndjson     what was done to your account and in your personal workspace
flows.ndjson     the flows that you have a role on, and which
flows/ID.json    those that you own, in Interflow's JSON form, to be imported again
versions/ID/N.json  what they said when a version of them was made
runs/ID.json     the runs that you began: what was said to you, what you answered, how each
                 ended, and of flows that you may read all that it did
runs/ID/FILE-NAME  the files that you sent to them
";

/// `GET /api/auth/me/export`: a ZIP archive of everything that is kept of the caller; see
/// the README in it.
#[utoipa::path(
    get,
    path = "/auth/me/export",
    operation_id = "exportMe",
    tag = "account",
    responses((status = 200, content_type = "application/zip", body = String)),
    security(("signIn" = [])),
)]
pub(crate) async fn export(State(app): State<App>, person: Person) -> Result<Response, ApiError> {
    let user = app.store().user(person.user).await?.ok_or(ApiError::SignedOut)?;
    // Not waited for: whoever takes their archive slowly keeps others waiting.
    let turn = Turn::take(user.id).ok_or(ApiError::Busy)?;
    let by = person.origin(&app);
    app.store().record(user.workspace, &AuditEvent::AccountExported { user: user.id }, &by).await?;
    let (files, to_zip) = mpsc::channel(PARTS);
    let (parts, to_send) = mpsc::channel(PARTS);
    let failed = parts.clone();
    tokio::task::spawn_blocking(move || write_archive(to_zip, parts, turn));
    tokio::spawn(async move {
        if let Err(error) = gather(&app, &user, &files).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "an archive could not be finished");
            // Whoever takes it must see that it is not whole. Gone: they need not.
            drop(failed.send(Err(io::Error::other("the archive could not be finished"))).await);
        }
    });
    // Compression asks once more after the end.
    let body = stream::unfold(to_send, async |mut parts| Some((parts.recv().await?, parts))).fuse();
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"interflow.zip\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Hands the files over one by one; ends early when nobody takes them any more.
async fn gather(app: &App, user: &User, files: &mpsc::Sender<File>) -> Result<(), ApiError> {
    let put = async |name: &str, content: String| {
        files.send(File { name: name.to_owned(), content: content.into() }).await.is_ok()
    };
    put("README.txt", README.to_owned()).await;
    put("account.json", pretty(&account(user))).await;
    put("workspaces.json", pretty(&workspaces(app, user.id).await?)).await;
    put("sessions.json", pretty(&sessions(app, user.id).await?)).await;
    put("keys.json", pretty(&keys(app, user.id).await?)).await;
    if !put("audit.ndjson", events(app, user).await?).await {
        return Ok(());
    }
    if !put("flows.ndjson", roles(app, user.id).await?).await {
        return Ok(());
    }
    put_runs(app, user.id, files).await?;
    let mut query = every_flow(user.id);
    loop {
        let page = app.store().flows(&query).await?;
        for flow in page.flows.iter().filter(|flow| flow.role == Role::Owner) {
            let content = match graph::read(app, flow.id).await {
                Ok(graph) => FlowJson::from_graph(&graph).to_value(),
                // Deleted meanwhile.
                Err(ApiError::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            if !put(&format!("flows/{}.json", flow.id), pretty(&content)).await {
                return Ok(());
            }
            put_versions(app, flow.id, files).await?;
        }
        let Some(next) = page.next else { return Ok(()) };
        query.start = PageStart::After(next);
    }
}

/// What is edited meanwhile keeps its place.
fn every_flow(user: UserId) -> FlowQuery {
    FlowQuery {
        user,
        filter: FlowFilter::default(),
        order: FlowOrder { sort: FlowSort::Created, descending: false },
        start: PageStart::default(),
        limit: PAGE,
    }
}

/// A line for each flow, others' included.
async fn roles(app: &App, user: UserId) -> Result<String, ApiError> {
    let (mut lines, mut query) = (String::new(), every_flow(user));
    loop {
        let page = app.store().flows(&query).await?;
        for flow in &page.flows {
            let (id, workspace, role) = (flow.id, flow.workspace, flow.role);
            let line = json!({ "id": id, "name": flow.name, "workspaceId": workspace, "role": role });
            lines += &format!("{line}\n");
        }
        let Some(next) = page.next else { return Ok(lines) };
        query.start = PageStart::After(next);
    }
}

async fn put_versions(app: &App, flow: FlowId, files: &mpsc::Sender<File>) -> Result<(), ApiError> {
    let mut before = None;
    loop {
        let page = app.store().versions(flow, before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = Some(last.number);
        for record in &page {
            let found = app.store().version(flow, record.number).await?;
            let Some((record, content)) = found else { continue };
            let content = decode_content(&content).map_err(ApiError::internal)?;
            let flow_then: Value = serde_json::from_slice(&content).map_err(ApiError::internal)?;
            let content = pretty(&json!({
                "name": record.name,
                "description": record.description,
                "seq": record.seq,
                "createdAt": record.created_at,
                "flow": flow_then,
            }));
            let name = format!("versions/{flow}/{}.json", record.number);
            if files.send(File { name, content: content.into() }).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn account(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "workspaceId": user.workspace,
        "createdAt": user.created_at,
        "installationOwner": user.is_installation_owner,
    })
}

async fn workspaces(app: &App, user: UserId) -> Result<Value, ApiError> {
    let all = app.store().workspaces(user).await?;
    let all = all.iter().map(|workspace| {
        json!({ "id": workspace.id, "name": workspace.name, "role": workspace.role, "personal": workspace.is_personal })
    });
    Ok(all.collect())
}

async fn sessions(app: &App, user: UserId) -> Result<Value, ApiError> {
    let all = app.store().sessions(user, app.now(), PAGE).await?;
    let all = all.iter().map(|session| {
        json!({
            "id": session.id,
            "userAgent": session.user_agent,
            "createdAt": session.created_at,
            "lastUsedAt": session.last_used_at,
        })
    });
    Ok(all.collect())
}

async fn keys(app: &App, user: UserId) -> Result<Value, ApiError> {
    let all = app.store().keys(user).await?;
    let all = all.iter().map(|key| {
        json!({
            "id": key.id,
            "name": key.name,
            "scopes": key.scopes,
            "createdAt": key.created_at,
            "expiresAt": key.expires_at,
            "lastUsedAt": key.last_used_at,
        })
    });
    Ok(all.collect())
}

async fn events(app: &App, user: &User) -> Result<String, ApiError> {
    let (mut lines, mut after) = (String::new(), 0);
    loop {
        let page = app.store().audit(user.workspace, AuditPage::After(after), PAGE).await?;
        let Some(last) = page.last() else { return Ok(lines) };
        after = last.seq;
        lines.extend(page.iter().map(super::audit::line));
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value can be written in JSON")
}
