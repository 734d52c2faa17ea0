use std::time::Duration;

use rand::RngExt;

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(5);

/// Growing pauses between attempts to connect. Each is drawn at random from the
/// upper half of its range, so that many peers of a restarted server do not come
/// back in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn next(&mut self) -> Duration {
        let ceiling = MOST.min(FIRST * 2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1).min(16);
        ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    /// After a connection that got in step.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..10).map(|_| backoff.next()).collect();
        assert!(pauses[0] < FIRST && pauses[3] > FIRST);
        assert!(pauses.iter().all(|&pause| pause < MOST));
        backoff.reset();
        assert!(backoff.next() < FIRST);
    }
}
