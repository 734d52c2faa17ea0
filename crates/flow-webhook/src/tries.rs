//! When a delivery that failed is tried again. Pure.

use std::time::Duration;

/// After the first failure, the second, …. After the last there is no further attempt: two
/// days, in which somebody should notice.
const RETRY_AFTER: [Duration; 9] = [
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(12 * 3_600),
    Duration::from_secs(12 * 3_600),
    Duration::from_secs(12 * 3_600),
];
/// Everything to a webhook waits for so long after its first failure, and twice as long
/// after each further one in a row: who is down gets one request at a time.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MOST: Duration = Duration::from_secs(900);

/// How long until the next attempt after the `attempt`th failed; `None`: there is none.
/// `share` (0 to 1) spreads what failed together over a quarter more.
pub(crate) fn retry_in(attempt: u32, share: f64) -> Option<Duration> {
    let place = usize::try_from(attempt).ok()?.checked_sub(1)?;
    RETRY_AFTER.get(place).map(|wait| wait.mul_f64(1.0 + share / 4.0))
}

/// How long nothing is sent to a webhook that has failed so often in a row before.
pub(crate) fn pause(failures: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << failures.min(16)).min(PAUSE_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_seldom_and_end() {
        let waits: Vec<_> = (1..).map_while(|attempt| retry_in(attempt, 0.0)).collect();
        assert_eq!(waits.len(), RETRY_AFTER.len());
        assert!(waits.is_sorted());
        let all: Duration = waits.iter().sum();
        assert!((1.5..2.5).contains(&(all.as_secs_f64() / 86_400.0)), "{all:?}");
        assert_eq!(retry_in(1, 1.0), Some(Duration::from_millis(37_500)));
        assert_eq!((retry_in(0, 0.0), retry_in(u32::MAX, 0.0)), (None, None));
    }

    #[test]
    fn who_fails_is_left_alone_for_longer_each_time() {
        assert_eq!(pause(0), PAUSE_FIRST);
        assert_eq!(pause(1), 2 * PAUSE_FIRST);
        assert_eq!((pause(20), pause(u32::MAX)), (PAUSE_MOST, PAUSE_MOST));
    }
}
