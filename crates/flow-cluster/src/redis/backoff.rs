use std::time::Duration;

use rand::RngExt;

const FIRST: Duration = Duration::from_millis(50);
/// Short, because others wait for what we would tell them, and one attempt of a node
/// costs Redis next to nothing.
const LAST: Duration = Duration::from_millis(800);

/// How long to wait before the next attempt to connect. It doubles, and half of it is
/// chance, so that the nodes of a cluster do not come back all at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        let ceiling = FIRST.saturating_mul(1 << self.attempts.min(8)).min(LAST);
        self.attempts = self.attempts.saturating_add(1);
        ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    /// It works again. Not before it has worked for a while: a connection that is closed
    /// as soon as it is used would be made anew without a pause.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_to_a_bound_and_start_again() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(pauses[0] < FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses[10..].iter().all(|pause| *pause < LAST && *pause >= LAST / 2));
        assert!(pauses[20..].iter().any(|pause| *pause != pauses[10]), "not all at once");
        backoff.reset();
        assert!(backoff.next() < FIRST);
    }
}
