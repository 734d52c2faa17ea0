use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

/// A moment, UTC.
pub type Timestamp = jiff::Timestamp;

/// Where the time comes from. Code that needs it takes a `Clock`, so that a
/// test or a simulation can set it.
pub trait Clock: Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's clock, in whole microseconds: stores keep no more of a time, and what is
/// answered when something is made should be what is read of it later.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).expect("it was one with more digits")
    }
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    ms: AtomicI64,
}

impl ManualClock {
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { ms: AtomicI64::new(start.as_millisecond()) }
    }

    pub fn advance_ms(&self, ms: i64) {
        self.ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let ms = self.ms.load(Ordering::SeqCst);
        Timestamp::from_millisecond(ms).expect("a manual clock stays within the years jiff knows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clock_tells_what_stores_keep() {
        let finer = (0..1_000).map(|_| SystemClock.now()).find(|now| now.subsec_nanosecond() % 1_000 != 0);
        assert_eq!(finer, None);
    }
}
