use std::time::Duration;

use flow_store::{RunRecordRow, RunSummaryRow};

use crate::values::Moment;

pub(super) type RecordRow = RunRecordRow<Moment>;
pub(super) type SummaryRow = RunSummaryRow<Moment>;

/// A version or a quota for a column. None that a run has is cut.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// In seconds; a lease that lasts longer lasts a thousand years.
pub(super) fn length(time: Duration) -> f64 {
    const LONGEST: Duration = Duration::from_secs(1_000 * 366 * 24 * 60 * 60);
    time.min(LONGEST).as_secs_f64()
}
