//! As many edits as the server takes: what it delivers at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::fan_out::Stop;
use super::{Setting, costs};
use crate::clock::{Clock, nanos};
use crate::crowd::PATIENCE;
use crate::editing::{Editing, Pen, Shape, Tally};
use crate::report::{Figure, Outcome};

#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct Saturation {
    #[arg(long, default_value_t = 1)]
    pub rooms: usize,
    /// In each room.
    #[arg(long, default_value_t = 50)]
    pub people: usize,
    /// Of these, in each room.
    #[arg(long, default_value_t = 5)]
    pub writers: usize,
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds before that which are not measured.
    #[arg(long, default_value_t = 3.0)]
    pub warm_up: f64,
    /// Edits of a writer that are sent and not yet acknowledged, or without --acks, not
    /// yet seen by a neighbour.
    #[arg(long, default_value_t = 256)]
    pub window: u32,
    /// Have edits acknowledged once they are stored.
    #[arg(long)]
    pub acks: bool,
    /// With --acks: ask after so many edits, which the answer acknowledges together.
    #[arg(long, default_value_t = 1)]
    pub edits_per_ack: u32,
}

/// Edits handed to the socket at once. More would be one long frame in all but name.
const BURST: u32 = 64;

/// # Errors
/// When the server refuses, closes a connection or loses an edit.
pub async fn run(options: &Saturation, setting: &Setting) -> anyhow::Result<Outcome> {
    let monitor = setting.monitor("deliveries");
    let clock = Clock::start();
    let shape = Shape { rooms: options.rooms, people: options.people, writers: options.writers };
    monitor.say(&format!("{}: {} rooms of {} people", setting.target.name(), shape.rooms, shape.people));
    let mut editing = Editing::start(&setting.target, shape, clock, options.acks).await?;
    editing.crowd.during(setting.ready()).await?;

    let stop = Stop::default();
    let mut writing = JoinSet::new();
    for (at, pen) in std::mem::take(&mut editing.pens).into_iter().enumerate() {
        writing.spawn(write(pen, at, Arc::clone(&editing.tally), options.clone(), stop.flag()));
    }
    let seconds = |seconds: f64| nanos(Duration::from_secs_f64(seconds));
    let start = clock.now() + seconds(options.warm_up);
    let tally = Arc::clone(&editing.tally);
    let merged = || tally.merged.load(Ordering::Relaxed);
    let delivered = || tally.delivered.load(Ordering::Relaxed);
    let (measured, pens) = {
        let run = async {
            let measured = monitor.watch(clock, start..start + seconds(options.seconds), delivered).await?;
            drop(stop);
            let mut pens = Vec::new();
            // A window that does not move any more would hold its writer up for ever.
            while let Some(pen) = timeout(PATIENCE, writing.join_next()).await.context("a writer is stuck")? {
                pens.push(pen??);
            }
            Ok((measured, pens))
        };
        editing.crowd.during(run).await?
    };
    let edits: u64 = pens.iter().map(|pen| u64::from(pen.writer.clock())).sum();
    editing.settle_all(edits * (shape.people as u64 - 1)).await?;

    let mut outcome = Outcome::new("saturation", &setting.target.name(), options);
    outcome.figures = costs(&measured);
    outcome.figures.push(Figure::count("edits in all", edits));
    outcome.figures.push(Figure::count("deliveries in all", delivered()));
    outcome.figures.push(Figure::count("deliveries merged with others", merged()));
    outcome.timeline = measured.timeline;
    Ok(outcome)
}

async fn write(
    mut pen: Pen,
    at: usize,
    tally: Arc<Tally>,
    options: Saturation,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Pen> {
    let window = &tally.windows[at];
    let mut frames = Vec::with_capacity(16 << 10);
    let mut unasked = 0;
    while !stop.load(Ordering::Relaxed) {
        let moved = window.moved.notified();
        let waiting = pen.writer.clock() - window.confirmed.load(Ordering::Relaxed);
        let room = options.window.saturating_sub(waiting).min(BURST);
        if room == 0 {
            // The stop is seen when the window moves, as it does while the server lives.
            moved.await;
            continue;
        }
        frames.clear();
        for _ in 0..room {
            pen.writer.put_edit_frame(&mut frames);
            unasked += 1;
            if options.acks && unasked >= options.edits_per_ack {
                pen.writer.put_barrier_frame(&mut frames);
                unasked = 0;
            }
        }
        pen.link.send(&frames)?;
        if pen.link.is_behind() {
            pen.link.flush().await?;
        } else {
            // Others of this thread get their turn.
            tokio::task::yield_now().await;
        }
    }
    pen.link.flush().await?;
    Ok(pen)
}
