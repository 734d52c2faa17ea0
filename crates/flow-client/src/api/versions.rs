//! Versions of flows, and which of them runs.

use flow_base::{FlowId, Seq, Timestamp, UserId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::graph::Changed;
use super::{Api, Flow};
use crate::ClientError;

/// What a flow said when somebody kept it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub version: u32,
    pub name: String,
    pub description: String,
    /// `named` or `activation`.
    pub cause: String,
    /// A position of the history by which all of it was stored.
    pub seq: Seq,
    pub content_hash: String,
    pub author_id: Option<UserId>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionPage {
    pub items: Vec<Version>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct VersionWithFlow {
    #[serde(flatten)]
    pub version: Version,
    /// In its JSON form.
    pub flow: Value,
}

/// A flow that can still be restored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedFlow {
    pub id: FlowId,
    pub name: String,
    pub deleted_at: Timestamp,
    pub restorable_until: Timestamp,
}

impl Api {
    /// Keeps what the flow says now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_version(&self, flow: FlowId, name: &str) -> Result<Version, ClientError> {
        self.create_version_described(flow, name, "").await
    }

    /// Keeps what the flow says now, and what is to be said of it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_version_described(
        &self,
        flow: FlowId,
        name: &str,
        description: &str,
    ) -> Result<Version, ClientError> {
        let body = json!({ "name": name, "description": description });
        self.send(Method::POST, &format!("api/flows/{flow}/versions"), Some(&body)).await
    }

    /// Newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn versions(
        &self,
        flow: FlowId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<VersionPage, ClientError> {
        // Cursors are numbers: nothing in them needs escaping.
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("api/flows/{flow}/versions?limit={limit}{cursor}");
        self.send(Method::GET, &path, None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn version(&self, flow: FlowId, version: u32) -> Result<VersionWithFlow, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/versions/{version}"), None::<&()>).await
    }

    /// Makes the flow say again what it said.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn restore_version(&self, flow: FlowId, version: u32) -> Result<Changed, ClientError> {
        self.restore_version_if(flow, version, None).await
    }

    /// As [`Api::restore_version`], if the flow still has the `ETag`.
    ///
    /// # Errors
    /// As [`Api::edit_graph`].
    pub async fn restore_version_if(
        &self,
        flow: FlowId,
        version: u32,
        etag: Option<&str>,
    ) -> Result<Changed, ClientError> {
        let path = format!("api/flows/{flow}/versions/{version}/restore");
        self.changed(Method::POST, &path, None, etag).await
    }

    /// Makes what the flow says now the version that runs.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `has_errors` when it cannot run.
    pub async fn activate(&self, flow: FlowId) -> Result<Version, ClientError> {
        self.activate_as(flow, "").await
    }

    /// As [`Api::activate`], and gives the version a name.
    ///
    /// # Errors
    /// As [`Api::activate`].
    pub async fn activate_as(&self, flow: FlowId, name: &str) -> Result<Version, ClientError> {
        let body = json!({ "name": name });
        self.send(Method::PATCH, &format!("api/flows/{flow}/activate"), Some(&body)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn deactivate(&self, flow: FlowId) -> Result<(), ClientError> {
        self.send_empty(Method::PATCH, &format!("api/flows/{flow}/deactivate")).await
    }

    /// What can still be restored.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn deleted_flows(&self) -> Result<Vec<DeletedFlow>, ClientError> {
        self.send(Method::GET, "api/flows/deleted", None::<&()>).await
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn restore_flow(&self, flow: FlowId) -> Result<Flow, ClientError> {
        self.send_empty(Method::POST, &format!("api/flows/{flow}/restore")).await?;
        self.flow(flow).await
    }
}
