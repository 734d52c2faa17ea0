//! One file per resource.

mod auth;
mod flows;
mod growth;
mod health;
mod import;
mod members;
pub(crate) mod metrics;
mod samples;
mod schema;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::App;

pub(crate) fn api() -> Router<App> {
    Router::new()
        .route("/auth/register", post(auth::register))
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/me", get(auth::me))
        .route("/flows", get(flows::list).post(flows::create))
        .route("/flows/import", post(import::import))
        .route("/flows/{flow_id}", get(flows::get).patch(flows::rename).delete(flows::delete))
        .route("/flows/{flow_id}/graph", get(flows::graph))
        .route("/flows/{flow_id}/export", get(flows::export))
        .route("/flows/{flow_id}/growth", get(growth::get))
        .route("/flows/{flow_id}/diagnostics", get(flows::diagnostics))
        .route("/flows/{flow_id}/members", get(members::list).post(members::put))
        .route("/flows/{flow_id}/members/{user_id}", delete(members::remove))
        .route("/samples", get(samples::list))
        .route("/schema/interflow-1.json", get(schema::interflow_1))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
}
