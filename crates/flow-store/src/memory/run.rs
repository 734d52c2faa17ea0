use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{Clock, FlowId, NodeId, RunId, SystemClock, Timestamp, UserId, WorkspaceId};
use uuid::Uuid;

use super::run_file::Files;
use super::{Flow, MemoryStore, State, to_micros};
use crate::{
    ClaimedRun, GraphHash, NewRun, PURGED_BYTES, RunCommit, RunCommitted, RunFile, RunPart, RunQuery,
    RunRecord, RunStatus, RunStore, RunSummary, StoreError,
};

#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: BTreeMap<RunId, Run>,
    graphs: HashMap<GraphHash, Bytes>,
    /// How many began, by workspace and day.
    days: HashMap<(WorkspaceId, i64), u64>,
}

#[derive(Debug)]
struct Run {
    record: RunRecord,
    last_commit: Uuid,
    lease_until: Option<Timestamp>,
    journal: Vec<RunPart>,
    events: HashMap<String, Bytes>,
    files: Files,
}

/// The store's own.
fn now() -> Timestamp {
    to_micros(SystemClock.now())
}

/// UTC's.
fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(24 * 60 * 60)
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn commit_runs(&self, commits: &[RunCommit]) -> Result<Vec<RunCommitted>, StoreError> {
        let mut state = self.state();
        Ok(commits.iter().map(|commit| state.commit_run(commit)).collect())
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.state().runs.runs.get(&run).map(|run| run.record.clone()))
    }

    async fn run_graph(&self, hash: &GraphHash) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state().runs.graphs.get(hash).cloned())
    }

    async fn run_event(&self, run: RunId, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state().runs.runs.get(&run).and_then(|run| run.events.get(key).cloned()))
    }

    async fn run_journal(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunPart>, StoreError> {
        let state = self.state();
        let parts = state.runs.runs.get(&run).map_or(&[][..], |run| &run.journal[..]);
        Ok(parts.iter().filter(|part| part.version > after).take(limit as usize).cloned().collect())
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError> {
        let RunQuery { flow, user, kind, status, before, limit } = *query;
        let state = self.state();
        let fits = |run: &RunSummary| {
            flow.is_none_or(|flow| run.flow == flow)
                && user.is_none_or(|user| run.user == Some(user))
                && kind.is_none_or(|kind| run.kind == kind)
                && status.is_none_or(|status| run.status == status)
                && before.is_none_or(|before| run.id < before)
        };
        let listed = state.runs.runs.values().rev().map(|run| &run.record.summary).filter(|run| fits(run));
        Ok(listed.take(limit as usize).cloned().collect())
    }

    async fn claim_runs(
        &self,
        node: NodeId,
        lasts: Duration,
        limit: u32,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        let now = now();
        let mut claimed = Vec::new();
        let state = &mut *self.state();
        for (id, run) in &mut state.runs.runs {
            if claimed.len() == limit as usize {
                break;
            }
            if rests(&state.flows, run) {
                continue;
            }
            let was_busy = run.record.summary.status == RunStatus::Busy;
            let free = run.lease_until.is_none_or(|until| until <= now);
            let due = was_busy || run.record.wake_at.is_some_and(|at| at <= now);
            if free && due && !run.record.summary.status.is_over() {
                run.record.leased_by = Some(node);
                run.lease_until = Some(now + lasts);
                claimed.push(ClaimedRun { run: *id, was_busy });
            }
        }
        Ok(claimed)
    }

    async fn renew_runs(&self, node: NodeId, runs: &[RunId], lasts: Duration) -> Result<(), StoreError> {
        let until = now() + lasts;
        let mut state = self.state();
        for run in runs {
            if let Some(run) = state.runs.runs.get_mut(run).filter(|run| run.record.leased_by == Some(node)) {
                run.lease_until = Some(until);
            }
        }
        Ok(())
    }

    async fn run_versions(&self, runs: &[RunId]) -> Result<Vec<(RunId, u64)>, StoreError> {
        let state = self.state();
        let version = |run: &RunId| Some((*run, state.runs.runs.get(run)?.record.version));
        Ok(runs.iter().filter_map(version).collect())
    }

    async fn forget_run_files(&self, before: Timestamp) -> Result<u64, StoreError> {
        let (mut files, mut bytes) = (0, 0);
        for run in self.state().runs.runs.values_mut().filter(|run| run.is_old(before)) {
            while bytes < PURGED_BYTES
                && let Some((file, _)) = run.files.pop()
            {
                bytes += file.bytes;
                files += 1;
            }
        }
        Ok(files)
    }

    async fn forget_runs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut state = self.state();
        let runs = &mut state.runs;
        let old = runs.runs.iter().filter(|(_, run)| run.is_old(before)).map(|(id, _)| *id);
        let old: Vec<RunId> = old.take(limit as usize).collect();
        for run in &old {
            runs.runs.remove(run);
        }
        runs.forget_graphs();
        Ok(old.len() as u64)
    }

    async fn workspace_of(&self, flow: FlowId) -> Result<Option<WorkspaceId>, StoreError> {
        Ok(self.state().flows.get(&flow).map(|flow| flow.workspace))
    }
}

/// Its flow is deleted, and may be restored.
fn rests(flows: &HashMap<FlowId, Flow>, run: &Run) -> bool {
    flows.get(&run.record.summary.flow).is_none_or(|flow| flow.deleted.is_some())
}

