use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

/// Things that somebody may do so often on this node.
#[derive(Debug)]
pub(crate) struct Rate {
    /// `None` lifts it.
    limiter: Option<DefaultKeyedRateLimiter<Uuid>>,
    /// As much can be taken at once.
    most: NonZeroU32,
    clock: DefaultClock,
    taken: AtomicU32,
}

/// After so many takings those whose rate is whole again are forgotten, so that
/// the map holds about those of the last minute and never all who ever came.
const TIDY_EVERY: u32 = 1_024;

impl Rate {
    pub(crate) fn new(quota: Option<Quota>) -> Self {
        Self {
            limiter: quota.map(RateLimiter::keyed),
            most: quota.map_or(NonZeroU32::MAX, |quota| quota.burst_size()),
            clock: DefaultClock::default(),
            taken: AtomicU32::new(0),
        }
    }

    /// So many a minute, all of them at once if need be.
    pub(crate) fn per_minute(count: Option<NonZeroU32>) -> Self {
        Self::new(count.map(Quota::per_minute))
    }

    /// So many a second, after `burst` at once.
    pub(crate) fn per_second(count: Option<NonZeroU32>, burst: NonZeroU32) -> Self {
        Self::new(count.map(|count| Quota::per_second(count).allow_burst(burst)))
    }

    /// Takes so many; never more than may be taken at once.
    ///
    /// # Errors
    /// How long it is until there are as many.
    pub(crate) fn take(&self, who: Uuid, count: NonZeroU32) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.taken.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        let taken = limiter.check_key_n(&who, count.min(self.most)).expect("no more than at once");
        taken.map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    fn users() -> impl Iterator<Item = Uuid> {
        std::iter::repeat_with(Uuid::now_v7)
    }

    #[test]
    fn a_user_who_is_too_quick_is_told_when_and_no_other() {
        let rate = Rate::per_minute(NonZeroU32::new(2));
        let (ann, ben) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(rate.take(ann, ONE).is_ok() && rate.take(ann, ONE).is_ok());
        let wait = rate.take(ann, ONE).expect_err("two a minute");
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(rate.take(ben, ONE).is_ok());
    }

    #[test]
    fn without_a_number_there_is_no_rate() {
        let rate = Rate::per_minute(None);
        let ann = Uuid::now_v7();
        assert!((0..1_000).all(|_| rate.take(ann, ONE).is_ok()));
    }

    #[test]
    fn users_who_are_long_gone_are_forgotten() {
        // Whole again after a microsecond.
        let rate = Rate::per_second(NonZeroU32::new(1_000_000), NonZeroU32::MIN);
        for user in users().take(10 * TIDY_EVERY as usize) {
            assert!(rate.take(user, ONE).is_ok());
        }
        let known = rate.limiter.as_ref().map_or(0, RateLimiter::len);
        assert!(known <= TIDY_EVERY as usize, "{known} users are remembered");
    }

    #[test]
    fn what_counts_for_more_than_all_takes_all() {
        let rate = Rate::per_minute(NonZeroU32::new(3));
        let (ann, ben) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(rate.take(ann, NonZeroU32::MAX).is_ok());
        assert!(rate.take(ann, ONE).is_err());
        assert!(rate.take(ben, NonZeroU32::new(2).expect("two")).is_ok());
        assert!(rate.take(ben, ONE).is_ok() && rate.take(ben, ONE).is_err());
    }
}
