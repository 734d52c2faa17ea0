//! How the server is doing, and what it offers to everybody.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Api;
use super::sending::refusal;
use crate::ClientError;

/// Whether the server can serve flows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Readiness {
    /// `ready`, `away` when a part that it needs is, or `stopping`.
    pub status: String,
    /// Each `here` or `away`.
    pub parts: BTreeMap<String, String>,
}

/// How the server is doing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// As of [`Readiness`].
    pub status: String,
    /// Each `here` or `away`.
    pub parts: BTreeMap<String, String>,
    pub version: String,
    /// Of the node that answers, as the rest.
    pub rooms: u64,
    pub connections: u64,
    /// Applied and not yet committed.
    pub uncommitted_bytes: u64,
}

/// A flow that a new one can be started from: see [`NewFlow::sample`](super::NewFlow::sample).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sample {
    pub id: String,
    pub name: String,
    pub description: String,
}

#[derive(Debug, Deserialize)]
struct Life {
    status: String,
}

impl Api {
    /// Whether the process answers.
    ///
    /// # Errors
    /// [`ClientError::Transport`] when nothing does, otherwise [`ClientError`].
    pub async fn is_live(&self) -> Result<bool, ClientError> {
        let Life { status } = self.send(Method::GET, "api/health/live", None::<&()>).await?;
        Ok(status == "live")
    }

    /// Whether it can serve flows, which the answer says, too, when it cannot.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn readiness(&self) -> Result<Readiness, ClientError> {
        self.state("api/health/ready").await
    }

    /// How the server is doing; for owners of the installation.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.state("api/health").await
    }

    /// The flows that a new one can be started from.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn samples(&self) -> Result<Vec<Sample>, ClientError> {
        self.send(Method::GET, "api/samples", None::<&()>).await
    }

    /// The JSON Schema of a flow's JSON form.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn flow_schema(&self) -> Result<Value, ClientError> {
        self.send(Method::GET, "api/schema/interflow-1.json", None::<&()>).await
    }

    /// What is told with 503, too, while the server cannot serve flows.
    async fn state<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let is_state = |status| status == StatusCode::SERVICE_UNAVAILABLE;
        let answer = self.answered_to(|| self.request(Method::GET, path), is_state).await?;
        if answer.status().is_success() {
            return answer.json().await.map_err(ClientError::Transport);
        }
        let (status, body) = (answer.status(), answer.bytes().await.map_err(ClientError::Transport)?);
        // A refusal has another form: who asks could not be looked up, or it is a proxy's.
        serde_json::from_slice(&body).map_err(|_| refusal(status, serde_json::from_slice(&body).ok()))
    }
}
