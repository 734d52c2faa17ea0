//! What flows of a workspace sign in elsewhere with.

use flow_base::{Secret, Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::Api;
use crate::ClientError;

/// A secret, without what it is: that no server tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretInfo {
    pub name: String,
    pub changed_at: Timestamp,
    /// `None`: an operator of the server.
    pub changed_by: Option<UserId>,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<SecretInfo>, ClientError> {
        self.send(Method::GET, &format!("api/workspaces/{workspace}/secrets"), None::<&()>).await
    }

    /// Keeps a secret, in place of the one of its name: letters, digits, `_`, `-` and `.`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        value: &Secret<String>,
    ) -> Result<SecretInfo, ClientError> {
        let path = format!("api/workspaces/{workspace}/secrets/{}", segment(name));
        self.send(Method::PUT, &path, Some(&json!({ "value": value.expose() }))).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn delete_secret(&self, workspace: WorkspaceId, name: &str) -> Result<(), ClientError> {
        let path = format!("api/workspaces/{workspace}/secrets/{}", segment(name));
        self.send_empty(Method::DELETE, &path).await
    }
}

/// So that a name that is none leads to no other address.
fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}
