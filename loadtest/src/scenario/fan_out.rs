//! Edits at a fixed rate: what one costs, and how long it is on its way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::{Setting, costs};
use crate::clock::{Clock, nanos};
use crate::editing::{Editing, Pen, Shape};
use crate::pace::Rhythm;
use crate::report::{Figure, Outcome};

#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct FanOut {
    #[arg(long, default_value_t = 1)]
    pub rooms: usize,
    /// In each room.
    #[arg(long, default_value_t = 50)]
    pub people: usize,
    /// Of these, in each room.
    #[arg(long, default_value_t = 5)]
    pub writers: usize,
    /// Edits of each writer in a second.
    #[arg(long, default_value_t = 20.0)]
    pub rate: f64,
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Seconds before that which are not measured.
    #[arg(long, default_value_t = 2.0)]
    pub warm_up: f64,
    /// Ask after each edit to hear when it is stored.
    #[arg(long)]
    pub acks: bool,
}

/// Until the first turn: everything is prepared by then.
const LEAD: Duration = Duration::from_millis(50);

/// # Errors
/// When the server refuses, closes a connection or loses an edit.
pub async fn run(options: &FanOut, setting: &Setting) -> anyhow::Result<Outcome> {
    let monitor = setting.monitor("deliveries");
    let clock = Clock::start();
    let shape = Shape { rooms: options.rooms, people: options.people, writers: options.writers };
    monitor.say(&format!("{}: {} rooms of {} people", setting.target.name(), shape.rooms, shape.people));
    let mut editing = Editing::start(&setting.target, shape, clock, options.acks).await?;
    editing.crowd.during(setting.ready()).await?;

    let seconds = Duration::from_secs_f64;
    let rhythm =
        Rhythm::new(options.rate, editing.pens.len(), seconds(options.warm_up), seconds(options.seconds))
            .starting(clock.now() + nanos(LEAD));
    editing.tally.set_rhythm(rhythm);
    let stop = Stop::default();
    let pens = std::mem::take(&mut editing.pens);
    let writing = tokio::task::spawn_blocking({
        let (stop, acks) = (stop.flag(), options.acks);
        move || write(rhythm, clock, &stop, pens, acks)
    });

    let tally = &editing.tally;
    let measured = editing
        .crowd
        .during(monitor.watch(clock, rhythm.measured(), || tally.delivered.load(Ordering::Relaxed)))
        .await?;
    let pens = writing.await.context("the writers panicked")??;
    for pen in &pens {
        pen.link.flush().await?;
    }
    editing.settle(rhythm.turns() + 1).await?;
    if options.acks {
        editing.acknowledged(&pens).await?;
    }

    let mut outcome = Outcome::new("fan-out", &setting.target.name(), options);
    outcome.figures = costs(&measured);
    let merged = editing.tally.merged.load(Ordering::Relaxed);
    outcome.figures.push(Figure::count("deliveries merged with others", merged));
    outcome.timeline = measured.timeline;
    outcome.latencies.extend(editing.tally.latencies.distribution("edit to peer"));
    outcome.latencies.extend(editing.tally.ack_latencies.distribution("edit to acknowledgement"));
    Ok(outcome)
}

fn write(
    rhythm: Rhythm,
    clock: Clock,
    stop: &AtomicBool,
    mut pens: Vec<Pen>,
    acks: bool,
) -> anyhow::Result<Vec<Pen>> {
    rhythm.keep(clock, stop, |writer| pens[writer].edit(acks))?;
    Ok(pens)
}

/// Stops a thread that keeps a rhythm when whoever waits for it gives up.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    flag: std::sync::Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn flag(&self) -> std::sync::Arc<AtomicBool> {
        std::sync::Arc::clone(&self.flag)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.flag.store(true, Ordering::Relaxed);
    }
}
