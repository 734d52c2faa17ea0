//! Runs that are due, and runs whose nodes are gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_base::{RunId, Timestamp};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Runs;

/// Runs taken at once.
const TAKEN: u32 = 128;
/// How often runs that ended long ago are removed, and how many at once.
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGOTTEN: u32 = 200;
/// Between two parts, in which others have the database.
const BETWEEN_PARTS: Duration = Duration::from_millis(200);
/// A moment that is nearer than this is waited for; others are found by looking.
const NEAR: Duration = Duration::from_secs(5);

/// A server that stops looks so often whether something is still being done for runs.
const LOOK_WHILE_STOPPING: Duration = Duration::from_millis(50);

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

/// Fires timers and takes over what others have left, until the server stops.
pub(super) async fn look_after(runs: Runs) {
    let limits = runs.inner.limits;
    let stopping = runs.inner.stopping.clone();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = timeout(limits.look_every, runs.inner.timers.wake.notified()) => fire(&runs).await,
        }
    }
}

/// Renews the leases of this node. Apart from all else: one that is late is taken for gone.
pub(super) async fn renew_leases(runs: Runs) {
    let stopping = runs.inner.stopping.clone();
    let mut renewals = interval((runs.inner.limits.lease / 3).max(Duration::from_millis(1)));
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stopping.is_cancelled() || !runs.inner.timers.busy_runs().is_empty() {
        let stops = async {
            stopping.cancelled().await;
            // For as long as something is still being done: not many seconds.
            sleep(LOOK_WHILE_STOPPING).await;
        };
        tokio::select! {
            _ = renewals.tick() => renew(&runs).await,
            () = stops => {}
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

/// Removes what ended long ago, in small parts. Other nodes do, too, which does no harm.
pub(super) async fn forget_old(runs: Runs) {
    let Some(keep_for) = runs.inner.limits.keep_for else { return };
    let stopping = runs.inner.stopping.clone();
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = sleep(pause) => {}
        }
        let Ok(before) = runs.inner.clock.now().checked_sub(keep_for) else { return };
        // What was sent to them first: it may be large.
        match runs.inner.store.forget_run_files(before).await {
            Ok(0) => {}
            Ok(_) => {
                pause = BETWEEN_PARTS;
                continue;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "could not remove what was sent to old runs");
                pause = FORGET_EVERY;
                continue;
            }
        }
        pause = match runs.inner.store.forget_runs(before, FORGOTTEN).await {
            Ok(forgotten) if forgotten == u64::from(FORGOTTEN) => BETWEEN_PARTS,
            Ok(_) => FORGET_EVERY,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not remove old runs");
                FORGET_EVERY
            }
        };
    }
}

async fn fire(runs: &Runs) {
    loop {
        // Others are not taken before these have a place.
        let firing = Arc::clone(&runs.inner.firing);
        let free = u32::try_from(firing.available_permits()).unwrap_or(TAKEN).min(TAKEN);
        if free == 0 {
            return;
        }
        let claimed = match runs.inner.store.claim_runs(runs.inner.node, runs.inner.limits.lease, free).await
        {
            Ok(claimed) => claimed,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "could not look for runs that are due");
                return;
            }
        };
        let is_all = claimed.len() < free as usize;
        for claimed in claimed {
            let place = Arc::clone(&firing).acquire_owned().await.expect("it is never closed");
            let runs = runs.clone();
            let tracker = runs.inner.tracker.clone();
            tracker.spawn(async move {
                let run = claimed.run;
                if !claimed.was_busy {
                    runs.due(run).await;
                } else if !runs.inner.timers.is_busy(run) {
                    // Otherwise it is ours, and only its lease was late.
                    runs.lost(run).await;
                }
                drop(place);
            });
        }
        if is_all {
            return;
        }
    }
}
