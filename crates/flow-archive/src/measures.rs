//! What archiving says of itself in numbers; `docs/metrics.md` lists them.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::Moved;

const SECONDS: &str = "interflow_archive_seconds";
const UPDATES: &str = "interflow_archived_updates_total";
const BYTES: &str = "interflow_archived_bytes_total";
const FAILURES: &str = "interflow_archive_failures_total";
const PURGED: &str = "interflow_purged_flows_total";
const PURGE_FAILURES: &str = "interflow_purge_failures_total";

/// Tells the recorder what each number means.
pub fn describe() {
    describe_histogram!(SECONDS, Unit::Seconds, "One segment, by action: write (and read back) or read.");
    describe_counter!(UPDATES, Unit::Count, "Updates moved from the database to the archive.");
    describe_counter!(BYTES, Unit::Bytes, "What they take there.");
    describe_counter!(FAILURES, Unit::Count, "Flows that could not be archived; they are tried again.");
    describe_counter!(
        PURGED,
        Unit::Count,
        "Flows deleted long ago that this server began to remove for good."
    );
    describe_counter!(PURGE_FAILURES, Unit::Count, "Times that this did not go on; it does the next time.");
}

pub(crate) fn took(action: &'static str, time: Duration) {
    histogram!(SECONDS, "action" => action).record(time.as_secs_f64());
}

pub(crate) fn moved(moved: Moved) {
    counter!(UPDATES).increment(moved.updates);
    counter!(BYTES).increment(moved.bytes);
}

pub(crate) fn purged() {
    counter!(PURGED).increment(1);
}

pub(crate) fn purge_failed() {
    counter!(PURGE_FAILURES).increment(1);
}

pub(crate) fn failed() {
    counter!(FAILURES).increment(1);
}
