//! The document of the HTTP API (OpenAPI 3.1), made from the handlers and their types.
//!
//! Each handler says what it takes and answers in `#[utoipa::path]`, and routes are made
//! from handlers that do, so none is left out. What is the same everywhere is said once,
//! in `finish.rs`: who has to sign in, which errors follow from what a request has.
//! `fields.rs` has the limits of fields, `model.rs` the shapes of other crates' types.

mod cases;
mod edits;
pub(crate) mod fields;
mod finish;
mod inputs;
pub(crate) mod model;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde_json::Value;
use utoipa::OpenApi;

/// What the document says of the whole.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Interflow",
        description = "Flows, drawn together. What this document describes changes flows as their editors \
            do: at once for everybody, and stored before it is answered. Live editing itself is the \
            WebSocket at `/sync/{flow_id}`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "The server that this document comes from.")),
    tags(
        (name = "account", description = "Registering, signing in, and one's account."),
        (name = "keys", description = "Keys with which programs act for their owner."),
        (name = "workspaces", description = "Where flows belong, who has a role on all of them, and what was done."),
        (name = "webhooks", description = "Whom a workspace tells what happens in it."),
        (name = "flows", description = "The flows one has a role on."),
        (name = "content", description = "What a flow says, and changes of it."),
        (name = "tests", description = "Test cases of flows: run, and what came of it."),
        (name = "versions", description = "What a flow said, kept, compared and brought back."),
        (name = "runs", description = "What came of running flows: conversations, and what programs run."),
        (name = "members", description = "Who has a role on a flow."),
        (name = "live", description = "Editing together."),
        (name = "server", description = "The server itself."),
    ),
    components(schemas(crate::error::ErrorBody)),
)]
pub(crate) struct Api;

/// The document.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| finish::finish(crate::described().into_openapi()));
    &DOCUMENT
}

/// The document as text, as it is served and published.
#[must_use]
pub fn openapi_text() -> String {
    serde_json::to_string_pretty(document()).expect("a value with text keys is JSON") + "\n"
}
