//! Workspaces, who is in them, and what was done there.

use flow_base::{FlowId, InvitationId, Role, Secret, Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewInvitation {
    pub role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses_max: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    pub id: InvitationId,
    pub role: Role,
    pub expires_at: Timestamp,
    pub uses: u32,
    pub uses_max: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CreatedInvitation {
    #[serde(flatten)]
    pub invitation: Invitation,
    /// Told only here.
    pub token: Secret<String>,
}

/// What somebody is invited to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitedTo {
    pub workspace_name: String,
    pub role: Role,
    pub expires_at: Timestamp,
}

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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Joined {
    workspace_id: WorkspaceId,
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
    pub async fn invite(
        &self,
        workspace: WorkspaceId,
        invitation: &NewInvitation,
    ) -> Result<CreatedInvitation, ClientError> {
        self.send(Method::POST, &format!("api/workspaces/{workspace}/invitations"), Some(invitation)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn invitations(&self, workspace: WorkspaceId) -> Result<Vec<Invitation>, ClientError> {
        self.send(Method::GET, &format!("api/workspaces/{workspace}/invitations"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_invitation(
        &self,
        workspace: WorkspaceId,
        invitation: InvitationId,
    ) -> Result<(), ClientError> {
        let path = format!("api/workspaces/{workspace}/invitations/{invitation}");
        self.send_empty(Method::DELETE, &path).await
    }

    /// What a token invites to; signed in or not.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn look_at_invitation(&self, token: &Secret<String>) -> Result<InvitedTo, ClientError> {
        self.send(Method::POST, "api/invitations/look", Some(&json!({ "token": token.expose() }))).await
    }

    /// Joins the workspace that the token invites to.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn accept_invitation(&self, token: &Secret<String>) -> Result<WorkspaceId, ClientError> {
        let body = json!({ "token": token.expose() });
        let joined: Joined = self.send(Method::POST, "api/invitations/accept", Some(&body)).await?;
        Ok(joined.workspace_id)
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn move_flow(&self, flow: FlowId, to: WorkspaceId) -> Result<Flow, ClientError> {
        let body = json!({ "workspaceId": to });
        self.send(Method::POST, &format!("api/flows/{flow}/move"), Some(&body)).await
    }

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
}
