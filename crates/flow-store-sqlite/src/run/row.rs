use std::time::Duration;

use flow_store::{RunRecordRow, RunSummaryRow};

pub(super) type RecordRow = RunRecordRow<i64>;
pub(super) type SummaryRow = RunSummaryRow<i64>;

/// A version or a quota for a column. None that a run has is cut.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// In microseconds; a lease that lasts longer lasts a thousand years.
pub(super) fn length(time: Duration) -> i64 {
    const LONGEST: i64 = 1_000 * 366 * 24 * 60 * 60 * 1_000_000;
    i64::try_from(time.as_micros()).unwrap_or(LONGEST).min(LONGEST)
}
