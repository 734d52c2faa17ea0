use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts logging, to standard error: standard output belongs to commands.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log).context("log is no filter")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error)).context("could not start logging")
}

/// From a tenth of a millisecond, which an edit takes at best, to the half minute after
/// which everything is given up.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0,
];
const BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 4e6, 16e6, 64e6];
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0];

/// What is recorded waits to be put into its buckets for at most so long.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts counting; answers what prints it. Needs a runtime.
pub(crate) fn count() -> anyhow::Result<Box<dyn Fn() -> String + Send + Sync>> {
    let buckets = [("_seconds", SECONDS), ("_bytes", BYTES), ("_flows", COUNTS)];
    let builder = buckets.into_iter().try_fold(PrometheusBuilder::new(), |builder, (suffix, buckets)| {
        builder.set_buckets_for_metric(Matcher::Suffix(suffix.into()), buckets)
    });
    let metrics =
        builder.and_then(PrometheusBuilder::install_recorder).context("could not start counting")?;
    flow_archive::describe_measures();
    flow_room::describe_measures();
    flow_server::describe_measures();
    flow_webhook::describe_measures();
    let kept = metrics.clone();
    // Ends with the runtime. Should it fail, numbers are put into buckets when asked for.
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            kept.run_upkeep();
        }
    });
    Ok(Box::new(move || metrics.render()))
}
