//! What happened to a flow.

use flow_base::{FlowId, Seq, Timestamp, UserId};
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
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
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

/// A flow as it was at a position of its history.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    pub seq: Seq,
    pub at: Timestamp,
    pub author_id: Option<UserId>,
    /// In its JSON form.
    pub flow: Value,
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
        self.history_between(flow, None, to, limit).await
    }

    /// Who did what to the flow between two positions, both included.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn history_between(
        &self,
        flow: FlowId,
        from: Option<Seq>,
        to: Option<Seq>,
        limit: u32,
    ) -> Result<HistoryPage, ClientError> {
        let from = from.map(|from| format!("&from={}", from.0)).unwrap_or_default();
        let to = to.map(|to| format!("&to={}", to.0)).unwrap_or_default();
        let path = format!("api/flows/{flow}/history?limit={limit}{from}{to}");
        self.send(Method::GET, &path, None::<&()>).await
    }

    /// The flow as it was at a position, in its JSON form.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn flow_at(&self, flow: FlowId, seq: Seq) -> Result<Value, ClientError> {
        Ok(self.moment(flow, seq).await?.flow)
    }

    /// The flow as it was at a position, and who had brought it there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn moment(&self, flow: FlowId, seq: Seq) -> Result<Moment, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/history/{}", seq.0), None::<&()>).await
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
