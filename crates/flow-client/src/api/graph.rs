//! What flows say, and changes of it.

use flow_base::{FlowId, Seq};
use flow_model::Edit;
use reqwest::{Method, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Flow};
use crate::ClientError;

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// For each edit the id of the node, edge or item it added or drew.
    #[serde(default)]
    pub ids: Vec<Option<String>>,
    /// A position of the history by which it is stored.
    pub seq: Seq,
    /// Of the flow after the change.
    pub etag: String,
}

impl Api {
    /// The flow as it is now, and its `ETag`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn graph(&self, flow: FlowId) -> Result<(Value, String), ClientError> {
        let answer =
            self.answered(Method::GET, &format!("api/flows/{flow}/graph"), None::<&()>, None).await?;
        let etag = answer.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        Ok((answer.json().await.map_err(ClientError::Transport)?, etag))
    }

    /// Makes typed edits, all of them or none, if the flow still has the `ETag`.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `changed` when the flow is another by now.
    pub async fn edit_graph(
        &self,
        flow: FlowId,
        edits: &[Edit],
        etag: Option<&str>,
    ) -> Result<Changed, ClientError> {
        let body = json!({ "edits": edits });
        self.changed(Method::PATCH, &format!("api/flows/{flow}/graph"), Some(&body), etag).await
    }

    /// Makes the flow say what its JSON form says.
    ///
    /// # Errors
    /// As [`Api::edit_graph`].
    pub async fn put_flow(
        &self,
        flow: FlowId,
        content: &Value,
        etag: Option<&str>,
    ) -> Result<Changed, ClientError> {
        self.changed(Method::PUT, &format!("api/flows/{flow}"), Some(content), etag).await
    }

    /// What validation finds in the flow, as JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn diagnostics(&self, flow: FlowId) -> Result<Vec<Value>, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/diagnostics"), None::<&()>).await
    }

    /// A flow of one's own that says the same.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn duplicate_flow(&self, flow: FlowId, name: Option<&str>) -> Result<Flow, ClientError> {
        let body = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
        self.send(Method::POST, &format!("api/flows/{flow}/duplicate"), Some(&body)).await
    }

    pub(super) async fn changed(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<Changed, ClientError> {
        self.answered(method, path, body, etag).await?.json().await.map_err(ClientError::Transport)
    }
}
