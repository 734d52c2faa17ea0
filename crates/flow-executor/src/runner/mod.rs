//! Runs that last: each turn is computed by the machine, committed with its journal, and only
//! then seen by anybody.
//!
//! Start with [`Runs`]. A run belongs to nobody while it waits: whoever has something for it
//! reads it at a version, computes, and writes under that version, which is its fencing token.
//! Of several who do so at once, one succeeds and the others read anew. While something is
//! being done for a run, its node has a lease on it, and renews it; a lease that runs out
//! means that the node is gone, and that nobody knows what came of it.

mod commit;
mod drive;
mod inspect;
mod kept;
mod permits;
mod plans;
mod replay;
mod slots;
mod start;
mod timers;
mod view;
mod watch;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flow_base::{Clock, NodeId, RunId, WorkspaceId};
use flow_store::{RunStore, StoreError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use drive::Turned;
pub(crate) use drive::{Computed, compute};
pub use inspect::Inspected;
pub use plans::{PinError, Pinned};
pub use replay::{Replay, ReplayedCalls};
pub use start::{StartRun, Started};
pub use view::RunView;
pub use watch::{Next as WatchNext, Told, Watching};

use crate::inputs::Answer;
use crate::machine::{CallError, CallRequest, Happened, Response};
use crate::plan::Budgets;
use commit::Committer;
use permits::Permits;
use plans::Plans;
use slots::Slots;
use watch::Watchers;

/// Turns that are computed at a time, off the threads that others wait on.
const COMPUTED_AT_ONCE: usize = 8;
/// Large answers of services that are looked at at a time.
const LARGE_AT_ONCE: usize = 2;
/// Turns of runs that were due that are under way at a time.
const FIRED_AT_ONCE: usize = 256;

/// Who performs calls.
#[async_trait]
pub trait Calls: Debug + Send + Sync + 'static {
    /// For a flow of this workspace.
    ///
    /// # Errors
    /// [`CallError`], which says whether it was sent.
    async fn call(&self, workspace: WorkspaceId, request: &CallRequest) -> Result<Response, CallError>;
}

#[async_trait]
impl Calls for crate::Caller {
    async fn call(&self, workspace: WorkspaceId, request: &CallRequest) -> Result<Response, CallError> {
        Self::call(self, workspace, request).await
    }
}

/// How runs are carried on.
#[derive(Debug, Clone, Copy)]
pub struct RunLimits {
    pub budgets: Budgets,
    /// Of computing, for one turn.
    pub turn_within: Duration,
    /// How long a lease lasts that is not renewed: so long a run waits whose node is gone.
    pub lease: Duration,
    /// How often due runs are looked for.
    pub look_every: Duration,
    /// How long a run is kept after it has ended; `None`: for ever.
    pub keep_for: Option<Duration>,
    /// Calls of this node that are made at a time, and of one workspace among them; others wait,
    /// with their leases.
    pub calls_at_once: usize,
    pub calls_of_one: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            budgets: Budgets::DEFAULT,
            turn_within: Duration::from_secs(30),
            lease: Duration::from_secs(15),
            look_every: Duration::from_millis(500),
            keep_for: None,
            calls_at_once: 64,
            calls_of_one: 32,
        }
    }
}

/// What [`Runs`] are made of.
#[derive(Debug)]
pub struct RunsParts {
    pub store: Arc<dyn RunStore>,
    pub calls: Arc<dyn Calls>,
    pub clock: Arc<dyn Clock>,
    pub node: NodeId,
    pub limits: RunLimits,
    pub tracker: TaskTracker,
    /// Cancelled when nothing new is to be begun.
    pub stopping: CancellationToken,
}

/// All runs, as far as this node has to do with them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn RunStore>,
    calls: Arc<dyn Calls>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    limits: RunLimits,
    tracker: TaskTracker,
    stopping: CancellationToken,
    committer: Committer,
    plans: Plans,
    slots: Slots,
    watchers: Arc<Watchers>,
    timers: timers::Alarm,
    /// To make calls.
    permits: Permits,
    computing: Semaphore,
    /// Large answers of services that are looked at at a time.
    large: Semaphore,
    firing: Arc<Semaphore>,
}

