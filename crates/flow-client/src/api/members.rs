//! Who has a role on a flow.

use flow_base::{FlowId, Role, UserId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Api;
use crate::ClientError;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user_id: UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn members(&self, flow: FlowId) -> Result<Vec<Member>, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/members"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn put_member(
        &self,
        flow: FlowId,
        email: &str,
        role: Role,
    ) -> Result<Vec<Member>, ClientError> {
        let body = json!({ "email": email, "role": role });
        self.send(Method::POST, &format!("api/flows/{flow}/members"), Some(&body)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn remove_member(&self, flow: FlowId, user: UserId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/flows/{flow}/members/{user}")).await
    }
}
