use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Latencies in nanoseconds, at a precision of three digits.
#[derive(Debug)]
pub(crate) struct Latencies {
    histogram: Mutex<Histogram<u64>>,
}

/// Longer ones count as this. A run that meets one has failed anyway.
const MAX_NS: u64 = 600_000_000_000;

/// What the latencies of one kind were.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    pub name: String,
    pub count: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    /// Percentile and latency in milliseconds, for plots.
    pub curve: Vec<(f64, f64)>,
}

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_NS, 3).expect("the bounds are in order");
        Self { histogram: Mutex::new(histogram) }
    }
}

impl Latencies {
    pub(crate) fn record(&self, all: &[u64]) {
        if all.is_empty() {
            return;
        }
        let mut histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        for &nanos in all {
            histogram.saturating_record(nanos.max(1));
        }
    }

    /// `None` when nothing was recorded.
    pub(crate) fn distribution(&self, name: &str) -> Option<Distribution> {
        let histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        if histogram.is_empty() {
            return None;
        }
        let at = |percentile| millis(histogram.value_at_percentile(percentile));
        let mut curve: Vec<(f64, f64)> = histogram
            .iter_quantiles(8)
            .map(|step| (step.percentile(), millis(step.value_iterated_to())))
            .collect();
        curve.dedup_by(|later, earlier| later.1 <= earlier.1 && later.0 < 100.0);
        Some(Distribution {
            name: name.to_owned(),
            count: histogram.len(),
            mean_ms: histogram.mean() / 1e6,
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p95_ms: at(95.0),
            p99_ms: at(99.0),
            p999_ms: at(99.9),
            max_ms: millis(histogram.max()),
            curve,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 ns")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let latencies = Latencies::default();
        assert_eq!(latencies.distribution("x"), None);
        let all: Vec<u64> = (1..=10_000).map(|at| at * 1_000).collect();
        latencies.record(&all[..5_000]);
        latencies.record(&all[5_000..]);
        let seen = latencies.distribution("x").unwrap();
        assert_eq!(seen.count, 10_000);
        for (found, expected) in [
            (seen.p50_ms, 5.0),
            (seen.p90_ms, 9.0),
            (seen.p95_ms, 9.5),
            (seen.p99_ms, 9.9),
            (seen.p999_ms, 9.99),
            (seen.max_ms, 10.0),
            (seen.mean_ms, 5.0),
        ] {
            assert!((found / expected - 1.0).abs() < 0.002, "{found} for {expected}");
        }
        assert!(seen.curve.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
    }

    #[test]
    fn what_is_out_of_range_is_not_lost() {
        let latencies = Latencies::default();
        latencies.record(&[0, u64::MAX]);
        assert_eq!(latencies.distribution("x").unwrap().count, 2);
    }
}
