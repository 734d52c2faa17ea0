//! Everybody comes at once, while somebody edits: how long they wait for the content.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::arrival::{Arrival, Visitor};
use super::fan_out::Stop;
use super::filled::Filled;
use super::{Setting, costs};
use crate::clock::{Clock, nanos};
use crate::content::{Size, read, verify};
use crate::crowd::{Crowd, STEP_1};
use crate::editing::client_base;
use crate::latency::Latencies;
use crate::pace::Rhythm;
use crate::report::{Figure, Outcome};
use crate::wire::{Writer, put_var_uint};

#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct JoinStorm {
    #[arg(long, default_value_t = 1_000)]
    pub people: usize,
    /// Seconds over which they come. 0: all at once.
    #[arg(long, default_value_t = 1.0)]
    pub spread: f64,
    #[arg(long, default_value_t = 1_000)]
    pub nodes: usize,
    #[arg(long, default_value_t = 1_500)]
    pub edges: usize,
    /// Everybody has the content already, as after a restart of the server.
    #[arg(long)]
    pub known: bool,
    /// Edits in a second of the one who edits meanwhile.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
}

/// What so many of them were sent is decoded afterwards; of the others, the size is
/// compared.
const DECODED: usize = 10;
/// The one who edits does so for longer than anybody waits.
const EDITING: Duration = Duration::from_secs(120);

/// # Errors
/// When the server refuses or closes a connection, or what it sends is not complete.
pub async fn run(options: &JoinStorm, setting: &Setting) -> anyhow::Result<Outcome> {
    ensure!(options.people > 0, "somebody has to come");
    let monitor = setting.monitor("arrivals");
    let size = Size { nodes: options.nodes, edges: options.edges };
    let filled = Filled::prepare(&setting.target, size, 20, options.people + 1).await?;
    let addresses = filled.addresses().await?;
    let mut addresses = addresses.into_iter().cycle();
    let clock = Clock::start();
    let mut crowd = Crowd::new(clock);
    monitor.say(&format!("{}: {} people come", setting.target.name(), options.people));

    // The one who edits is there before, and tells what those who know everything know.
    let editor = Arrival::new(true);
    crowd.join(&addresses.next().context("there is no address")?, Visitor(editor.clone())).await?;
    crowd.until("the first person has the content", || editor.at().is_some()).await?;
    let content = editor.take_content().context("nothing was received")?;
    let (found, state_vector) = read(&content)?;
    let has_content = found == size;
    ensure!(has_content || !setting.target.is_interflow(), "the flow does not have its content");
    let step_1 = if options.known { question(&state_vector) } else { STEP_1.to_vec() };

    let rhythm = Rhythm::new(options.rate, 1, Duration::ZERO, EDITING).starting(clock.now());
    let stop = Stop::default();
    let editing = tokio::task::spawn_blocking({
        let (stop, link) = (stop.flag(), Arc::clone(&crowd.links[0]));
        let mut writer = Writer::new(client_base(), "n0");
        move || {
            rhythm.keep(clock, &stop, |_| {
                let mut frame = Vec::new();
                writer.put_edit_frame(&mut frame);
                Ok(link.send(&frame)?)
            })
        }
    });

    let arrived = AtomicU64::new(0);
    let keep_every = options.people.div_ceil(DECODED);
    let arrivals: Vec<_> = (0..options.people).map(|at| Arrival::new(at % keep_every == 0)).collect();
    #[expect(clippy::cast_precision_loss, reason = "there are not so many people")]
    let per_second = options.people as f64 / options.spread.max(1e-6);
    let start = clock.now() + nanos(Duration::from_millis(20));
    let due = crowd.due(start, per_second);
    let before = (monitor.server()?, crate::process::Usage::own()?);
    let visitors = addresses.take(options.people).collect();
    crowd.join_at(visitors, &due, &step_1, |at| Visitor(arrivals[at].clone())).await?;
    let all = || {
        let here = arrivals.iter().filter(|arrival| arrival.at().is_some()).count();
        arrived.store(here as u64, Ordering::Relaxed);
        here == options.people
    };
    crowd.until("everybody has the content", all).await?;
    let end = arrivals.iter().filter_map(|arrival| arrival.at()).max().unwrap_or(start);
    let after = (monitor.server()?, crate::process::Usage::own()?);
    drop(stop);
    editing.await.context("the editor panicked")??;

    if has_content && !options.known {
        check(&arrivals, size)?;
    }
    let latencies = Latencies::default();
    let waited =
        arrivals.iter().enumerate().filter_map(|(at, arrival)| Some(arrival.at()?.saturating_sub(due(at))));
    latencies.record(&waited.collect::<Vec<_>>());
    let measured = crate::monitor::Measured {
        seconds: Duration::from_nanos(end - start).as_secs_f64(),
        counted: options.people as u64,
        server: before.0.zip(after.0),
        generator: (before.1, after.1),
        timeline: Vec::new(),
    };
    let mut outcome = Outcome::new("join-storm", &setting.target.name(), options);
    outcome.figures = costs(&measured);
    for figure in &mut outcome.figures {
        figure.name = figure.name.replace("deliveries", "arrivals").replace("delivery", "arrival");
    }
    #[expect(clippy::cast_precision_loss, reason = "no content is that large")]
    let bytes = arrivals.iter().map(|arrival| arrival.bytes()).sum::<usize>() as f64;
    #[expect(clippy::cast_precision_loss, reason = "there are not so many people")]
    outcome.figures.push(Figure::new("content of each", bytes / options.people as f64 / 1e3, "kB"));
    outcome.latencies.extend(latencies.distribution("connecting to content"));
    Ok(outcome)
}

fn question(state_vector: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 0];
    put_var_uint(&mut message, state_vector.len() as u64);
    message.extend_from_slice(state_vector);
    message
}

fn check(arrivals: &[Arc<Arrival>], size: Size) -> anyhow::Result<()> {
    let mut smallest = usize::MAX;
    for content in arrivals.iter().filter_map(|arrival| arrival.take_content()) {
        verify(&content, size)?;
        smallest = smallest.min(content.len());
    }
    // Edits that came meanwhile change the size a little.
    let least = smallest / 100 * 95;
    let short = arrivals.iter().find(|arrival| arrival.bytes() < least);
    ensure!(short.is_none(), "somebody was sent less than the content");
    Ok(())
}
