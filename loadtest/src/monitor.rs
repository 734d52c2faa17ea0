//! Looks at server and generator while a scenario runs, and tells how it goes.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::process::Usage;

/// What the monitored second was like.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    pub seconds: f64,
    /// Deliveries, or what else a scenario counts, per second.
    pub per_second: f64,
    /// Seconds of computing a second.
    pub server_cpu: Option<f64>,
    pub generator_cpu: f64,
    pub server_mib: Option<f64>,
}

/// Between two looks.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) counted: u64,
    pub(crate) server: Option<(Usage, Usage)>,
    pub(crate) generator: (Usage, Usage),
    pub(crate) timeline: Vec<Moment>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    counted: u64,
    server: Option<Usage>,
    generator: Usage,
}

#[derive(Debug, Clone)]
pub(crate) struct Monitor {
    pid: Option<u32>,
    what: &'static str,
    quiet: bool,
}

impl Monitor {
    /// Of a server's process; `what` is counted.
    pub(crate) fn new(pid: Option<u32>, what: &'static str, quiet: bool) -> Self {
        Self { pid, what, quiet }
    }

    /// Watches from the one instant to the other, on the generator's clock.
    pub(crate) async fn watch(
        &self,
        clock: Clock,
        span: Range<u64>,
        count: impl Fn() -> u64,
    ) -> anyhow::Result<Measured> {
        let (start, end) = (clock.instant(span.start).into(), clock.instant(span.end).into());
        sleep_until(start).await;
        let first = self.look(&count)?;
        let mut timeline = Vec::new();
        let mut last = first;
        while last.at < end {
            let mut until = last.at + Duration::from_secs(1);
            if until + Duration::from_millis(300) > end {
                until = end;
            }
            sleep_until(until).await;
            let next = self.look(&count)?;
            let moment = between(&first, &last, &next);
            self.tell(&moment);
            timeline.push(moment);
            last = next;
        }
        Ok(Measured {
            seconds: (last.at - first.at).as_secs_f64(),
            counted: last.counted - first.counted,
            server: first.server.zip(last.server),
            generator: (first.generator, last.generator),
            timeline,
        })
    }

    pub(crate) fn server(&self) -> anyhow::Result<Option<Usage>> {
        self.pid.map(Usage::of).transpose()
    }

    fn look(&self, count: &impl Fn() -> u64) -> anyhow::Result<Look> {
        Ok(Look { at: Instant::now(), counted: count(), server: self.server()?, generator: Usage::own()? })
    }

    fn tell(&self, moment: &Moment) {
        let server = moment.server_cpu.zip(moment.server_mib);
        let server = server.map_or_else(String::new, |(cpu, mib)| {
            format!(", server {:.0} % CPU, {mib:.0} MiB", cpu * 100.0)
        });
        self.say(&format!(
            "{:4.0} s  {:.0} {}/s{server}, generator {:.0} % CPU",
            moment.seconds,
            moment.per_second,
            self.what,
            moment.generator_cpu * 100.0
        ));
    }

    /// Progress goes where results do not.
    #[expect(clippy::print_stderr, reason = "progress is told on standard error")]
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn between(first: &Look, last: &Look, next: &Look) -> Moment {
    let seconds = (next.at - last.at).as_secs_f64().max(1e-9);
    let cpu = |from: &Usage, to: &Usage| (to.cpu_seconds - from.cpu_seconds) / seconds;
    Moment {
        seconds: (next.at - first.at).as_secs_f64(),
        per_second: (next.counted - last.counted) as f64 / seconds,
        server_cpu: last.server.zip(next.server).map(|(last, next)| cpu(&last, &next)),
        generator_cpu: cpu(&last.generator, &next.generator),
        server_mib: next.server.map(|usage| usage.resident_bytes as f64 / f64::from(1 << 20)),
    }
}
