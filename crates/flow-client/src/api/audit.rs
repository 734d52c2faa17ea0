//! What was done in workspaces.

use flow_base::{Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWrite;

use super::Api;
use crate::ClientError;

/// What was done in a workspace.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub seq: u64,
    pub at: Timestamp,
    pub user_id: Option<UserId>,
    pub user_name: Option<String>,
    pub address: Option<String>,
    /// Its `type` says which fields it has.
    pub event: Value,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// Newest first.
    pub items: Vec<AuditEntry>,
    pub next_before: Option<u64>,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn audit(
        &self,
        workspace: WorkspaceId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<AuditPage, ClientError> {
        let before = before.map(|before| format!("&before={before}")).unwrap_or_default();
        let path = format!("api/workspaces/{workspace}/audit?limit={limit}{before}");
        self.send(Method::GET, &path, None::<&()>).await
    }

    /// All of it, a line of JSON for each event.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_audit(&self, workspace: WorkspaceId) -> Result<String, ClientError> {
        let path = format!("api/workspaces/{workspace}/audit/export");
        let answer = self.answered(Method::GET, &path, None::<&()>, None).await?;
        answer.text().await.map_err(ClientError::Transport)
    }

    /// As [`Api::export_audit`], written as it comes; answers how many bytes that were.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_audit_to(
        &self,
        workspace: WorkspaceId,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, ClientError> {
        self.download(&format!("api/workspaces/{workspace}/audit/export"), to).await
    }
}
