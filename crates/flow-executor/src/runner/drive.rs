//! One turn: read, compute, commit, and then do what the turn wants done.

use std::sync::Arc;

use flow_base::RunId;
use flow_store::{RunCommit, RunCommitted, RunEvent, RunLease, RunStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::OwnedMutexGuard;
use tokio::task::yield_now;
use tokio::time::Instant;
use uuid::Uuid;

use super::slots::{self, Loaded, Slot};
use super::view::RunView;
use super::watch::Told;
use super::{RunFailed, Runs};
use crate::machine::{
    Ask, At, CallError, CallFailure, CallRequest, Effect, Event, For, Happened, Machine, Next, Outcome,
    Output, Stale, State, Waiting,
};

/// How often a turn is computed anew because somebody else was faster.
const TRIES: usize = 8;
/// Steps after which others get their turn on this thread.
const STEPS_AT_ONCE: usize = 64;

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
pub(super) struct Computed {
    pub(super) state: State,
    pub(super) out: Output,
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
                return self.refused(run, &loaded, key.as_deref()).await;
            }
            let now = self.inner.clock.now();
            let computed = match self.compute(&loaded, Event { at: now, what: what.clone() }).await {
                Ok(computed) => computed,
                Err(Stale::Ended | Stale::NotWaited) => {
                    // As this node knows it. If another has moved it on, that counts.
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
        let answer = self.inner.store.run_event(run, key).await?;
        Ok(answer.and_then(|answer| serde_json::from_slice(&answer).ok()))
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

    /// Computes a turn. Nothing is stored, and nothing is changed but what is returned.
    pub(super) async fn compute(&self, loaded: &Loaded, event: Event) -> Result<Computed, Stale> {
        let plan = Arc::clone(&loaded.plan);
        let mut machine = Machine::resume(&plan, loaded.state.clone());
        let mut out = Output::default();
        let now = event.at;
        let began = Instant::now();
        let mut next = machine.step(event, &mut out)?;
        let mut steps = 0;
        while next == Next::Go {
            steps += 1;
            let mut what = Happened::Go;
            if steps % STEPS_AT_ONCE == 0 {
                yield_now().await;
            }
            if began.elapsed() > self.inner.limits.turn_within {
                what = Happened::Overran;
            }
            next = machine.step(Event { at: now, what }, &mut out)?;
        }
        Ok(Computed { state: machine.state, out })
    }

    pub(super) fn commit_of(
        &self,
        loaded: &Loaded,
        computed: &Computed,
        turned: &Turned,
        key: Option<&str>,
    ) -> RunCommit {
        let entries = serde_json::to_vec(&turned.entries).expect("it has no keys that are not texts");
        let event = key.map(|key| RunEvent {
            key: key.to_owned(),
            answer: serde_json::to_vec(turned).expect("it has no keys that are not texts").into(),
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
        let run = turned.run;
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
        self.inner.slots.tidy();
        self.inner.watchers.tell(run, &Told { version: turned.version, entries: Arc::new(turned.clone()) });
        for effect in computed.out.effects {
            if let Effect::Call(request) = effect {
                self.call(run, *request);
            }
        }
        if let Some(wake_at) = wake_at {
            self.inner.timers.set(self, wake_at);
        }
        turned
    }

    /// Makes a call, and gives the run what came of it.
    fn call(&self, run: RunId, request: CallRequest) {
        let runs = self.clone();
        self.inner.tracker.spawn(async move {
            let _busy = runs.inner.timers.busy(run);
            let _turn = runs.inner.calling.acquire().await.expect("it is never closed");
            let stopping = runs.inner.stopping.clone();
            let result = tokio::select! {
                result = runs.inner.calls.call(&request) => result,
                // Whoever takes the run over does not know what came of it, nor do we.
                () = stopping.cancelled() => return,
            };
            runs.happened(run, Happened::Called(result)).await;
        });
    }

    /// Nobody waits for this: what goes wrong is said in the log, and tried again by whoever
    /// finds the run due.
    pub(super) async fn happened(&self, run: RunId, what: Happened) {
        match self.drive(run, what, None, None).await {
            // It was moved on otherwise: cancelled, or taken over.
            Ok(_) | Err(RunFailed::NotWaited(_) | RunFailed::Unknown) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%run, error, "a run could not be carried on");
            }
        }
    }

    /// The node that did something for it is gone.
    pub(super) async fn lost(&self, run: RunId) {
        let message = "the server stopped while the call was made".to_owned();
        let error = CallError { failure: CallFailure::UnknownOutcome, message };
        self.happened(run, Happened::Called(Err(error))).await;
    }
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
