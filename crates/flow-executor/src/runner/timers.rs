//! Runs that are due, and runs whose nodes are gone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flow_base::{RunId, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::Runs;
use crate::machine::Happened;

/// Runs taken at once.
const TAKEN: u32 = 128;
/// How often runs that ended long ago are removed, and how many at once.
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGOTTEN: u32 = 200;
/// A moment that is nearer than this is waited for; others are found by looking.
const NEAR: Duration = Duration::from_secs(5);

/// Wakes whoever looks for due runs, and knows what is being done here.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    wake: Notify,
    /// Calls under way, by run.
    busy: Mutex<BTreeMap<RunId, usize>>,
}

/// Something is being done for a run; dropping it ends that.
#[derive(Debug)]
pub(super) struct Busy<'a> {
    alarm: &'a Alarm,
    run: RunId,
}

impl Alarm {
    /// A run is to be woken then.
    pub(super) fn set(&self, runs: &Runs, at: Timestamp) {
        let left = at.duration_since(runs.inner.clock.now());
        let Ok(left) = Duration::try_from(left) else {
            self.wake.notify_one();
            return;
        };
        if left <= NEAR {
            let (runs, stopping) = (runs.clone(), runs.inner.stopping.clone());
            let tracker = runs.inner.tracker.clone();
            tracker.spawn(async move {
                tokio::select! {
                    () = sleep(left) => runs.inner.timers.wake.notify_one(),
                    () = stopping.cancelled() => {}
                }
            });
        }
    }

    pub(super) fn busy(&self, run: RunId) -> Busy<'_> {
        *self.lock().entry(run).or_default() += 1;
        Busy { alarm: self, run }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, usize>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy_runs(&self) -> Vec<RunId> {
        self.lock().keys().copied().collect()
    }

    fn is_busy(&self, run: RunId) -> bool {
        self.lock().contains_key(&run)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut busy = self.alarm.lock();
        if let Some(count) = busy.get_mut(&self.run) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.run);
            }
        }
    }
}

/// Fires timers, takes over what others have left, and renews the leases of this node, until
/// the server stops.
pub(super) async fn look_after(runs: Runs) {
    let limits = runs.inner.limits;
    let stopping = runs.inner.stopping.clone();
    let mut renewals = interval((limits.lease / 3).max(Duration::from_millis(1)));
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forgetting = interval(FORGET_EVERY);
    forgetting.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = forgetting.tick() => forget(&runs).await,
            _ = renewals.tick() => renew(&runs).await,
            _ = timeout(limits.look_every, runs.inner.timers.wake.notified()) => fire(&runs).await,
        }
    }
}

/// Removes what ended long ago, in small parts. Other nodes do, too, which does no harm.
async fn forget(runs: &Runs) {
    let Some(before) =
        runs.inner.limits.keep_for.and_then(|keep| runs.inner.clock.now().checked_sub(keep).ok())
    else {
        return;
    };
    loop {
        match runs.inner.store.forget_runs(before, FORGOTTEN).await {
            Ok(forgotten) if forgotten == u64::from(FORGOTTEN) && !runs.inner.stopping.is_cancelled() => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not remove old runs");
                return;
            }
        }
    }
}

async fn renew(runs: &Runs) {
    let busy = runs.inner.timers.busy_runs();
    if busy.is_empty() {
        return;
    }
    let renewed = runs.inner.store.renew_runs(runs.inner.node, &busy, runs.inner.limits.lease).await;
    if let Err(error) = renewed {
        tracing::warn!(error = &error as &dyn std::error::Error, "could not renew the leases of runs");
    }
}

async fn fire(runs: &Runs) {
    let began = Instant::now();
    loop {
        let claimed = runs.inner.store.claim_runs(runs.inner.node, runs.inner.limits.lease, TAKEN).await;
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not look for runs that are due"
                );
                return;
            }
        };
        let is_all = claimed.len() < TAKEN as usize;
        let mut tasks = JoinSet::new();
        for claimed in claimed {
            let runs = runs.clone();
            tasks.spawn(async move {
                let run = claimed.run;
                if !claimed.was_busy {
                    runs.happened(run, Happened::Due).await;
                } else if !runs.inner.timers.is_busy(run) {
                    // Otherwise it is ours, and only its lease was late.
                    runs.lost(run).await;
                }
            });
        }
        // Their commits go together.
        while let Some(done) = tasks.join_next().await {
            if let Err(error) = done {
                tracing::error!(%error, "a run that was due could not be carried on");
            }
        }
        if is_all || began.elapsed() > Duration::from_secs(2) {
            return;
        }
    }
}
