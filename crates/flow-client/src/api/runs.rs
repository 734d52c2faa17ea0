//! Runs of flows.

use std::collections::BTreeMap;

use flow_base::{FlowId, RunFileId, RunId, Timestamp, UserId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Api, RunFile};
use crate::ClientError;

/// A run that is to begin.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRun {
    /// Of the flow as it is, with the mocks of its nodes; otherwise of the active version.
    pub preview: bool,
    /// Of this version, active or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Parameters of the start, and other variables to begin with.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// What nodes yield instead of acting, by their ids: `{"output": …}` or `{"error": "…"}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mocks: BTreeMap<String, Value>,
}

/// An answer to what a run asks.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAnswer {
    pub answer: Answer,
    /// The question that is answered: `visit` of what is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<u32>,
    /// Sent again with the same key, it is taken once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// As somebody types it.
    Text(String),
    /// As a program has it.
    Value(Value),
    /// Ids of options.
    Choice(Vec<String>),
    /// What was sent to the run before.
    Files(Vec<RunFileId>),
}

impl RunAnswer {
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self { answer: Answer::Text(text.to_owned()), visit: None, idempotency_key: None }
    }
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    pub run_id: RunId,
    /// Counts the run's turns, from 1.
    pub seq: u64,
    pub status: String,
    /// What was said, in order: `id`, `block`, and `text`, the same as plain text.
    pub messages: Vec<Value>,
    /// What it asks now: `kind`, `visit`, and what the kind brings.
    pub asks: Option<Value>,
    /// How it ended: `status`, and `output` or `error`.
    pub outcome: Option<Value>,
}

/// A run, as lists show it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    pub id: RunId,
    pub flow_id: FlowId,
    pub kind: String,
    pub flow_version: Option<u32>,
    pub status: String,
    pub user_id: Option<UserId>,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A run, as it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    #[serde(flatten)]
    pub summary: RunSummary,
    pub seq: u64,
    pub asks: Option<Value>,
    pub outcome: Option<Value>,
    /// The node it stands at.
    pub node: Option<String>,
    pub variables: Option<Map<String, Value>>,
    /// What was sent to it, in that order.
    pub files: Vec<RunFile>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunPage {
    /// Newest first.
    pub items: Vec<RunSummary>,
    pub next_cursor: Option<String>,
}

/// A node visited, looked into.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStep {
    /// As the journal has it.
    pub step: Value,
    pub began_at: Timestamp,
    /// What the variables held.
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
}

/// How a run is walked again.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayRun {
    /// The visit that it begins with.
    pub visit: u32,
    /// Other values than the variables had before that.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// By node: `{output}` or `{error}`; before what was recorded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mocks: BTreeMap<String, Value>,
    pub calls: ReplayedCalls,
}

/// What becomes of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplayedCalls {
    /// None is made: nodes yield what they were answered.
    #[default]
    Recorded,
    /// They are made anew.
    Made,
}

/// Which runs are listed.
#[derive(Debug, Clone, Default)]
pub struct ListRuns {
    /// Otherwise those that one has begun oneself.
    pub flow: Option<FlowId>,
    pub kind: Option<String>,
    pub status: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalPage {
    pub items: Vec<Value>,
    /// `after` of the next page, if there is one.
    pub next_after: Option<u64>,
}

impl Api {
    /// Begins a run; answered with its first turn.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `not_active` when no version of the flow is.
    pub async fn start_run(&self, flow: FlowId, start: &StartRun) -> Result<Turn, ClientError> {
        self.send(Method::POST, &format!("api/flows/{flow}/runs"), Some(start)).await
    }

    /// Answers what the run asks; answered with the turn that follows.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `not_waiting` when it does not ask this.
    pub async fn answer_run(&self, run: RunId, answer: &RunAnswer) -> Result<Turn, ClientError> {
        self.send(Method::POST, &format!("api/runs/{run}/events"), Some(answer)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn run(&self, run: RunId) -> Result<Run, ClientError> {
        self.send(Method::GET, &format!("api/runs/{run}"), None::<&()>).await
    }

    /// What it did, step by step, after a turn.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn run_journal(&self, run: RunId, after: u64) -> Result<JournalPage, ClientError> {
        self.send(Method::GET, &format!("api/runs/{run}/journal?after={after}"), None::<&()>).await
    }

    /// What a node was given and came to, and what the variables held before and after it.
    ///
    /// # Errors
    /// [`ClientError`]; 404 when the run has not left a node on this visit.
    pub async fn run_step(&self, run: RunId, visit: u32) -> Result<RunStep, ClientError> {
        self.send(Method::GET, &format!("api/runs/{run}/steps/{visit}"), None::<&()>).await
    }

    /// Begins a preview at one of the steps of a run; answered with its first turn.
    ///
    /// # Errors
    /// [`ClientError`]; 404 when the run has not left a node on this visit.
    pub async fn replay_run(&self, run: RunId, replay: &ReplayRun) -> Result<Turn, ClientError> {
        self.send(Method::POST, &format!("api/runs/{run}/replay"), Some(replay)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn runs(
        &self,
        list: &ListRuns,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<RunPage, ClientError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        if let Some(flow) = list.flow {
            query.append_pair("flow", &flow.to_string());
        }
        for (name, value) in [("kind", &list.kind), ("status", &list.status)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        self.send(Method::GET, &format!("api/runs?{}", query.finish()), None::<&()>).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `not_waiting` when it has ended already.
    pub async fn cancel_run(&self, run: RunId) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &format!("api/runs/{run}")).await
    }
}