impl Runs {
    /// What was sent to a run.
    pub(super) fn files(&self, run: RunId) -> &[(RunFile, Bytes)] {
        self.runs.get(&run).map_or(&[], |run| &run.files)
    }

    /// What was sent to runs, with their flows.
    pub(super) fn all_files(&self) -> impl Iterator<Item = (FlowId, &(RunFile, Bytes))> {
        let of = |run: &'_ Run| run.record.summary.flow;
        self.runs.values().flat_map(move |run| run.files.iter().map(move |file| (of(run), file)))
    }

    /// Those that no run has any more.
    fn forget_graphs(&mut self) {
        let kept: HashSet<GraphHash> = self.runs.values().map(|run| run.record.summary.graph_hash).collect();
        self.graphs.retain(|hash, _| kept.contains(hash));
    }
}

impl State {
    fn commit_run(&mut self, commit: &RunCommit) -> RunCommitted {
        if let Some(new) = &commit.new {
            return self.begin_run(commit, new);
        }
        let Some(run) = self.runs.runs.get_mut(&commit.run) else { return RunCommitted::Stale };
        if run.last_commit == commit.id {
            return RunCommitted::Stored;
        }
        if run.record.version != commit.expected {
            return RunCommitted::Stale;
        }
        if rests(&self.flows, run) && !commit.status.is_over() {
            return RunCommitted::NoFlow;
        }
        if commit.event.as_ref().is_some_and(|event| run.events.contains_key(&event.key)) {
            return RunCommitted::Stale;
        }
        run.take(commit);
        RunCommitted::Stored
    }

    fn begin_run(&mut self, commit: &RunCommit, new: &NewRun) -> RunCommitted {
        if let Some(run) = self.runs.runs.get(&commit.run) {
            return if run.last_commit == commit.id { RunCommitted::Stored } else { RunCommitted::Stale };
        }
        let Some(flow) = self.flows.get(&new.flow).filter(|flow| flow.deleted.is_none()) else {
            return RunCommitted::NoFlow;
        };
        let workspace = flow.workspace;
        let most = self.workspaces.get(&workspace).and_then(|there| there.quotas.runs_per_day);
        let began = self.runs.days.entry((workspace, day(commit.at))).or_default();
        if most.or(new.runs_per_day).is_some_and(|most| *began >= most) {
            return RunCommitted::TooMany;
        }
        *began += 1;
        self.runs.graphs.entry(new.graph_hash).or_insert_with(|| new.graph.clone());
        let at = to_micros(commit.at);
        let summary = RunSummary {
            id: commit.run,
            flow: new.flow,
            kind: new.kind,
            flow_version: new.flow_version,
            graph_hash: new.graph_hash,
            user: new.user,
            status: commit.status,
            started_at: at,
            updated_at: at,
            ended_at: None,
            entries: 0,
            outcome: None,
        };
        let record = RunRecord { summary, version: 0, state: Bytes::new(), wake_at: None, leased_by: None };
        let mut run = Run {
            record,
            last_commit: commit.id,
            lease_until: None,
            journal: Vec::new(),
            events: HashMap::new(),
            files: Files::new(),
        };
        run.take(commit);
        self.runs.runs.insert(commit.run, run);
        RunCommitted::Stored
    }

    /// What was sent to a run that has not ended and does not rest.
    pub(super) fn files_of_a_run_that_goes_on(&mut self, run: RunId) -> Option<&mut Files> {
        let run = self.runs.runs.get_mut(&run)?;
        let goes_on = !rests(&self.flows, run) && !run.record.summary.status.is_over();
        goes_on.then_some(&mut run.files)
    }

    /// Runs of a flow that is no more.
    pub(super) fn forget_runs_of(&mut self, flow: FlowId) {
        self.runs.runs.retain(|_, run| run.record.summary.flow != flow);
    }

    /// What somebody said to a flow goes with them.
    pub(super) fn forget_user_of_runs(&mut self, user: UserId) {
        self.runs.runs.retain(|_, run| run.record.summary.user != Some(user));
        self.runs.forget_graphs();
    }
}

impl Run {
    /// It ended before a moment, or waits for an answer since before it.
    fn is_old(&self, before: Timestamp) -> bool {
        let RunRecord { summary, wake_at, .. } = &self.record;
        let is_abandoned = summary.status == RunStatus::Waiting && wake_at.is_none();
        summary.ended_at.is_some_and(|at| at < before) || is_abandoned && summary.updated_at < before
    }

    fn take(&mut self, commit: &RunCommit) {
        let at = to_micros(commit.at);
        self.record.version += 1;
        self.last_commit = commit.id;
        let part = RunPart { version: self.record.version, at, entries: commit.entries.clone() };
        self.journal.push(part);
        let summary = &mut self.record.summary;
        summary.status = commit.status;
        summary.updated_at = at;
        summary.entries += u64::from(commit.entry_count);
        summary.outcome.clone_from(&commit.outcome);
        summary.ended_at = commit.status.is_over().then_some(at);
        self.record.state = commit.state.clone();
        self.record.wake_at = commit.wake_at.map(to_micros);
        self.record.leased_by = commit.lease.map(|lease| lease.node);
        self.lease_until = commit.lease.map(|lease| now() + lease.lasts);
        if let Some(event) = &commit.event {
            self.events.insert(event.key.clone(), event.answer.clone());
        }
    }
}
