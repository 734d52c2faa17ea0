//! What is done to a server, and what is found out by it.

mod arrival;
pub mod cold_open;
pub mod fan_out;
mod filled;
pub mod idle;
pub mod join_storm;
pub mod presence;
pub mod saturation;

use std::sync::Arc;

use tokio::sync::Barrier;

use crate::monitor::{Measured, Monitor};
use crate::report::Figure;
use crate::target::Target;

/// What all scenarios need to know.
#[derive(Debug, Clone)]
pub struct Setting {
    pub target: Target,
    /// The server's process, to see what it costs.
    pub pid: Option<u32>,
    /// Say nothing while it runs.
    pub quiet: bool,
    /// Where scenarios that are compared at the same time wait for each other.
    pub together: Option<Arc<Barrier>>,
}

impl Setting {
    pub(crate) fn monitor(&self, what: &'static str) -> Monitor {
        Monitor::new(self.pid, what, self.quiet)
    }

    /// Everything is prepared: what follows is measured. Never an error; as a crowd waits for it.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        if let Some(start) = &self.together {
            start.wait().await;
        }
        Ok(())
    }
}

/// What a measured time costs by the piece.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(crate) fn costs(measured: &Measured) -> Vec<Figure> {
    let count = (measured.counted as f64).max(1.0);
    let mut figures =
        vec![Figure::new("deliveries per second", measured.counted as f64 / measured.seconds, "1/s")];
    if let Some((before, after)) = measured.server {
        let cpu = after.cpu_seconds - before.cpu_seconds;
        figures.push(Figure::new("server CPU per delivery", cpu * 1e6 / count, "µs"));
        figures.push(Figure::new("server CPU", cpu / measured.seconds * 100.0, "%"));
        figures.push(Figure::new("server resident memory", mib(after.resident_bytes), "MiB"));
        figures.push(Figure::new("server peak memory", mib(after.resident_max_bytes), "MiB"));
    }
    let (before, after) = measured.generator;
    let cpu = after.cpu_seconds - before.cpu_seconds;
    figures.push(Figure::new("generator CPU", cpu / measured.seconds * 100.0, "%"));
    figures
}

#[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
