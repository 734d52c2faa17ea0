//! Links that share a flow with whoever has them.

use flow_base::{FlowId, LinkId, LinkRole, Secret, Timestamp, UserId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Api;
use crate::ClientError;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub id: LinkId,
    pub role: LinkRole,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CreatedLink {
    #[serde(flatten)]
    pub link: Link,
    /// Told only here. [`Api::use_token`] makes its holder a guest of the flow.
    pub token: Secret<String>,
}

/// What a link shares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    pub flow_id: FlowId,
    pub flow_name: String,
    pub role: LinkRole,
    pub expires_at: Option<Timestamp>,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn create_link(
        &self,
        flow: FlowId,
        role: LinkRole,
        expires_at: Option<Timestamp>,
    ) -> Result<CreatedLink, ClientError> {
        let body = json!({ "role": role, "expiresAt": expires_at });
        self.send(Method::POST, &format!("api/flows/{flow}/links"), Some(&body)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn links(&self, flow: FlowId) -> Result<Vec<Link>, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/links"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_link(&self, flow: FlowId, link: LinkId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/flows/{flow}/links/{link}")).await
    }

    /// Which flow a token shares, and how; signed in or not.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn look_at_link(&self, token: &Secret<String>) -> Result<Shared, ClientError> {
        self.send(Method::POST, "api/links/look", Some(&json!({ "token": token.expose() }))).await
    }
}
