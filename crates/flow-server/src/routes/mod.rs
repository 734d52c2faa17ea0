//! One file per resource.

mod account;
mod auth;
mod flows;
mod growth;
mod health;
mod keys;
mod members;
pub(crate) mod metrics;
mod samples;
mod sessions;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::App;

pub(crate) fn api() -> Router<App> {
    Router::new()
        .route("/auth/register", post(auth::register))
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/me", get(account::me).patch(account::change))
        .route("/auth/password", post(account::change_password))
        .route("/auth/sessions", get(sessions::list))
        .route("/auth/sessions/{session_id}", delete(sessions::end))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{key_id}", delete(keys::revoke))
        .route("/flows", get(flows::list).post(flows::create))
        .route("/flows/{flow_id}", get(flows::get).patch(flows::rename).delete(flows::delete))
        .route("/flows/{flow_id}/graph", get(flows::graph))
        .route("/flows/{flow_id}/export", get(flows::export))
        .route("/flows/{flow_id}/growth", get(growth::get))
        .route("/flows/{flow_id}/diagnostics", get(flows::diagnostics))
        .route("/flows/{flow_id}/members", get(members::list).post(members::put))
        .route("/flows/{flow_id}/members/{user_id}", delete(members::remove))
        .route("/samples", get(samples::list))
        .route("/health", get(health::whole))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
}
