//! Whose turn it is to have a flow tested.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow_base::UserId;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::error::ApiError;

/// Flows that are tested at a time on this node.
static TESTING: Semaphore = Semaphore::const_new(2);
/// Who tests, or waits for it: nobody does so twice at a time, and takes others' places.
static TESTERS: Mutex<BTreeSet<UserId>> = Mutex::new(BTreeSet::new());
/// Whoever comes while as many flows are tested as may be waits so long, and is then told to come
/// again.
const WAIT: Duration = Duration::from_secs(5);

/// May test a flow. It goes with the work, which goes on when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Turn {
    user: UserId,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Turn {
    /// # Errors
    /// [`ApiError::Busy`] while this person has one, or others do for longer than one waits.
    pub(super) async fn wait(user: UserId) -> Result<Self, ApiError> {
        if !testers().insert(user) {
            return Err(ApiError::Busy);
        }
        // From here on it gives the place back as it is dropped, also while it waits.
        let mut turn = Self { user, _permit: None };
        let permit = timeout(WAIT, TESTING.acquire()).await.map_err(|_| ApiError::Busy)?;
        turn._permit = Some(permit.map_err(ApiError::internal)?);
        Ok(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        testers().remove(&self.user);
    }
}

fn testers() -> MutexGuard<'static, BTreeSet<UserId>> {
    // A set of ids is whole whoever panicked beside it.
    TESTERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One person took all places, and everybody else was sent away at once.
    #[tokio::test(start_paused = true)]
    async fn nobody_tests_two_flows_at_a_time_and_others_wait_for_their_turn() {
        let [ann, ben, cleo] = std::array::from_fn(|_| UserId::generate());
        let first = Turn::wait(ann).await.unwrap();
        assert!(matches!(Turn::wait(ann).await, Err(ApiError::Busy)), "she has one");
        let second = Turn::wait(ben).await.expect("the other place is free");
        assert!(matches!(Turn::wait(cleo).await, Err(ApiError::Busy)), "nobody got ready");
        let waiting = tokio::spawn(Turn::wait(cleo));
        tokio::time::sleep(WAIT / 2).await;
        drop(first);
        let third = waiting.await.unwrap().expect("a place became free while she waited");
        // Who is not waited for any more does not hold up the next.
        assert!(timeout(WAIT / 2, Turn::wait(ann)).await.is_err());
        drop((second, third));
        drop(Turn::wait(ann).await.unwrap());
    }
}
