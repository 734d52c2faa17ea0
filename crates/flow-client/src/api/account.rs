//! The account of whoever is signed in.

use flow_base::{KeyId, Scope, Secret, SessionId, Timestamp};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncWrite;

use super::{Api, User};
use crate::ClientError;

/// What to change of one's account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    pub name: Option<String>,
    pub email: Option<String>,
    /// Needed for another address.
    pub current_password: Option<Secret<String>>,
}

/// Where one is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub user_agent: Option<String>,
    /// The one that asked.
    pub current: bool,
}

/// What a new API key is for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    pub id: KeyId,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// A key that was made just now.
#[derive(Debug, Clone, Deserialize)]
pub struct CreatedKey {
    #[serde(flatten)]
    pub key: Key,
    /// The key itself: see [`Api::use_token`]. The server does not know it any more.
    #[serde(rename = "key")]
    pub secret: Secret<String>,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn me(&self) -> Result<User, ClientError> {
        self.send(Method::GET, "api/auth/me", None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn change_me(&self, change: &AccountChange) -> Result<User, ClientError> {
        let mut body = json!({});
        let password = change.current_password.as_ref().map(Secret::expose);
        for (field, value) in
            [("name", change.name.as_ref()), ("email", change.email.as_ref()), ("currentPassword", password)]
        {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        self.send(Method::PATCH, "api/auth/me", Some(&body)).await
    }

    /// A ZIP archive of everything that is kept of the caller.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_me(&self) -> Result<Vec<u8>, ClientError> {
        let answer = self.answered(Method::GET, "api/auth/me/export", None::<&()>, None).await?;
        Ok(answer.bytes().await.map_err(ClientError::Transport)?.to_vec())
    }

    /// As [`Api::export_me`], written as it comes; answers how many bytes that were.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_me_to(&self, to: &mut (impl AsyncWrite + Unpin)) -> Result<u64, ClientError> {
        self.download("api/auth/me/export", to).await
    }

    /// Erases the account. What nobody else owns becomes the heir's, whose address this is,
    /// or is deleted.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn erase_me(&self, password: &str, heir: Option<&str>) -> Result<(), ClientError> {
        let flows = if heir.is_some() { "reassign" } else { "delete" };
        let body = json!({ "currentPassword": password, "flows": flows, "heir": heir });
        self.send_for_nothing(|| self.request(Method::DELETE, "api/auth/me").json(&body)).await
    }

    /// Sets a new password. All sign-ins but this one end.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn change_password(&self, current: &str, new: &str) -> Result<(), ClientError> {
        let body = json!({ "currentPassword": current, "newPassword": new });
        self.post_for_nothing("api/auth/password", &body).await
    }

    /// Where one is signed in, last used first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sessions(&self) -> Result<Vec<Session>, ClientError> {
        self.send(Method::GET, "api/auth/sessions", None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn end_session(&self, session: SessionId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/auth/sessions/{session}")).await
    }

    /// One's API keys, the newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn keys(&self) -> Result<Vec<Key>, ClientError> {
        self.send(Method::GET, "api/keys", None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn create_key(&self, key: &NewKey) -> Result<CreatedKey, ClientError> {
        self.send(Method::POST, "api/keys", Some(key)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_key(&self, key: KeyId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/keys/{key}")).await
    }
}
