//! One file per resource.

mod account;
mod archive;
mod audit;
mod auth;
mod cases;
mod deleted;
mod docs;
mod durable;
mod erasure;
mod flows;
pub(crate) mod graph;
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
mod presence;
pub(crate) mod runs;
mod samples;
mod schema;
mod secrets;
mod sessions;
mod stream;
mod versions;
mod webhooks;
pub(crate) mod whole;
mod words;
mod workspaces;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use versions::VersionView;

use crate::app::App;
use crate::body;
use crate::error::ApiError;

pub(crate) use paging::PAGES_MAX;
pub(crate) use secrets::VALUE_BYTES_MAX as SECRET_BYTES_MAX;
pub(crate) use versions::{DESCRIPTION_MAX as VERSION_DESCRIPTION_MAX, NAME_MAX as VERSION_NAME_MAX};
pub(crate) use webhooks::DESCRIPTION_MAX as WEBHOOK_DESCRIPTION_MAX;

/// Items of a page, unless more or fewer are asked for.
pub(crate) const PAGE_DEFAULT: u32 = 50;
pub(crate) const PAGE_MAX: u32 = 200;

/// Only described handlers can be routes here: see `openapi`. Those of one path go together.
pub(crate) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(account::me, account::change, erasure::erase))
        .routes(routes!(archive::export))
        .routes(routes!(account::change_password))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(workspaces::list, workspaces::create))
        .routes(routes!(workspaces::get, workspaces::rename))
        .routes(routes!(workspaces::members, workspaces::put_member))
        .routes(routes!(workspaces::remove_member))
        .routes(routes!(workspaces::transfer))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::renew_secret))
        .routes(routes!(webhooks::ping))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::put, secrets::remove))
        .routes(routes!(invitations::look))
        .routes(routes!(invitations::accept))
        .routes(routes!(flows::list, flows::create))
        .routes(routes!(import::import))
        .routes(routes!(deleted::list))
        .routes(routes!(flows::get, graph::put, flows::change::change, flows::delete))
        .routes(routes!(deleted::restore))
        .routes(routes!(flows::change_workspace))
        .routes(routes!(links::list, links::create))
        .routes(routes!(links::revoke))
        .routes(routes!(links::look))
        .routes(routes!(flows::duplicate))
        .routes(routes!(versions::activate))
        .routes(routes!(versions::deactivate))
        .routes(routes!(graph::get, graph::patch))
        .routes(routes!(versions::list, versions::create))
        .routes(routes!(versions::get))
        .routes(routes!(history::list))
        .routes(routes!(history::get))
        .routes(routes!(versions::diff))
        .routes(routes!(versions::restore))
        .routes(routes!(graph::export))
        .routes(routes!(growth::get))
        .routes(routes!(graph::diagnostics))
        .routes(routes!(presence::get))
        .routes(routes!(durable::get))
        .routes(routes!(stream::get))
        .routes(routes!(runs::start))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get, runs::cancel))
        .routes(routes!(runs::journal))
        .routes(routes!(runs::step))
        .routes(routes!(runs::replay))
        .routes(routes!(runs::answer))
        .routes(routes!(runs::send_file))
        .routes(routes!(runs::get_file))
        .routes(routes!(runs::stream))
        .routes(routes!(runs::as_test))
        .routes(routes!(cases::run))
        .routes(routes!(cases::list))
        .routes(routes!(cases::get))
        .routes(routes!(members::list, members::put))
        .routes(routes!(members::remove))
        .routes(routes!(samples::list))
        .routes(routes!(schema::interflow_1))
        .routes(routes!(schema::openapi))
        .routes(routes!(docs::index))
        .routes(routes!(docs::file))
        .routes(routes!(health::whole))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
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
    body::object(body)
}

/// Runs what would hold an async thread for too long elsewhere.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
