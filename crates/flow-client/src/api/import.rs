//! Flows that come from elsewhere, and go there.

use flow_base::{FlowId, WorkspaceId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Api, Flow};
use crate::ClientError;

/// Interflow JSON, or an export of another program.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportFlow {
    /// `interflow`, `typebot` or `node-red`; found out, if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    pub data: Value,
    /// The name in the export, if none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `None`: the caller's personal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Imported {
    #[serde(flatten)]
    pub flow: Flow,
    pub format: String,
    /// What was dropped, or works differently.
    pub notes: Vec<Value>,
    /// What validation finds, errors first.
    pub diagnostics: Vec<Value>,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn import_flow(&self, flow: &ImportFlow) -> Result<Imported, ClientError> {
        self.send(Method::POST, "api/flows/import", Some(flow)).await
    }

    /// The flow in its JSON form.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_flow(&self, flow: FlowId) -> Result<Value, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/export"), None::<&()>).await
    }
}
