use flow_base::RunId;
use flow_store::RunSummary;
use serde_json::{Map, Value as Json};

use super::slots::Loaded;
use super::{RunFailed, Runs};
use crate::machine::{Ask, At, Outcome};

/// A run, as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    pub summary: RunSummary,
    pub version: u64,
    /// The node it stands at, or is about to visit.
    pub node: Option<String>,
    pub asks: Option<Ask>,
    pub variables: Map<String, Json>,
    pub outcome: Option<Outcome>,
}

impl RunView {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let plan = &loaded.plan;
        let node = match &loaded.state.at {
            At::Next(node) => Some(*node),
            At::Waiting(waiting) => Some(waiting.node),
            At::Begin | At::Ended(_) => None,
        };
        let outcome = match &loaded.state.at {
            At::Ended(outcome) => Some(outcome.clone()),
            _ => None,
        };
        Self {
            summary: loaded.summary.clone(),
            version: loaded.version,
            node: node.map(|node| plan.node(node).id.to_string()),
            asks: loaded.state.asks(plan),
            variables: loaded.state.variables(plan),
            outcome,
        }
    }
}

impl Runs {
    /// The run as it is stored.
    ///
    /// # Errors
    /// [`RunFailed`].
    pub async fn view(&self, run: RunId) -> Result<RunView, RunFailed> {
        let mut slot = self.inner.slots.lock(run).await;
        // Another node may have moved it on.
        slot.loaded = None;
        let loaded = self.loaded(&mut slot, run).await?;
        let view = RunView::of(&loaded);
        if view.summary.status.is_over() {
            slot.loaded = None;
            drop(slot);
            self.inner.slots.forget(run);
        }
        Ok(view)
    }
}
