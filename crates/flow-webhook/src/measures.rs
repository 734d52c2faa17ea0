//! What webhooks say of themselves in numbers; `docs/metrics.md` lists them.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const DELIVERIES: &str = "interflow_webhook_deliveries_total";
const SECONDS: &str = "interflow_webhook_seconds";

/// Tells the recorder what each number means.
pub fn describe() {
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "Attempts to tell a webhook, by outcome: delivered or failed."
    );
    describe_histogram!(SECONDS, Unit::Seconds, "One attempt, until its answer.");
}

pub(crate) fn attempted(outcome: &'static str, time: Duration) {
    counter!(DELIVERIES, "outcome" => outcome).increment(1);
    histogram!(SECONDS).record(time.as_secs_f64());
}
