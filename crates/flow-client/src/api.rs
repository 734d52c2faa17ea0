mod account;
mod flows;
mod graph;
mod history;
mod links;
mod room;
mod versions;
mod workspaces;

use std::sync::{Arc, Mutex, PoisonError};

use flow_base::{FlowId, Role, Secret, UserId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::ClientError;
pub use account::{AccountChange, CreatedKey, Health, Key, NewKey, Session};
pub use flows::{ImportFlow, Imported, ListFlows};
pub use graph::Changed;
pub use history::{Burst, HistoryPage};
pub use links::{CreatedLink, Link, Shared};
pub use room::{Durability, PresentClient};
pub use versions::{DeletedFlow, Version, VersionPage, VersionWithFlow};
pub use workspaces::{
    Amounts, AuditEntry, AuditPage, CreatedInvitation, Invitation, InvitedTo, NewInvitation, WholeWorkspace,
    Workspace,
};

/// A client of the HTTP API. Cheap to clone; clones share the sign-in.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: Url,
    tokens: Arc<Mutex<Option<Tokens>>>,
}

#[derive(Debug, Clone)]
struct Tokens {
    access: Secret<String>,
    refresh: Option<Secret<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// May ask how the server is doing.
    pub installation_owner: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    pub token: Secret<String>,
    pub refresh_token: Secret<String>,
    pub user: User,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    pub id: FlowId,
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub role: Role,
    /// The version that runs; `None` while the flow is a draft.
    pub active_version: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowPage {
    pub items: Vec<Flow>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user_id: UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewFlow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Value>,
    /// `None`: the caller's personal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
}

/// How large a flow has become; sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowGrowth {
    /// The document, encoded, and the limit at which edits are refused.
    pub document_bytes: u64,
    pub document_bytes_max: u64,
    /// Deleted elements whose place the document has to remember.
    pub tombstones: u64,
    pub log_updates: u64,
    /// So many of them lie in the archive.
    pub archived_updates: u64,
    pub log_bytes: u64,
    pub snapshot_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    code: String,
    message: String,
}

