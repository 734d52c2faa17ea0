use std::collections::BTreeMap;
use std::sync::Arc;

use flow_base::{FlowId, RunId, Timestamp, UserId};
use flow_model::FlowGraph;
use flow_store::{GraphHash, NewRun, RunCommitted, RunKind, RunStatus, RunSummary};
use tokio::task::spawn_blocking;

use super::drive::{Turned, turned};
use super::plans::Pinned;
use super::slots::Loaded;
use super::{RunFailed, Runs};
use crate::machine::{Event, Happened, Record, RunInfo, Stale, State};
use crate::plan::Mock;
use crate::value::{Object, Value};

/// A run that is to begin.
#[derive(Debug, Clone)]
pub struct StartRun {
    pub flow: FlowId,
    pub graph: Arc<FlowGraph>,
    pub kind: RunKind,
    pub flow_version: Option<u32>,
    pub user: Option<UserId>,
    /// `user` in the language.
    pub user_value: Value,
    pub input: Object,
    /// Of this run alone; they come before those of the nodes.
    pub mocks: BTreeMap<String, Mock>,
    pub runs_per_day: Option<u64>,
}

/// A run that has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    pub run: RunId,
    pub turn: Turned,
}

impl Runs {
    /// Begins a run: pins it to the graph, computes its first turn, and stores both at once.
    ///
    /// # Errors
    /// [`RunFailed`].
    ///
    /// # Panics
    /// If compiling the graph does.
    pub async fn start(&self, start: StartRun) -> Result<Started, RunFailed> {
        let runs = self.clone();
        self.carried(async move { runs.begin(start).await }).await
    }

    async fn begin(&self, start: StartRun) -> Result<Started, RunFailed> {
        if self.inner.stopping.is_cancelled() {
            return Err(RunFailed::ShuttingDown);
        }
        let StartRun { flow, graph, kind, flow_version, user, user_value, input, mocks, runs_per_day } =
            start;
        let (run, now) = (RunId::generate(), self.inner.clock.now());
        let runs = self.clone();
        let given_mocks = mocks.clone();
        // Looks at the whole graph, twice.
        let pinning = spawn_blocking(move || {
            let pinned = Pinned::of(&graph);
            let (bytes, budgets) = (pinned.content.len(), runs.inner.limits.budgets);
            let plan = runs.inner.plans.compile(pinned.hash, &graph, bytes, budgets, &given_mocks);
            (pinned, plan)
        });
        let (pinned, plan) = pinning.await.expect("compiling takes any graph");
        let uses_mocks = kind != RunKind::Published;
        let info = RunInfo { id: run.to_string(), started_at: now, user: user_value, mocks: uses_mocks };
        let summary = summary_of(run, flow, kind, flow_version, pinned.hash, user, now);
        let loaded = Loaded { version: 0, state: State::new(&plan, &info), plan, mocks, summary };
        let event = Event { at: now, what: Happened::Start { input } };
        let new = NewRun {
            flow,
            kind,
            flow_version,
            graph_hash: pinned.hash,
            graph: pinned.content,
            user,
            runs_per_day,
        };
        self.first_turn(loaded, event, None, new).await
    }

    /// Computes the first turn of a run, and stores both at once; `begins` comes before what the
    /// turn has done.
    pub(super) async fn first_turn(
        &self,
        loaded: Loaded,
        event: Event,
        begins: Option<Record>,
        new: NewRun,
    ) -> Result<Started, RunFailed> {
        let run = loaded.summary.id;
        let mut computed = match self.compute(&loaded, event).await? {
            Ok(computed) => computed,
            Err(Stale::Ended | Stale::NotWaited) => unreachable!("a run that has not begun waits to begin"),
        };
        computed.out.records.splice(0..0, begins);
        let turned = turned(run, &loaded, &computed);
        let mut commit = self.commit_of(&loaded, &computed, &turned, None);
        commit.new = Some(new);
        let slot = self.inner.slots.lock(run).await;
        match self.inner.committer.commit(commit).await? {
            RunCommitted::Stored => Ok(Started { run, turn: self.stored(slot, loaded, computed, turned) }),
            RunCommitted::Stale => Err(RunFailed::Contended),
            RunCommitted::NoFlow => Err(RunFailed::NoFlow),
            RunCommitted::TooMany => Err(RunFailed::TooMany),
        }
    }
}

/// Of a run that begins.
pub(super) fn summary_of(
    id: RunId,
    flow: FlowId,
    kind: RunKind,
    flow_version: Option<u32>,
    graph_hash: GraphHash,
    user: Option<UserId>,
    now: Timestamp,
) -> RunSummary {
    RunSummary {
        id,
        flow,
        kind,
        flow_version,
        graph_hash,
        user,
        status: RunStatus::Busy,
        started_at: now,
        updated_at: now,
        ended_at: None,
        entries: 0,
        outcome: None,
    }
}
