//! One file per resource.

mod account;
mod archive;
mod audit;
mod auth;
mod deleted;
mod erasure;
mod flows;
mod graph;
mod growth;
mod health;
mod history;
mod import;
mod invitations;
mod keys;
mod links;
mod members;
pub(crate) mod metrics;
mod paging;
mod samples;
mod schema;
mod sessions;
mod stream;
mod versions;
mod webhooks;
mod workspaces;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{delete, get, patch, post};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub(crate) use versions::VersionView;

use crate::app::App;
use crate::error::ApiError;

pub(crate) fn api() -> Router<App> {
    Router::new()
        .route("/auth/register", post(auth::register))
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/me", get(account::me).patch(account::change).delete(erasure::erase))
        .route("/auth/me/export", get(archive::export))
        .route("/auth/password", post(account::change_password))
        .route("/auth/sessions", get(sessions::list))
        .route("/auth/sessions/{session_id}", delete(sessions::end))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{key_id}", delete(keys::revoke))
        .route("/workspaces", get(workspaces::list).post(workspaces::create))
        .route("/workspaces/{workspace_id}", get(workspaces::get).patch(workspaces::rename))
        .route("/workspaces/{workspace_id}/members", get(workspaces::members).post(workspaces::put_member))
        .route("/workspaces/{workspace_id}/members/{user_id}", delete(workspaces::remove_member))
        .route("/workspaces/{workspace_id}/transfer", post(workspaces::transfer))
        .route("/workspaces/{workspace_id}/invitations", get(invitations::list).post(invitations::create))
        .route("/workspaces/{workspace_id}/invitations/{invitation_id}", delete(invitations::revoke))
        .route("/workspaces/{workspace_id}/audit", get(audit::list))
        .route("/workspaces/{workspace_id}/audit/export", get(audit::export))
        .route("/workspaces/{workspace_id}/webhooks", get(webhooks::list).post(webhooks::create))
        .route(
            "/workspaces/{workspace_id}/webhooks/{webhook_id}",
            get(webhooks::get).patch(webhooks::change).delete(webhooks::remove),
        )
        .route("/workspaces/{workspace_id}/webhooks/{webhook_id}/secret", post(webhooks::renew_secret))
        .route("/workspaces/{workspace_id}/webhooks/{webhook_id}/ping", post(webhooks::ping))
        .route("/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries", get(webhooks::deliveries))
        .route(
            "/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            post(webhooks::redeliver),
        )
        .route("/invitations/look", post(invitations::look))
        .route("/invitations/accept", post(invitations::accept))
        .route("/flows", get(flows::list).post(flows::create))
        .route("/flows/import", post(import::import))
        .route("/flows/deleted", get(deleted::list))
        .route("/flows/{flow_id}", get(flows::get).put(graph::put).patch(flows::rename).delete(flows::delete))
        .route("/flows/{flow_id}/restore", post(deleted::restore))
        .route("/flows/{flow_id}/move", post(flows::change_workspace))
        .route("/flows/{flow_id}/links", get(links::list).post(links::create))
        .route("/flows/{flow_id}/links/{link_id}", delete(links::revoke))
        .route("/links/look", post(links::look))
        .route("/flows/{flow_id}/duplicate", post(flows::duplicate))
        .route("/flows/{flow_id}/activate", patch(versions::activate))
        .route("/flows/{flow_id}/deactivate", patch(versions::deactivate))
        .route("/flows/{flow_id}/graph", get(graph::get).patch(graph::patch))
        .route("/flows/{flow_id}/versions", get(versions::list).post(versions::create))
        .route("/flows/{flow_id}/versions/{version}", get(versions::get))
        .route("/flows/{flow_id}/history", get(history::list))
        .route("/flows/{flow_id}/history/{seq}", get(history::get))
        .route("/flows/{flow_id}/versions/{version}/diff", get(versions::diff))
        .route("/flows/{flow_id}/versions/{version}/restore", post(versions::restore))
        .route("/flows/{flow_id}/export", get(graph::export))
        .route("/flows/{flow_id}/growth", get(growth::get))
        .route("/flows/{flow_id}/stream", get(stream::get))
        .route("/flows/{flow_id}/diagnostics", get(graph::diagnostics))
        .route("/flows/{flow_id}/members", get(members::list).post(members::put))
        .route("/flows/{flow_id}/members/{user_id}", delete(members::remove))
        .route("/samples", get(samples::list))
        .route("/schema/interflow-1.json", get(schema::interflow_1))
        .route("/health", get(health::whole))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
}

/// Bodies up to here are read where they are.
const READ_INLINE: usize = 16 << 10;
/// Larger bodies that are read at a time on this node; others wait. While it is read, JSON
/// takes many times its bytes.
static READING: Semaphore = Semaphore::const_new(2);

/// Reads a body. The turn goes along: what nobody waits for any more is read to its end.
async fn reading<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if body.len() <= READ_INLINE {
        return read(&body);
    }
    let turn = READING.acquire().await.map_err(ApiError::internal)?;
    blocking(move || {
        let done = read(&body);
        drop(turn);
        done
    })
    .await?
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        ApiError::Body(error.to_string(), status)
    })
}

/// Runs what would hold an async thread for too long elsewhere.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