/// Why something was not done for a run.
#[derive(Debug, thiserror::Error)]
pub enum RunFailed {
    #[error("there is no such run")]
    Unknown,
    /// It does not wait for this: it has ended, or asks something else. It is as it was.
    #[error("the run does not wait for this")]
    NotWaited(Box<RunView>),
    /// It has not left a node on this visit.
    #[error("the run has no such step")]
    NoStep,
    #[error("the flow has no variable {0:?}")]
    NoVariable(String),
    #[error("the flow is gone")]
    NoFlow,
    #[error("the workspace has had as many runs today as it may")]
    TooMany,
    #[error("the run cannot be carried on")]
    Pin(#[from] PinError),
    #[error("the state of the run cannot be read")]
    State(#[from] crate::machine::StateError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the server shuts down")]
    ShuttingDown,
    /// Others move it on faster than this node can.
    #[error("too many move the run on at once")]
    Contended,
}

impl Runs {
    /// Begins to look after runs: those that are due, and those whose nodes are gone.
    #[must_use]
    pub fn new(parts: RunsParts) -> Self {
        let RunsParts { store, calls, clock, node, limits, tracker, stopping } = parts;
        let watchers = Arc::new(Watchers::default());
        let committer = Committer::spawn(Arc::clone(&store), &tracker);
        let inner = Inner {
            plans: Plans::new(Arc::clone(&store)),
            store,
            calls,
            clock,
            node,
            limits,
            tracker: tracker.clone(),
            stopping,
            committer,
            slots: Slots::default(),
            watchers,
            timers: timers::Alarm::default(),
            permits: Permits::new(limits.calls_at_once, limits.calls_of_one),
            computing: Semaphore::new(COMPUTED_AT_ONCE),
            large: Semaphore::new(LARGE_AT_ONCE),
            firing: Arc::new(Semaphore::new(FIRED_AT_ONCE)),
        };
        let runs = Self { inner: Arc::new(inner) };
        tracker.spawn(timers::look_after(runs.clone()));
        tracker.spawn(timers::renew_leases(runs.clone()));
        tracker.spawn(timers::forget_old(runs.clone()));
        tracker.spawn(watch::look_elsewhere(runs.clone()));
        runs
    }

    /// Somebody has answered. `key` makes a repetition harmless; `visit` says which question
    /// it answers.
    ///
    /// # Errors
    /// [`RunFailed`].
    pub async fn answer(
        &self,
        run: RunId,
        answer: Answer,
        key: Option<String>,
        visit: Option<u32>,
    ) -> Result<Turned, RunFailed> {
        let runs = self.clone();
        let what = Happened::Answered(answer);
        self.carried(async move { runs.drive(run, what, key, visit).await }).await
    }

    /// # Errors
    /// [`RunFailed`].
    pub async fn cancel(&self, run: RunId) -> Result<Turned, RunFailed> {
        let runs = self.clone();
        self.carried(async move { runs.drive(run, Happened::Cancel, None, None).await }).await
    }

    /// Carries it out whether or not the caller stays: what is stored must be followed by what it
    /// wants done.
    async fn carried<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RunFailed>> + Send + 'static,
    ) -> Result<T, RunFailed> {
        match self.inner.tracker.spawn(work).await {
            Ok(done) => done,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(RunFailed::ShuttingDown),
            },
        }
    }

    /// From now on, what the run does, wherever it does it.
    #[must_use]
    pub fn watch(&self, run: RunId) -> Watching {
        self.inner.watchers.watch(run)
    }

    /// How much runs may do.
    #[must_use]
    pub fn limits(&self) -> RunLimits {
        self.inner.limits
    }

    /// The journal and the summaries are the store's.
    #[must_use]
    pub fn store(&self) -> &dyn RunStore {
        &*self.inner.store
    }
}

#[cfg(test)]
mod tests;
