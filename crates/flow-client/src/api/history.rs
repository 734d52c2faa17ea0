//! What happened to a flow.

use flow_base::{FlowId, Seq, UserId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::Api;
use crate::ClientError;

/// What one person did without a longer pause.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Burst {
    pub first_seq: Seq,
    pub last_seq: Seq,
    pub author_id: Option<UserId>,
    pub author: Option<String>,
    /// In a line of English.
    pub summary: String,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPage {
    pub items: Vec<Burst>,
    /// The `to` of the next page.
    pub next_to: Option<Seq>,
}

#[derive(Debug, Deserialize)]
struct Moment {
    flow: Value,
}

impl Api {
    /// Who did what to the flow, up to a position.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn history(
        &self,
        flow: FlowId,
        to: Option<Seq>,
        limit: u32,
    ) -> Result<HistoryPage, ClientError> {
        let to = to.map(|to| format!("&to={}", to.0)).unwrap_or_default();
        self.send(Method::GET, &format!("api/flows/{flow}/history?limit={limit}{to}"), None::<&()>).await
    }

    /// The flow as it was at a position, in its JSON form.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn flow_at(&self, flow: FlowId, seq: Seq) -> Result<Value, ClientError> {
        let path = format!("api/flows/{flow}/history/{}", seq.0);
        Ok(self.send::<Moment>(Method::GET, &path, None::<&()>).await?.flow)
    }

    /// What leads from a version to another, or to the flow as it is now: in a line, and
    /// whole.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn version_diff(
        &self,
        flow: FlowId,
        version: u32,
        against: Option<u32>,
    ) -> Result<Value, ClientError> {
        let against = against.map(|against| format!("?against={against}")).unwrap_or_default();
        let path = format!("api/flows/{flow}/versions/{version}/diff{against}");
        self.send(Method::GET, &path, None::<&()>).await
    }
}
