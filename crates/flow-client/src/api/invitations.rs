//! Invitations to workspaces.

use flow_base::{InvitationId, Role, Secret, Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use crate::ClientError;

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
    pub created_by: UserId,
    pub created_at: Timestamp,
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Joined {
    workspace_id: WorkspaceId,
}

impl Api {
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
}
