//! Flows, and lists of them.

use flow_base::{FlowId, Role, Timestamp, UserId, WorkspaceId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use super::Api;
use crate::ClientError;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    pub id: FlowId,
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub role: Role,
    pub status: FlowStatus,
    /// The version that runs; `None` while the flow is a draft.
    pub active_version: Option<u32>,
    /// What it is called in addresses, as that of its chat.
    pub slug: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Whether a flow runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FlowStatus {
    Draft,
    Active,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowPage {
    pub items: Vec<Flow>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewFlow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The id of one of [`Api::samples`] to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// A flow in its JSON form to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Value>,
    /// `None`: the caller's personal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
}

/// What to change of a flow; what is `None` stays.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// After the rest: publishes what the flow says then, or takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<FlowStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<SlugChange>,
}

/// What becomes of what a flow is called in addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SlugChange {
    Give(String),
    TakeAway,
}

/// Which flows are listed, and in which order; by default all, last changed first.
#[derive(Debug, Clone, Default)]
pub struct ListFlows {
    /// Beginnings of words of name, description and tags.
    pub search: Option<String>,
    pub tag: Option<String>,
    /// `active` or `draft`.
    pub status: Option<String>,
    /// Those of workspaces that this person owns.
    pub owner: Option<UserId>,
    pub workspace: Option<WorkspaceId>,
    /// Counts from 1; instead of a cursor.
    pub page: Option<u32>,
    /// `updatedAt`, `createdAt` or `name`; a `-` before it turns the order round.
    pub sort: Option<String>,
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

impl Api {
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
        let change = FlowChange { name: Some(name.to_owned()), ..FlowChange::default() };
        self.change_flow(flow, &change).await
    }

    /// Changes name, description and tags as an edit that live editors see at once, whether the
    /// flow runs, and what it is called in addresses.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `has_errors` when it is to run and cannot, `slug_taken` when
    /// another flow is called so.
    pub async fn change_flow(&self, flow: FlowId, change: &FlowChange) -> Result<Flow, ClientError> {
        self.send(Method::PATCH, &format!("api/flows/{flow}"), Some(change)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn delete_flow(&self, flow: FlowId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/flows/{flow}")).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn list_flows(
        &self,
        list: &ListFlows,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<FlowPage, ClientError> {
        let workspace = list.workspace.map(|workspace| workspace.to_string());
        let owner = list.owner.map(|owner| owner.to_string());
        let page = list.page.map(|page| page.to_string());
        let given = [
            ("search", list.search.as_deref()),
            ("tag", list.tag.as_deref()),
            ("status", list.status.as_deref()),
            ("owner", owner.as_deref()),
            ("workspace", workspace.as_deref()),
            ("page", page.as_deref()),
            ("sort", list.sort.as_deref()),
            ("cursor", cursor),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.send(Method::GET, &format!("api/flows?{}", query.finish()), None::<&()>).await
    }

    /// How large the flow is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn flow_growth(&self, flow: FlowId) -> Result<FlowGrowth, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/growth"), None::<&()>).await
    }
}
