//! One turn: read, compute, commit, and then do what the turn wants done.

use std::sync::Arc;
use std::time::Duration;

use flow_base::{FlowId, RunId};
use flow_store::{RunCommit, RunCommitted, RunEvent, RunLease, RunRecord, RunStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::permits::Permit;
use super::plans::PinError;
use super::slots::{self, Loaded, Slot};
use super::view::RunView;
use super::watch::Told;
use super::{RunFailed, Runs};
use crate::machine::{
    Ask, At, CallError, CallFailure, CallRequest, Effect, Event, For, Happened, Machine, Next, Outcome,
    Output, Record, Response, RunError, Stale, State, StateError, Waiting,
};
use crate::plan::Plan;

/// How often a turn is computed anew because somebody else was faster.
const TRIES: usize = 8;
/// A body from here on is a large one.
const LARGE_BYTES: usize = 256 << 10;
/// By how much the store's clock may be ahead of a node's.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);
/// A server that stops waits so long for calls under way.
const CALLS_END_WITHIN: Duration = Duration::from_secs(5);

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turned {
    pub run: RunId,
    /// The run's version after it.
    pub version: u64,
    pub status: String,
    /// What it did, entry by entry.
    pub entries: Vec<Json>,
    /// What it asks now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asks: Option<Ask>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
}

/// A turn that is computed and not committed.
pub(crate) struct Computed {
    pub(crate) state: State,
    pub(crate) out: Output,
}

impl Runs {
    /// Gives an event to a run, whoever else does so at the same time.
    pub(super) async fn drive(
        &self,
        run: RunId,
        what: Happened,
        key: Option<String>,
        visit: Option<u32>,
    ) -> Result<Turned, RunFailed> {
        let mut slot = self.inner.slots.lock(run).await;
        for _ in 0..TRIES {
            let loaded = self.loaded(&mut slot, run).await?;
            if self.is_stale(&loaded, visit) {
                // As this node knows it. If another has moved it on, that counts.
                if self.is_newest(&mut slot, run, loaded.version).await? {
                    return self.refused(run, &loaded, key.as_deref()).await;
                }
                continue;
            }
            let now = self.inner.clock.now();
            let computed = match self.compute(&loaded, Event { at: now, what: what.clone() }).await? {
                Ok(computed) => computed,
                Err(Stale::Ended | Stale::NotWaited) => {
                    // As above.
                    if self.is_newest(&mut slot, run, loaded.version).await? {
                        return self.refused(run, &loaded, key.as_deref()).await;
                    }
                    continue;
                }
            };
            let turned = turned(run, &loaded, &computed);
            let commit = self.commit_of(&loaded, &computed, &turned, key.as_deref());
            match self.inner.committer.commit(commit).await? {
                RunCommitted::Stored => return Ok(self.stored(slot, loaded, computed, turned)),
                RunCommitted::Stale => {
                    slot.loaded = None;
                    if let Some(answered) = self.answered_before(run, key.as_deref()).await? {
                        return Ok(answered);
                    }
                }
                RunCommitted::NoFlow => return Err(RunFailed::NoFlow),
                RunCommitted::TooMany => return Err(RunFailed::TooMany),
            }
        }
        Err(RunFailed::Contended)
    }

    async fn is_newest(
        &self,
        slot: &mut OwnedMutexGuard<Slot>,
        run: RunId,
        version: u64,
    ) -> Result<bool, RunFailed> {
        let newest = self.inner.store.run_versions(&[run]).await?;
        let is_newest = newest.first().is_some_and(|(_, newest)| *newest == version);
        if !is_newest {
            slot.loaded = None;
        }
        Ok(is_newest)
    }

    fn is_stale(&self, loaded: &Loaded, visit: Option<u32>) -> bool {
        visit.is_some_and(|visit| loaded.state.asks(&loaded.plan).is_none_or(|asks| asks.visit != visit))
    }

    /// The run does not wait for it; unless it was answered already, and is sent again.
    async fn refused(&self, run: RunId, loaded: &Loaded, key: Option<&str>) -> Result<Turned, RunFailed> {
        if let Some(answered) = self.answered_before(run, key).await? {
            return Ok(answered);
        }
        Err(RunFailed::NotWaited(Box::new(RunView::of(loaded))))
    }

    async fn answered_before(&self, run: RunId, key: Option<&str>) -> Result<Option<Turned>, RunFailed> {
        let Some(key) = key else { return Ok(None) };
        let Some(answer) = self.inner.store.run_event(run, key).await? else { return Ok(None) };
        let unreadable = |error: serde_json::Error| StateError(error.to_string());
        let mut turned: Turned = serde_json::from_slice(&answer).map_err(unreadable)?;
        let part = self.inner.store.run_journal(run, turned.version - 1, 1).await?;
        if let Some(part) = part.first().filter(|part| part.version == turned.version) {
            turned.entries = serde_json::from_slice(&part.entries).map_err(unreadable)?;
        }
        Ok(Some(turned))
    }

    /// The run, as this node knows it, or as it is stored.
    pub(super) async fn loaded(
        &self,
        slot: &mut OwnedMutexGuard<Slot>,
        run: RunId,
    ) -> Result<Loaded, RunFailed> {
        if let Some(loaded) = &slot.loaded {
            return Ok(loaded.clone());
        }
        let record = self.inner.store.run(run).await?.ok_or(RunFailed::Unknown)?;
        let (mocks, machine) = slots::read(&record.state)?;
        let budgets = self.inner.limits.budgets;
        let plan = self.inner.plans.plan(&record.summary.graph_hash, budgets, &mocks).await?;
        let state = State::from_json(&plan, &machine)?;
        let loaded = Loaded { version: record.version, plan, state, mocks, summary: record.summary };
        slot.loaded = Some(loaded.clone());
        Ok(loaded)
    }

    /// Computes a turn, off the threads that others wait on. Nothing is stored, and nothing is
    /// changed but what is returned.
    pub(super) async fn compute(
        &self,
        loaded: &Loaded,
        event: Event,
    ) -> Result<Result<Computed, Stale>, RunFailed> {
        let _permit = self.inner.computing.acquire().await.expect("it is never closed");
        let (plan, state) = (Arc::clone(&loaded.plan), loaded.state.clone());
        let within = self.inner.limits.turn_within;
        let computed = spawn_blocking(move || compute(&plan, state, event, within)).await;
        computed.map_err(|stopped| match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => RunFailed::ShuttingDown,
        })
    }

    pub(super) fn commit_of(
        &self,
        loaded: &Loaded,
        computed: &Computed,
        turned: &Turned,
        key: Option<&str>,
    ) -> RunCommit {
        let entries = serde_json::to_vec(&turned.entries).expect("it has no keys that are not texts");
        // Its entries are in the journal.
        let answer = Turned { entries: Vec::new(), ..turned.clone() };
        let event = key.map(|key| RunEvent {
            key: key.to_owned(),
            answer: serde_json::to_vec(&answer).expect("it has no keys that are not texts").into(),
        });
        let (status, wake_at) = standing(&computed.state.at);
        let lease = (status == RunStatus::Busy)
            .then_some(RunLease { node: self.inner.node, lasts: self.inner.limits.lease });
        let outcome = turned
            .outcome
            .as_ref()
            .map(|outcome| serde_json::to_string(outcome).expect("it has no keys that are not texts"));
        RunCommit {
            run: turned.run,
            id: Uuid::now_v7(),
            expected: loaded.version,
            new: None,
            at: self.inner.clock.now(),
            status,
            state: slots::write(&computed.state, &loaded.plan, &loaded.mocks).into(),
            entry_count: u32::try_from(turned.entries.len()).unwrap_or(u32::MAX),
            entries: entries.into(),
            wake_at,
            lease,
            outcome,
            event,
        }
    }

    /// The turn is durable: it is told, and what it wants done is done.
    pub(super) fn stored(
        &self,
        mut slot: OwnedMutexGuard<Slot>,
        loaded: Loaded,
        computed: Computed,
        turned: Turned,
    ) -> Turned {
        let (run, flow) = (turned.run, loaded.summary.flow);
        let (status, wake_at) = standing(&computed.state.at);
        let mut loaded = loaded;
        loaded.version += 1;
        loaded.summary.status = status;
        loaded.state = computed.state;
        slot.loaded = Some(loaded);
        drop(slot);
        if status.is_over() {
            self.inner.slots.forget(run);
        }
        self.inner.watchers.tell(run, &Told { version: turned.version, entries: Arc::new(turned.clone()) });
        for effect in computed.out.effects {
            if let Effect::Call(request) = effect {
                self.call(run, flow, *request);
            }
        }
        if let Some(wake_at) = wake_at {
            self.inner.timers.set(self, wake_at);
        }
        turned
    }

    /// Makes a call, and gives the run what came of it.
    fn call(&self, run: RunId, flow: FlowId, request: CallRequest) {
        let runs = self.clone();
        self.inner.tracker.spawn(async move {
            let _busy = runs.inner.timers.busy(run);
            let stopping = runs.inner.stopping.clone();
            // The permit until what came of it is stored: so long it is in memory.
            let (_permit, result) = tokio::select! {
                made = runs.made(flow, &request) => made,
                // Whoever takes the run over does not know what came of it, nor do we.
                () = async { stopping.cancelled().await; sleep(CALLS_END_WITHIN).await } => return,
            };
            let CallRequest { visit, attempt, .. } = request;
            // Large ones one after the other: as values they take many times their bytes.
            let is_large = result.as_ref().is_ok_and(|response| response.body.len() > LARGE_BYTES);
            let _large = if is_large {
                Some(runs.inner.large.acquire().await.expect("it is never closed"))
            } else {
                None
            };
            runs.happened(run, Happened::Called { visit, attempt, result }).await;
        });
    }

    /// Makes a call when it is the turn of its flow's workspace.
    async fn made(
        &self,
        flow: FlowId,
        request: &CallRequest,
    ) -> (Option<Permit>, Result<Response, CallError>) {
        let unmade =
            |message: &str| CallError { failure: CallFailure::Unreachable, message: message.to_owned() };
        // Each time: a flow may have gone elsewhere since.
        let workspace = match self.inner.store.workspace_of(flow).await {
            Ok(Some(workspace)) => workspace,
            Ok(None) => return (None, Err(unmade("the flow is gone"))),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%flow, error, "it could not be found out whose call it is");
                return (None, Err(unmade("the server could not make the call")));
            }
        };
        let permit = self.inner.permits.take(workspace).await;
        (Some(permit), self.inner.calls.call(workspace, request).await)
    }

    /// Nobody waits for this: what goes wrong is said in the log, and tried again by whoever
    /// finds the run due.
    pub(super) async fn happened(&self, run: RunId, what: Happened) {
        match self.drive(run, what, None, None).await {
            // It was moved on otherwise: cancelled, or taken over; or its flow was deleted.
            Ok(_) | Err(RunFailed::NotWaited(_) | RunFailed::Unknown | RunFailed::NoFlow) => {}
            Err(error @ (RunFailed::State(_) | RunFailed::Pin(PinError::Gone | PinError::Unreadable(_)))) => {
                self.give_up(run, &error).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%run, error, "a run could not be carried on");
            }
        }
    }

    /// A run that nobody can ever carry on has failed.
    async fn give_up(&self, run: RunId, why: &RunFailed) {
        tracing::error!(%run, error = why as &dyn std::error::Error, "a run is given up");
        let slot = self.inner.slots.lock(run).await;
        let record = match self.inner.store.run(run).await {
            Ok(Some(record)) if !record.summary.status.is_over() => record,
            // Tried again when it is found due again.
            Ok(_) | Err(_) => return,
        };
        let outcome = Outcome::Failed { error: RunError::internal() };
        let now = self.inner.clock.now();
        let entries = serde_json::json!([{ "type": "ended", "at": now, "outcome": outcome }]);
        let commit = RunCommit {
            run,
            id: Uuid::now_v7(),
            expected: record.version,
            new: None,
            at: now,
            status: RunStatus::Failed,
            state: record.state,
            entry_count: 1,
            entries: entries.to_string().into(),
            wake_at: None,
            lease: None,
            outcome: Some(serde_json::json!(outcome).to_string()),
            event: None,
        };
        if let Err(error) = self.inner.committer.commit(commit).await {
            tracing::error!(%run, error = &error as &dyn std::error::Error, "it could not be stored");
        }
        drop(slot);
    }

    /// The run waits for a moment that is here. By the store's clock, which may be ahead of ours.
    pub(super) async fn due(&self, run: RunId) {
        let until = {
            let mut slot = self.inner.slots.lock(run).await;
            slot.loaded = None;
            match self.loaded(&mut slot, run).await {
                Ok(Loaded { state: State { at: At::Waiting(Waiting { until, .. }), .. }, .. }) => until,
                Ok(_) => return,
                // `happened` says what is wrong.
                Err(_) => None,
            }
        };
        let left = until.map(|until| until.duration_since(self.inner.clock.now()));
        match left.map(Duration::try_from) {
            Some(Ok(left)) if left > CLOCKS_DIFFER => return,
            Some(Ok(left)) => sleep(left).await,
            Some(Err(_)) | None => {}
        }
        self.happened(run, Happened::Due).await;
    }

    /// The node that did something for it is gone, and this one has taken it over.
    pub(super) async fn lost(&self, run: RunId) {
        let record = match self.inner.store.run(run).await {
            // Moved on since by the node that was thought to be gone, it is none of ours.
            Ok(Some(record)) if record.leased_by == Some(self.inner.node) => record,
            Ok(_) => return,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%run, error, "could not read a run; it is taken over later");
                return;
            }
        };
        let (visit, attempt) = match self.called_by(&record).await {
            Ok(Some(call)) => call,
            Ok(None) => return,
            Err(error) => return self.give_up(run, &error).await,
        };
        let message = "the server stopped while the call was made".to_owned();
        let result = Err(CallError { failure: CallFailure::UnknownOutcome, message });
        self.happened(run, Happened::Called { visit, attempt, result }).await;
    }

    /// The call that a run waits for.
    async fn called_by(&self, record: &RunRecord) -> Result<Option<(u32, u32)>, RunFailed> {
        let (mocks, machine) = slots::read(&record.state)?;
        let budgets = self.inner.limits.budgets;
        let plan = self.inner.plans.plan(&record.summary.graph_hash, budgets, &mocks).await?;
        Ok(match State::from_json(&plan, &machine)?.at {
            At::Waiting(Waiting { visit, what: For::Call { attempt, .. }, .. }) => Some((visit, attempt)),
            _ => None,
        })
    }
}

