use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use flow_model::{FlowGraph, FlowJson, content_hash};
use flow_store::{GraphHash, RunStore, StoreError};

use super::kept::Kept;
use crate::plan::{Budgets, Mock, Plan};

/// Of the compiled plans that are kept, as JSON: compiled they take several times as much. Those
/// that were not used for the longest time are made anew when they are needed.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Graphs that runs are pinned to, compiled.
#[derive(Debug)]
pub(super) struct Plans {
    store: Arc<dyn RunStore>,
    compiled: Mutex<Kept>,
}

/// A graph, as a run is pinned to it.
#[derive(Debug, Clone)]
pub struct Pinned {
    pub hash: GraphHash,
    /// Interflow JSON.
    pub content: Bytes,
}

/// A run whose graph is not there as it was.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error("the graph of the run is gone")]
    Gone,
    #[error("the graph of the run cannot be read: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Pinned {
    /// Looks at the whole graph.
    ///
    /// # Panics
    /// Never: a hash is 64 hexadecimal digits.
    #[must_use]
    pub fn of(graph: &FlowGraph) -> Self {
        let text = content_hash(graph);
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).expect("a hash is written in hexadecimal digits");
        }
        // Test cases are no part of what the hash is of, and no run needs them.
        let content = FlowJson::from_graph(graph).without_tests().to_value().to_string();
        Self { hash, content: content.into() }
    }
}

impl Plans {
    pub(super) fn new(store: Arc<dyn RunStore>) -> Self {
        Self { store, compiled: Mutex::new(Kept::new(KEPT_BYTES_MAX)) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.compiled.lock().expect("nothing panics while it holds this lock")
    }

    /// The plan of a graph. One with mocks of its own is made for its run alone.
    pub(super) async fn plan(
        &self,
        hash: &GraphHash,
        budgets: Budgets,
        mocks: &BTreeMap<String, Mock>,
    ) -> Result<Arc<Plan>, PinError> {
        if mocks.is_empty()
            && let Some(plan) = self.kept().get(hash)
        {
            return Ok(plan);
        }
        let content = self.content(hash).await?;
        self.read(*hash, &content, budgets, mocks)
    }

    /// The plan of a graph as it was pinned. Looks at the whole graph.
    pub(super) fn read(
        &self,
        hash: GraphHash,
        content: &[u8],
        budgets: Budgets,
        mocks: &BTreeMap<String, Mock>,
    ) -> Result<Arc<Plan>, PinError> {
        if mocks.is_empty()
            && let Some(plan) = self.kept().get(&hash)
        {
            return Ok(plan);
        }
        let text = std::str::from_utf8(content).map_err(|error| PinError::Unreadable(error.to_string()))?;
        let json = FlowJson::parse(text).map_err(|error| PinError::Unreadable(error.to_string()))?;
        Ok(self.compile(hash, json.graph(), content.len(), budgets, mocks))
    }

    /// The graph as it was pinned.
    pub(super) async fn content(&self, hash: &GraphHash) -> Result<Bytes, PinError> {
        self.store.run_graph(hash).await?.ok_or(PinError::Gone)
    }

    /// The plan of a graph that has so many bytes as JSON.
    pub(super) fn compile(
        &self,
        hash: GraphHash,
        graph: &FlowGraph,
        bytes: usize,
        budgets: Budgets,
        mocks: &BTreeMap<String, Mock>,
    ) -> Arc<Plan> {
        if mocks.is_empty()
            && let Some(plan) = self.kept().get(&hash)
        {
            return plan;
        }
        let plan = Arc::new(Plan::compile(graph, budgets, mocks));
        if mocks.is_empty() {
            self.kept().put(hash, Arc::clone(&plan), bytes);
        }
        plan
    }
}
