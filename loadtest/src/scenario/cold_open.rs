//! A large flow after a restart: how long the first and the next person wait for it.

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Setting;
use super::arrival::{Arrival, Visitor};
use super::filled::Filled;
use crate::clock::Clock;
use crate::content::{Size, verify};
use crate::crowd::{Crowd, PATIENCE, STEP_1};
use crate::report::{Figure, Outcome};
use crate::server::Server;
use crate::wire::open;

#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct ColdOpen {
    #[arg(long, default_value_t = 10_000)]
    pub nodes: usize,
    #[arg(long, default_value_t = 15_000)]
    pub edges: usize,
    /// Moves of a node that are made before the restart, so that there is a log, too.
    #[arg(long, default_value_t = 200)]
    pub edits: u32,
    /// Repetitions, each after a restart if the server is ours (--server-command).
    #[arg(long, default_value_t = 5)]
    pub times: usize,
    /// Of a generic server: the room, if it was filled before. It must have as many nodes
    /// and edges as said above.
    #[arg(long)]
    pub room: Option<String>,
    /// Leave the server running between repetitions.
    #[arg(long)]
    pub no_restart: bool,
}

/// How long one person has waited, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Waited {
    from_connect: f64,
    from_step_1: f64,
    bytes: usize,
}

/// # Errors
/// When the server refuses, or what it sends is not complete.
pub async fn run(
    options: &ColdOpen,
    setting: &mut Setting,
    mut server: Option<&mut Server>,
) -> anyhow::Result<Outcome> {
    let monitor = setting.monitor("openings");
    let size = Size { nodes: options.nodes, edges: options.edges };
    let filled = match &options.room {
        Some(room) => Filled::existing(&setting.target, room)?,
        None => Filled::prepare(&setting.target, size, options.edits, 2).await?,
    };
    monitor.say(&format!(
        "{}: {} nodes and {} edges are there",
        setting.target.name(),
        size.nodes,
        size.edges
    ));

    let (mut first, mut next, mut start_ms) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = Vec::new();
    for time in 0..options.times.max(1) {
        if let Some(server) = server.as_deref_mut().filter(|_| !options.no_restart) {
            server.stop().await?;
            let began = Instant::now();
            setting.pid = Some(server.start().await?);
            start_ms.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let addresses = filled.addresses().await?;
        let mut crowd = Crowd::new(Clock::start());
        let mut all = Vec::new();
        for address in addresses.iter().cycle().take(2) {
            let arrival = Arrival::new(true);
            let began = crowd.clock.now();
            let opened = open(address).await?;
            let asked = crowd.clock.now();
            crowd.enter(opened, STEP_1, Visitor(arrival.clone()))?;
            let deadline = Instant::now() + PATIENCE;
            let waited = crowd.during(async {
                // The instant is the receiver's; this only looks whether it has come.
                while arrival.at().is_none() {
                    ensure!(Instant::now() < deadline, "the content does not come");
                    sleep(std::time::Duration::from_millis(1)).await;
                }
                Ok(arrival.at().unwrap_or_default())
            });
            let at = waited.await?;
            all.push((arrival.clone(), waiting(began, asked, at, arrival.bytes())));
        }
        memory
            .extend(setting.monitor("openings").server()?.map(|usage| super::mib(usage.resident_max_bytes)));
        drop(crowd);
        for (arrival, _) in &all {
            verify(&arrival.take_content().context("nothing was received")?, size)?;
        }
        let (one, other) = (all[0].1, all[1].1);
        monitor.say(&format!(
            "{:2}: first {:.0} ms, next {:.0} ms",
            time + 1,
            one.from_connect,
            other.from_connect
        ));
        first.push(one);
        next.push(other);
    }

    let mut outcome = Outcome::new("cold-open", &setting.target.name(), options);
    let mut figure = |name: &str, values: Vec<f64>, unit| {
        outcome.figures.extend(median(values).map(|value| Figure::new(name, value, unit)));
    };
    #[expect(clippy::cast_precision_loss, reason = "no content is that large")]
    let megabytes = first.iter().map(|waited| waited.bytes as f64 / 1e6).collect();
    figure("content", megabytes, "MB");
    figure("first person, from connecting", first.iter().map(|waited| waited.from_connect).collect(), "ms");
    figure("first person, from step 1", first.iter().map(|waited| waited.from_step_1).collect(), "ms");
    figure("next person, from connecting", next.iter().map(|waited| waited.from_connect).collect(), "ms");
    figure("next person, from step 1", next.iter().map(|waited| waited.from_step_1).collect(), "ms");
    figure("server start until it listens", start_ms, "ms");
    figure("server peak memory", memory, "MiB");
    Ok(outcome)
}

#[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 ns")]
fn waiting(began: u64, asked: u64, at: u64, bytes: usize) -> Waited {
    let since = |from: u64| at.saturating_sub(from) as f64 / 1e6;
    Waited { from_connect: since(began), from_step_1: since(asked), bytes }
}

/// The middle one; `None` of none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even.is_multiple_of(2) => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}
