//! Lists of flows, and flows that come from elsewhere.

use flow_base::WorkspaceId;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use super::{Api, Flow, FlowPage};
use crate::ClientError;

/// Which flows are listed, and in which order; by default all, last changed first.
#[derive(Debug, Clone, Default)]
pub struct ListFlows {
    /// Beginnings of words of name, description and tags.
    pub search: Option<String>,
    pub tag: Option<String>,
    /// `active` or `draft`.
    pub status: Option<String>,
    pub workspace: Option<WorkspaceId>,
    /// `updatedAt`, `createdAt` or `name`; a `-` before it turns the order round.
    pub sort: Option<String>,
}

/// Interflow JSON, or an export of another program.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportFlow {
    /// `interflow`, `typebot` or `node-red`; found out, if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    pub data: Value,
    /// The name in the export, if none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `None`: the caller's personal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Imported {
    #[serde(flatten)]
    pub flow: Flow,
    pub format: String,
    /// What was dropped, or works differently.
    pub notes: Vec<Value>,
}

impl Api {
    /// # Errors
    /// [`ClientError`].
    pub async fn list_flows(
        &self,
        list: &ListFlows,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<FlowPage, ClientError> {
        let workspace = list.workspace.map(|workspace| workspace.to_string());
        let given = [
            ("search", list.search.as_deref()),
            ("tag", list.tag.as_deref()),
            ("status", list.status.as_deref()),
            ("workspace", workspace.as_deref()),
            ("sort", list.sort.as_deref()),
            ("cursor", cursor),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.send(Method::GET, &format!("api/flows?{}", query.finish()), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn import_flow(&self, flow: &ImportFlow) -> Result<Imported, ClientError> {
        self.send(Method::POST, "api/flows/import", Some(flow)).await
    }
}
