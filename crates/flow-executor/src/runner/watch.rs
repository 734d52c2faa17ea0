use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use flow_base::RunId;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use super::Runs;
use super::drive::Turned;

/// Turns that are kept for who watches and is slow; whoever falls behind reads the journal.
const KEPT: usize = 64;
/// How often it is looked whether runs were moved on by other nodes.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who watches runs on this node.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    runs: DashMap<RunId, Watched>,
}

#[derive(Debug)]
struct Watched {
    tell: broadcast::Sender<Told>,
    /// The newest version that was told.
    version: u64,
}

/// What a run has done.
#[derive(Debug, Clone)]
pub struct Told {
    pub version: u64,
    pub entries: Arc<Turned>,
}

/// What is told to who watches a run.
#[derive(Debug)]
pub struct Watching {
    told: broadcast::Receiver<Told>,
    watchers: Arc<Watchers>,
    run: RunId,
}

/// What comes next to who watches.
#[derive(Debug)]
pub enum Next {
    /// The next turn, if the version before it is known.
    Turn(Told),
    /// Something was missed, or was done elsewhere: read the journal.
    Look,
}

impl Watchers {
    pub(super) fn watch(self: &Arc<Self>, run: RunId) -> Watching {
        let entry =
            self.runs.entry(run).or_insert_with(|| Watched { tell: broadcast::channel(KEPT).0, version: 0 });
        Watching { told: entry.tell.subscribe(), watchers: Arc::clone(self), run }
    }

    pub(super) fn tell(&self, run: RunId, told: &Told) {
        if let Some(mut watched) = self.runs.get_mut(&run) {
            watched.version = watched.version.max(told.version);
            // Whoever has just left does not hear it.
            drop(watched.tell.send(told.clone()));
        }
    }
}

impl Watching {
    /// Waits for what comes next. Cancel safe.
    pub async fn next(&mut self) -> Next {
        match self.told.recv().await {
            Ok(told) if told.entries.entries.is_empty() => Next::Look,
            Ok(told) => Next::Turn(told),
            Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => Next::Look,
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // This one still counts.
        self.watchers.runs.remove_if(&self.run, |_, watched| watched.tell.receiver_count() <= 1);
    }
}

/// Sees what other nodes do with the runs that are watched here.
pub(super) async fn look_elsewhere(runs: Runs) {
    let stopping = runs.inner.stopping.clone();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = looks.tick() => look(&runs).await,
        }
    }
}

async fn look(runs: &Runs) {
    let watchers = &runs.inner.watchers;
    // Two that go at once may each have left it to the other.
    watchers.runs.retain(|_, watched| watched.tell.receiver_count() > 0);
    let known: HashMap<RunId, u64> =
        watchers.runs.iter().map(|entry| (*entry.key(), entry.version)).collect();
    if known.is_empty() {
        return;
    }
    let ids: Vec<RunId> = known.keys().copied().collect();
    let versions = match runs.inner.store.run_versions(&ids).await {
        Ok(versions) => versions,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "could not look after watched runs");
            return;
        }
    };
    for (run, version) in versions {
        if known.get(&run).is_some_and(|known| *known < version) {
            let status = String::new();
            let nothing = Turned { run, version, status, entries: Vec::new(), asks: None, outcome: None };
            watchers.tell(run, &Told { version, entries: Arc::new(nothing) });
        }
    }
}
