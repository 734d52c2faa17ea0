mod account;
mod audit;
mod cases;
mod flows;
mod graph;
mod history;
mod import;
mod invitations;
mod links;
mod members;
mod room;
mod run_files;
mod runs;
mod secrets;
mod sending;
mod server;
mod versions;
mod webhooks;
mod workspaces;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_base::{FlowId, Secret, Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::ClientError;
pub use account::{AccountChange, CreatedKey, Key, NewKey, Session};
pub use audit::{AuditEntry, AuditPage};
pub use cases::{RunAsTest, RunTests, TestResult, TestResultWithReport};
pub use flows::{Flow, FlowChange, FlowGrowth, FlowPage, FlowStatus, ListFlows, NewFlow, SlugChange};
pub use graph::Changed;
pub use history::{Burst, HistoryPage, Moment};
pub use import::{ImportFlow, Imported};
pub use invitations::{CreatedInvitation, Invitation, InvitedTo, NewInvitation};
pub use links::{CreatedLink, Link, Shared};
pub use members::Member;
pub use room::{Durability, PresentClient};
pub use run_files::RunFile;
pub use runs::{
    Answer, JournalPage, ListRuns, ReplayRun, ReplayedCalls, Run, RunAnswer, RunPage, RunStep, RunSummary,
    StartRun, Turn,
};
pub use secrets::SecretInfo;
use sending::decode;
pub use server::{Health, Readiness, Sample};
pub use versions::{DeletedFlow, Version, VersionPage, VersionWithFlow};
pub use webhooks::{
    CreatedWebhook, Delivery, DeliveryPage, DeliveryState, NewWebhook, Webhook, WebhookChange,
};
pub use workspaces::{Amounts, WholeWorkspace, Workspace};

/// Until there is a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Without a byte, before a server or the way to it counts as gone. A change may wait half a
/// minute for what came before it to be stored; streams, which may last for ever, say something
/// every 15 s.
const SILENT_FOR: Duration = Duration::from_secs(90);

fn patient(connect: Duration, silent: Duration) -> Result<reqwest::Client, ClientError> {
    let client = reqwest::Client::builder().connect_timeout(connect).read_timeout(silent);
    client.build().map_err(ClientError::Transport)
}

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
    /// The personal one.
    pub workspace_id: WorkspaceId,
    pub created_at: Timestamp,
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

impl Api {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`]; [`ClientError::Transport`] when this machine gives no means of
    /// reaching any.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::BadUrl(base.to_owned());
        let base = Url::parse(base).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad());
        }
        Ok(Self { http: patient(CONNECT_WITHIN, SILENT_FOR)?, base, tokens: Arc::default() })
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A request over a network that had gone silent was never answered, nor refused.
    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut api =
            Api::new(&format!("http://{}", listener.local_addr().expect("it is bound"))).expect("a URL");
        api.http = patient(CONNECT_WITHIN, Duration::from_millis(200)).expect("a client");
        let silent = tokio::spawn(async move { listener.accept().await });
        let refused = tokio::time::timeout(Duration::from_secs(20), api.me()).await;
        assert!(matches!(refused, Ok(Err(ClientError::Transport(_)))), "{refused:?}");
        drop(silent.await);
    }
}
