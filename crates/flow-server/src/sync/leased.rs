//! Connections of a user, counted by all nodes together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flow_base::UserId;
use flow_cluster::{ClusterError, LEASE_LASTS, Leases};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

/// Twice it may fail before anything is taken for free.
const KEEP_EVERY: Duration = LEASE_LASTS.checked_div(3).expect("three is not zero");

#[derive(Debug)]
pub(crate) struct Leased {
    leases: Arc<dyn Leases>,
    most: usize,
    keeper: mpsc::UnboundedSender<Told>,
}

/// One connection that the other nodes know of. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Lease {
    user: UserId,
    id: Uuid,
    keeper: mpsc::UnboundedSender<Told>,
}

/// What the keeper hears. As many wait at most as connections begin and end while Redis
/// does not answer.
#[derive(Debug)]
enum Told {
    Held(UserId, Uuid),
    Ended(UserId, Uuid),
}

impl Leased {
    /// Starts what keeps leases; it ends once neither this nor a lease is left.
    pub(crate) fn start(leases: Arc<dyn Leases>, most: usize) -> Self {
        let (keeper, told) = mpsc::unbounded_channel();
        // It does not fail: what Redis does not take is tried again.
        drop(tokio::spawn(keep(Arc::clone(&leases), told)));
        Self { leases, most, keeper }
    }

    /// `None`: the user has as many as one may have. When nobody knows, it is held and told
    /// later.
    pub(crate) async fn take(&self, user: UserId) -> Option<Lease> {
        // Made before: whoever waits for the answer may go away.
        let lease = Lease { user, id: Uuid::now_v7(), keeper: self.keeper.clone() };
        match self.leases.take(&name(user), lease.id, self.most).await {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => failed(&error),
        }
        lease.tell(Told::Held);
        Some(lease)
    }
}

impl Lease {
    fn tell(&self, what: fn(UserId, Uuid) -> Told) {
        // The keeper hears for as long as there is anybody to tell it anything, or until
        // the process ends.
        drop(self.keeper.send(what(self.user, self.id)));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.tell(Told::Ended);
    }
}

fn name(user: UserId) -> String {
    format!("connections:{user}")
}

/// In the order in which things happen, so that nothing that has ended is kept.
async fn keep(leases: Arc<dyn Leases>, mut told: mpsc::UnboundedReceiver<Told>) {
    let mut held = HashMap::<UserId, Vec<Uuid>>::new();
    let mut due = interval(KEEP_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            told = told.recv() => match told {
                None => return,
                Some(Told::Held(user, id)) => {
                    held.entry(user).or_default().push(id);
                    Ok(())
                }
                Some(Told::Ended(user, id)) => {
                    forget(&mut held, user, id);
                    leases.give_back(&name(user), id).await
                }
            },
            _ = due.tick() => {
                let held: Vec<_> = held.iter().map(|(user, ids)| (name(*user), ids.clone())).collect();
                leases.keep(&held).await
            }
        };
        if let Err(error) = done {
            failed(&error);
        }
    }
}

fn forget(held: &mut HashMap<UserId, Vec<Uuid>>, user: UserId, id: Uuid) {
    let Some(ids) = held.get_mut(&user) else { return };
    ids.retain(|held| *held != id);
    if ids.is_empty() {
        held.remove(&user);
    }
}

/// Redis is said to be away elsewhere.
fn failed(error: &ClusterError) {
    tracing::debug!(error = error as &dyn std::error::Error, "connections are counted by this node");
}
