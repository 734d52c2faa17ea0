use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

const WITHIN: Duration = Duration::from_secs(20);
const EVERY: Duration = Duration::from_millis(10);

/// Looks until `done`, and answers what it saw then.
///
/// # Panics
/// After 20 s, with what it saw last.
pub async fn eventually<T: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> T,
    done: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + WITHIN;
    loop {
        let seen = look().await;
        if done(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {WITHIN:?}; last seen: {seen:#?}");
        sleep(EVERY).await;
    }
}