impl Api {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`].
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::BadUrl(base.to_owned());
        let base = Url::parse(base).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad());
        }
        Ok(Self { http: reqwest::Client::new(), base, tokens: Arc::default() })
    }

    /// Uses an API key, or an access token from elsewhere, which cannot be refreshed.
    pub fn use_token(&self, token: Secret<String>) {
        self.set_tokens(Some(Tokens { access: token, refresh: None }));
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn register(&self, email: &str, password: &str, name: &str) -> Result<User, ClientError> {
        self.sign_in("api/auth/register", json!({ "email": email, "password": password, "name": name })).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn login(&self, email: &str, password: &str) -> Result<User, ClientError> {
        self.sign_in("api/auth/login", json!({ "email": email, "password": password })).await
    }

    async fn sign_in(&self, path: &str, body: Value) -> Result<User, ClientError> {
        let signed_in: SignedIn = decode(self.http.post(self.url(path)).json(&body)).await?;
        self.set_tokens(Some(Tokens { access: signed_in.token, refresh: Some(signed_in.refresh_token) }));
        Ok(signed_in.user)
    }

    /// Exchanges the refresh token. Needed every 15 minutes; requests do it by
    /// themselves when the access token has expired.
    ///
    /// # Errors
    /// [`ClientError::SignedOut`] when there is none or it is no longer honoured.
    pub async fn refresh(&self) -> Result<(), ClientError> {
        let refresh = self.tokens().and_then(|tokens| tokens.refresh).ok_or(ClientError::SignedOut)?;
        let body = json!({ "refreshToken": refresh.expose() });
        let refreshed = decode::<SignedIn>(self.http.post(self.url("api/auth/refresh")).json(&body)).await;
        match refreshed {
            Ok(SignedIn { token, refresh_token, .. }) => {
                self.set_tokens(Some(Tokens { access: token, refresh: Some(refresh_token) }));
                Ok(())
            }
            Err(ClientError::Refused { status: 401, .. }) => Err(ClientError::SignedOut),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.send_empty(Method::POST, "api/auth/logout").await?;
        self.set_tokens(None);
        Ok(())
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn create_flow(&self, flow: &NewFlow) -> Result<Flow, ClientError> {
        self.send(Method::POST, "api/flows", Some(flow)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn flows(&self, limit: u32, cursor: Option<&str>) -> Result<FlowPage, ClientError> {
        // Cursors are base64url: nothing in them needs escaping.
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        self.send(Method::GET, &format!("api/flows?limit={limit}{cursor}"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn flow(&self, flow: FlowId) -> Result<Flow, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}"), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn rename_flow(&self, flow: FlowId, name: &str) -> Result<Flow, ClientError> {
        self.send(Method::PATCH, &format!("api/flows/{flow}"), Some(&json!({ "name": name }))).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn delete_flow(&self, flow: FlowId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/flows/{flow}")).await
    }

    /// How large the flow is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn flow_growth(&self, flow: FlowId) -> Result<FlowGrowth, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/growth"), None::<&()>).await
    }

    /// The flow in its JSON form.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_flow(&self, flow: FlowId) -> Result<Value, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/export"), None::<&()>).await
    }

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

    /// The present access token, for joining a room.
    #[must_use]
    pub fn token(&self) -> Option<Secret<String>> {
        self.tokens().map(|tokens| tokens.access)
    }

    /// Where a flow's room is joined.
    #[must_use]
    pub fn sync_url(&self, flow: FlowId) -> Url {
        let mut url = self.url(&format!("sync/{flow}"));
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme).expect("http and ws are both special schemes");
        url
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        self.answered(method, path, body, None).await?.json().await.map_err(ClientError::Transport)
    }

    /// A success, whatever it says; signs in anew once if the access token has expired.
    async fn answered(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        if_match: Option<&str>,
    ) -> Result<reqwest::Response, ClientError> {
        let request = || {
            let mut request = self.request(method.clone(), path);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(etag) = if_match {
                request = request.header(reqwest::header::IF_MATCH, etag);
            }
            request
        };
        match check(request()).await {
            Err(error) if self.may_refresh(&error) => {
                self.refresh().await?;
                check(request()).await
            }
            answered => answered,
        }
    }

    async fn send_empty(&self, method: Method, path: &str) -> Result<(), ClientError> {
        self.send_for_nothing(|| self.request(method.clone(), path)).await
    }

    async fn post_for_nothing(&self, path: &str, body: &Value) -> Result<(), ClientError> {
        self.send_for_nothing(|| self.request(Method::POST, path).json(body)).await
    }

    /// What is answered without a body.
    async fn send_for_nothing(&self, request: impl Fn() -> RequestBuilder) -> Result<(), ClientError> {
        match check(request()).await {
            Err(error) if self.may_refresh(&error) => {
                self.refresh().await?;
                check(request()).await.map(drop)
            }
            answered => answered.map(drop),
        }
    }

    fn may_refresh(&self, error: &ClientError) -> bool {
        let expired = matches!(error, ClientError::Refused { status: 401, .. });
        expired && self.tokens().is_some_and(|tokens| tokens.refresh.is_some())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match self.token() {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("our own paths are valid")
    }

    fn tokens(&self) -> Option<Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_tokens(&self, tokens: Option<Tokens>) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }
}

async fn decode<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    check(request).await?.json().await.map_err(ClientError::Transport)
}

async fn check(request: RequestBuilder) -> Result<reqwest::Response, ClientError> {
    let response = request.send().await.map_err(ClientError::Transport)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(refusal(status, response.json().await.ok()))
}

/// A proxy on the way may answer without our form.
fn refusal(status: StatusCode, body: Option<ErrorBody>) -> ClientError {
    let unknown = || ErrorDetail {
        code: "unknown".into(),
        message: status.canonical_reason().unwrap_or("refused").into(),
    };
    let ErrorDetail { code, message } = body.map_or_else(unknown, |body| body.error);
    ClientError::Refused { status: status.as_u16(), code, message }
}
