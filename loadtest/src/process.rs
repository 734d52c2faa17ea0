//! What a process costs, from `/proc`.

use std::fs;

use anyhow::Context;
use serde::Serialize;

/// What a process has used so far, with all its threads, those that ended included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// User and system time. The kernel counts in ticks, of 10 ms as a rule.
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) resident_max_bytes: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |name: &str| {
            fs::read_to_string(format!("/proc/{pid}/{name}"))
                .with_context(|| format!("could not look at process {pid}"))
        };
        let ticks = rustix::param::clock_ticks_per_second();
        parse(&read("stat")?, &read("status")?, ticks)
            .with_context(|| format!("could not make out what process {pid} uses"))
    }

    pub(crate) fn own() -> anyhow::Result<Self> {
        Self::of(std::process::id())
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ticks are three million years")]
fn parse(stat: &str, status: &str, ticks: u64) -> Option<Usage> {
    // `id (name) state …`, where the name may contain anything. `proc_pid_stat(5)`:
    // fields 14 and 15, the third being the first after the name.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let used = next()? + next()?;
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Usage {
        cpu_seconds: used as f64 / ticks as f64,
        resident_bytes: kib("VmRSS:")? * 1_024,
        resident_max_bytes: kib("VmHWM:")? * 1_024,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 5 0 1";
        let status = "Name:\tx\nVmHWM:\t    20 kB\nVmRSS:\t    10 kB\n";
        let usage = parse(stat, status, 100).unwrap();
        let expected = Usage { cpu_seconds: 4.0, resident_bytes: 10_240, resident_max_bytes: 20_480 };
        assert_eq!(usage, expected);
        assert_eq!(parse("12 (x) S 1", status, 100), None);
        assert_eq!(parse(stat, "Name: x", 100), None, "a process that has ended");
    }

    #[test]
    fn our_own_process_is_found() {
        let usage = Usage::own().unwrap();
        assert!(usage.resident_bytes > 0 && usage.resident_max_bytes >= usage.resident_bytes);
    }
}
