//! What flows say, and changes of it.

use flow_base::{FlowId, Seq, WorkspaceId};
use flow_model::Edit;
use reqwest::{Method, Response, StatusCode, header};
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
        let path = format!("api/flows/{flow}/graph");
        read(self.answered(Method::GET, &path, None::<&()>, None).await?).await
    }

    /// As [`Api::graph`]; `None` if the flow still has the `ETag`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn graph_unless(
        &self,
        flow: FlowId,
        etag: &str,
    ) -> Result<Option<(Value, String)>, ClientError> {
        let request = || {
            self.request(Method::GET, &format!("api/flows/{flow}/graph")).header(header::IF_NONE_MATCH, etag)
        };
        let answer = self.answered_to(request, |status| status == StatusCode::NOT_MODIFIED).await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        read(answer).await.map(Some)
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
        self.duplicate_flow_to(flow, name, None).await
    }

    /// A flow that says the same, in a workspace; in the caller's personal one if none is given.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn duplicate_flow_to(
        &self,
        flow: FlowId,
        name: Option<&str>,
        workspace: Option<WorkspaceId>,
    ) -> Result<Flow, ClientError> {
        let body = json!({ "name": name, "workspaceId": workspace });
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

async fn read(answer: Response) -> Result<(Value, String), ClientError> {
    let etag = answer.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
    // Without one, nothing will be taken for unchanged.
    let etag = etag.unwrap_or_default().to_owned();
    Ok((answer.json().await.map_err(ClientError::Transport)?, etag))
}
