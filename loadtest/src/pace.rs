//! An open loop: what is due when, however the server does.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::{Clock, nanos};

/// Everybody takes a turn once a period, evenly spread over it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    /// Of the first turn of the first one, on the generator's clock.
    pub(crate) start: u64,
    pub(crate) period: u64,
    pub(crate) takers: u64,
    /// The first turns warm the server up and are not measured.
    warm_up: u64,
    turns: u64,
}

impl Rhythm {
    pub(crate) fn new(rate: f64, takers: usize, warm_up: Duration, measured: Duration) -> Self {
        let period = Duration::from_secs_f64(1.0 / rate);
        let turns = |time: Duration| u64::try_from(time.as_nanos() / period.as_nanos().max(1)).unwrap_or(0);
        let warm_up = turns(warm_up);
        Self {
            start: 0,
            period: nanos(period).max(1),
            takers: takers as u64,
            warm_up,
            turns: warm_up + turns(measured).max(1),
        }
    }

    pub(crate) fn starting(self, start: u64) -> Self {
        Self { start, ..self }
    }

    /// When the turn of this one is due.
    pub(crate) fn due(&self, taker: u64, turn: u64) -> u64 {
        self.start + turn * self.period + taker * self.period / self.takers.max(1)
    }

    /// Turns in all.
    pub(crate) fn turns(&self) -> u64 {
        self.turns
    }

    pub(crate) fn is_measured(&self, turn: u64) -> bool {
        turn >= self.warm_up
    }

    /// When measuring begins and ends.
    pub(crate) fn measured(&self) -> Range<u64> {
        self.due(0, self.warm_up)..self.due(0, self.turns)
    }

    /// Has everybody take all turns in time; on the thread of the caller, because the
    /// timers of a runtime are a millisecond coarse. Who is late takes the missed turns
    /// at once: they are late from their due instants on.
    pub(crate) fn keep(
        &self,
        clock: Clock,
        stop: &AtomicBool,
        mut act: impl FnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for turn in 0..self.turns {
            for taker in 0..self.takers {
                if !park_until(clock.instant(self.due(taker, turn)), stop) {
                    return Ok(());
                }
                act(usize::try_from(taker).unwrap_or(usize::MAX))?;
            }
        }
        Ok(())
    }
}

/// A stop is noticed so late.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether to go on.
fn park_until(instant: Instant, stop: &AtomicBool) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = instant.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::park_timeout(left.min(LOOK_EVERY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_period_and_come_back_after_it() {
        let rhythm = Rhythm::new(10.0, 4, Duration::from_secs(1), Duration::from_secs(2)).starting(1_000);
        let due: Vec<u64> = (0..4).map(|taker| rhythm.due(taker, 0)).collect();
        assert_eq!(due, [1_000, 25_001_000, 50_001_000, 75_001_000]);
        assert_eq!(rhythm.due(0, 1), 100_001_000);
        assert_eq!(rhythm.turns(), 30);
        assert!(!rhythm.is_measured(9) && rhythm.is_measured(10));
        assert_eq!(rhythm.measured(), 1_000_001_000..3_000_001_000);
    }

    #[test]
    fn late_turns_are_taken_at_once_and_none_is_left_out() {
        let rhythm = Rhythm::new(1e6, 3, Duration::ZERO, Duration::from_micros(50));
        let mut taken = [0_u64; 3];
        rhythm
            .keep(Clock::start(), &AtomicBool::new(false), |taker| {
                taken[taker] += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(taken, [50; 3]);
    }

    #[test]
    fn a_stop_ends_it_before_the_next_turn() {
        let rhythm = Rhythm::new(0.001, 1, Duration::ZERO, Duration::from_secs(3_000));
        let mut taken = 0;
        let stop = AtomicBool::new(true);
        rhythm
            .keep(Clock::start(), &stop, |_| {
                taken += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(taken, 0);
    }
}
