//! Workspaces, and who is in them.

use flow_base::{FlowId, Role, Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Api, Flow, Member};
use crate::ClientError;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    /// What the caller is to it.
    pub role: Role,
    /// It is the one that its owner's account has from the start.
    pub personal: bool,
    pub created_at: Timestamp,
}

/// What a workspace has, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Of a quota: `None` is any number.
    pub flows: Option<u64>,
    pub members: Option<u64>,
    pub storage_bytes: Option<u64>,
    /// Only a quota.
    pub runs_per_day: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WholeWorkspace {
    #[serde(flatten)]
    pub workspace: Workspace,
    pub usage: Amounts,
    pub quotas: Amounts,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, ClientError> {
        self.send(Method::GET, "api/workspaces", None::<&()>).await
    }

    /// With what it has, and may have.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn workspace(&self, workspace: WorkspaceId) -> Result<WholeWorkspace, ClientError> {
        self.send(Method::GET, &format!("api/workspaces/{workspace}"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn create_workspace(&self, name: &str) -> Result<Workspace, ClientError> {
        self.send(Method::POST, "api/workspaces", Some(&json!({ "name": name }))).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<Workspace, ClientError> {
        let body = json!({ "name": name });
        self.send(Method::PATCH, &format!("api/workspaces/{workspace}"), Some(&body)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn workspace_members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, ClientError> {
        self.send(Method::GET, &format!("api/workspaces/{workspace}/members"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn put_workspace_member(
        &self,
        workspace: WorkspaceId,
        email: &str,
        role: Role,
    ) -> Result<Vec<Member>, ClientError> {
        let body = json!({ "email": email, "role": role });
        self.send(Method::POST, &format!("api/workspaces/{workspace}/members"), Some(&body)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn remove_workspace_member(
        &self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/workspaces/{workspace}/members/{user}")).await
    }

    /// Makes a member the owner in the caller's place.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn transfer_workspace(
        &self,
        workspace: WorkspaceId,
        to: UserId,
    ) -> Result<Vec<Member>, ClientError> {
        let body = json!({ "userId": to });
        self.send(Method::POST, &format!("api/workspaces/{workspace}/transfer"), Some(&body)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn move_flow(&self, flow: FlowId, to: WorkspaceId) -> Result<Flow, ClientError> {
        let body = json!({ "workspaceId": to });
        self.send(Method::POST, &format!("api/flows/{flow}/move"), Some(&body)).await
    }
}
