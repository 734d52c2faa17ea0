//! What is sent to runs.

use flow_base::{RunFileId, RunId, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use tokio::io::AsyncWrite;
use url::form_urlencoded;

use super::Api;
use crate::ClientError;

/// A file that was sent to a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    pub id: RunFileId,
    pub name: String,
    /// Its media type, judged by its content.
    #[serde(rename = "type")]
    pub media_type: String,
    pub bytes: u64,
    /// Of the content, in hex.
    pub sha256: String,
    /// Where it is, on the server.
    pub url: String,
    pub created_at: Timestamp,
}

impl Api {
    /// Sends a file to a run that asks for one. Answer with its id.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `not_waiting` when the run asks for none, `file_too_large` and
    /// `too_many_files` past what the server takes.
    pub async fn send_run_file(
        &self,
        run: RunId,
        name: &str,
        content: impl Into<bytes::Bytes>,
    ) -> Result<RunFile, ClientError> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("name", name).finish();
        let (path, content) = (format!("api/runs/{run}/files?{query}"), content.into());
        let request = || {
            let request = self.request(Method::POST, &path).body(content.clone());
            request.header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
        };
        self.answered_to(request, |_| false).await?.json().await.map_err(ClientError::Transport)
    }

    /// Writes what was sent to a run; answers how many bytes that were.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn run_file(
        &self,
        run: RunId,
        file: RunFileId,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, ClientError> {
        self.download(&format!("api/runs/{run}/files/{file}"), to).await
    }
}
