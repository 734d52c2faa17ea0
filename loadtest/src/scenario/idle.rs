//! Many people who do nothing: what a connection takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::time::sleep;

use super::{Setting, mib};
use crate::clock::{Clock, nanos};
use crate::crowd::Crowd;
use crate::report::{Figure, Outcome};
use crate::target::Rooms;
use crate::wire::{Heard, Link, Receiver};

#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct Idle {
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// The people are spread evenly over so many.
    #[arg(long, default_value_t = 100)]
    pub rooms: usize,
    #[arg(long, default_value_t = 500.0)]
    pub opens_per_second: f64,
    /// Seconds before memory is looked at, in which the server gives back what it needed
    /// only for a while.
    #[arg(long, default_value_t = 12.0)]
    pub settle: f64,
    /// Seconds at rest in which the server's CPU is measured.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
}

/// Somebody who joins and then only stays.
struct Sleeper {
    joined: Arc<AtomicU64>,
    is_here: bool,
}

/// # Errors
/// When the server refuses or closes a connection.
pub async fn run(options: &Idle, setting: &Setting) -> anyhow::Result<Outcome> {
    ensure!(options.rooms > 0 && options.connections > options.rooms, "a room has more than one person");
    let monitor = setting.monitor("messages");
    let clock = Clock::start();
    let people = options.connections / options.rooms;
    monitor.say(&format!("{}: {} rooms of {people} people", setting.target.name(), options.rooms));
    let places = Rooms { rooms: options.rooms, people, writers: 0, nodes: Vec::new() };
    let rooms = setting.target.rooms(&places).await?;
    let joined = Arc::new(AtomicU64::new(0));
    let sleeper = || Sleeper { joined: Arc::clone(&joined), is_here: false };
    let mut crowd = Crowd::new(clock);

    // The rooms are open before memory is looked at: they are not what is measured.
    let firsts = rooms.iter().filter_map(|room| room.first()).cloned().collect();
    crowd.join_all(firsts, options.opens_per_second, |_| sleeper()).await?;
    let wait = Duration::from_secs_f64(options.settle);
    crowd.during(rest(wait)).await?;
    let before = monitor.server()?;

    let others: Vec<_> = rooms.iter().flat_map(|room| room.iter().skip(1)).cloned().collect();
    let opened = others.len();
    monitor.say(&format!("{opened} more connections"));
    let began = clock.now();
    crowd.join_all(others, options.opens_per_second, |_| sleeper()).await?;
    let everybody = options.rooms * people;
    crowd.until("everybody joins", || joined.load(Ordering::Relaxed) == everybody as u64).await?;
    let opening = Duration::from_nanos(clock.now() - began);
    crowd.during(rest(wait)).await?;

    let start = clock.now();
    let span = start..start + nanos(Duration::from_secs_f64(options.seconds));
    let measured = crowd.during(monitor.watch(clock, span, || 0)).await?;

    let mut outcome = Outcome::new("idle", &setting.target.name(), options);
    outcome.figures.push(Figure::count("connections", everybody as u64));
    outcome.figures.push(Figure::new("opened in", opening.as_secs_f64(), "s"));
    if let (Some(before), Some((first, last))) = (before, measured.server) {
        #[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
        let each = (last.resident_bytes as f64 - before.resident_bytes as f64) / opened as f64 / 1_024.0;
        outcome.figures.push(Figure::new("server memory before", mib(before.resident_bytes), "MiB"));
        outcome.figures.push(Figure::new("server memory with all", mib(last.resident_bytes), "MiB"));
        outcome.figures.push(Figure::new("server memory per connection", each, "KiB"));
        let cpu = (last.cpu_seconds - first.cpu_seconds) / measured.seconds;
        outcome.figures.push(Figure::new("server CPU at rest", cpu * 1_000.0, "ms/s"));
    }
    outcome.timeline = measured.timeline;
    Ok(outcome)
}

async fn rest(time: Duration) -> anyhow::Result<()> {
    sleep(time).await;
    Ok(())
}

impl Receiver for Sleeper {
    fn hear(&mut self, heard: Heard<'_>, _now: u64, _link: &Link) -> anyhow::Result<()> {
        if matches!(heard, Heard::Step2(_)) && !self.is_here {
            self.is_here = true;
            self.joined.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// One process may have as many connections as it has files, and the shells of most
/// systems give it few.
///
/// # Errors
/// When the system does not say how many.
pub fn lift_file_limit() -> anyhow::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("could not raise the number of open files")
}