/// One turn, within what a turn may take.
pub(crate) fn compute(plan: &Plan, state: State, event: Event, within: Duration) -> Result<Computed, Stale> {
    let mut machine = Machine::resume(plan, state);
    let mut out = Output::default();
    let (now, began) = (event.at, Instant::now());
    let mut next = machine.step(event, &mut out)?;
    let (mut measured, mut bytes) = (0, 0);
    while next == Next::Go {
        bytes += out.records[measured..].iter().map(Record::bytes).sum::<usize>();
        measured = out.records.len();
        let what = if bytes > plan.budgets().turn_bytes {
            Happened::Overflowed
        } else if began.elapsed() > within {
            Happened::Overran
        } else {
            Happened::Go
        };
        next = machine.step(Event { at: now, what }, &mut out)?;
    }
    Ok(Computed { state: machine.state, out })
}

pub(super) fn turned(run: RunId, loaded: &Loaded, computed: &Computed) -> Turned {
    let plan = &loaded.plan;
    let entries = computed.out.records.iter().map(|record| record.to_json(plan)).collect();
    let outcome = match &computed.state.at {
        At::Ended(outcome) => Some(outcome.clone()),
        _ => None,
    };
    let asks = computed.state.asks(plan);
    let status = standing(&computed.state.at).0.as_str().to_owned();
    Turned { run, version: loaded.version + 1, status, entries, asks, outcome }
}

/// What is stored beside a state, so that runs can be found by it.
pub(super) fn standing(at: &At) -> (RunStatus, Option<flow_base::Timestamp>) {
    match at {
        At::Waiting(Waiting { what: For::Call { .. }, .. }) => (RunStatus::Busy, None),
        At::Waiting(Waiting { until, .. }) => (RunStatus::Waiting, *until),
        // A turn ends nowhere else.
        At::Begin | At::Next(_) => (RunStatus::Busy, None),
        At::Ended(Outcome::Completed { .. }) => (RunStatus::Completed, None),
        At::Ended(Outcome::Failed { .. }) => (RunStatus::Failed, None),
        At::Ended(Outcome::Cancelled) => (RunStatus::Cancelled, None),
    }
}
