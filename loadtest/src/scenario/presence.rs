//! Cursors that move: what it costs to show everybody everybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::fan_out::Stop;
use super::{Setting, costs};
use crate::clock::{Clock, nanos};
use crate::crowd::Crowd;
use crate::editing::client_base;
use crate::latency::Latencies;
use crate::pace::Rhythm;
use crate::report::{Figure, Outcome};
use crate::target::Rooms;
use crate::wire::{Cursor, Heard, Link, Receiver, entries, put_frame, put_var_uint};

#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct Presence {
    #[arg(long, default_value_t = 20)]
    pub rooms: usize,
    /// In each room. Everybody moves.
    #[arg(long, default_value_t = 10)]
    pub people: usize,
    /// Moves of each in a second.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Seconds before that which are not measured.
    #[arg(long, default_value_t = 2.0)]
    pub warm_up: f64,
    /// Send what is received and new back, as stock y-websocket clients do.
    #[arg(long)]
    pub echo: bool,
}

/// What all watchers of a run have in common.
#[derive(Debug)]
struct Tally {
    /// Of the first person; the others follow.
    client: u64,
    rhythm: OnceLock<Rhythm>,
    joined: AtomicU64,
    /// One state of somebody, seen by somebody else. A newer state covers those that the
    /// server has left out.
    delivered: AtomicU64,
    /// Of these, those that were left out.
    covered: AtomicU64,
    /// Awareness messages with news.
    messages: AtomicU64,
    latencies: Latencies,
}

struct Watcher {
    tally: Arc<Tally>,
    /// Of the first person of the room.
    client: u64,
    own: usize,
    /// The newest clock of each person of the room.
    seen: Vec<u64>,
    echo: bool,
    joined: bool,
    latencies: Vec<u64>,
    delivered: u64,
    covered: u64,
    messages: u64,
}

/// The state with which people come is not timed.
const FIRST_CLOCK: u64 = 1;

/// # Errors
/// When the server refuses, closes a connection or leaves somebody unseen.
pub async fn run(options: &Presence, setting: &Setting) -> anyhow::Result<Outcome> {
    ensure!(options.rooms > 0 && options.people > 1, "it takes a room and two people");
    let monitor = setting.monitor("deliveries");
    let clock = Clock::start();
    let (rooms, people) = (options.rooms, options.people);
    monitor.say(&format!("{}: {rooms} rooms of {people} people", setting.target.name()));
    let everybody = rooms * people;
    let tally = Arc::new(Tally::new(client_base()));
    let mut crowd = Crowd::new(clock);
    let places = Rooms { rooms, people, writers: 0, nodes: Vec::new() };
    for (at, address) in setting.target.rooms(&places).await?.iter().flatten().enumerate() {
        crowd.join(address, Watcher::new(&tally, options, at)).await?;
    }
    let joined = || tally.joined.load(Ordering::Relaxed) == everybody as u64;
    crowd.until("everybody joins", joined).await?;

    let mut cursors: Vec<Cursor> = (0..everybody).map(|at| Cursor::new(tally.client + at as u64)).collect();
    for (cursor, link) in cursors.iter_mut().zip(&crowd.links) {
        show(cursor, link)?;
    }
    let once = (everybody * (people - 1)) as u64;
    settle(&mut crowd, &tally, once).await?;
    crowd.during(setting.ready()).await?;

    let seconds = Duration::from_secs_f64;
    let rhythm = Rhythm::new(options.rate, everybody, seconds(options.warm_up), seconds(options.seconds))
        .starting(clock.now() + nanos(Duration::from_millis(50)));
    tally.rhythm.get_or_init(|| rhythm);
    let stop = Stop::default();
    let moving = tokio::task::spawn_blocking({
        let (stop, links) = (stop.flag(), crowd.links.clone());
        move || rhythm.keep(clock, &stop, |person| show(&mut cursors[person], &links[person]))
    });
    let before = tally.counts();
    let watch = monitor.watch(clock, rhythm.measured(), || tally.delivered.load(Ordering::Relaxed));
    let measured = crowd.during(watch).await?;
    moving.await.context("the people panicked")??;
    settle(&mut crowd, &tally, once * (rhythm.turns() + 1)).await?;

    let after = tally.counts();
    let mut outcome = Outcome::new("presence", &setting.target.name(), options);
    outcome.figures = costs(&measured);
    outcome.figures.push(Figure::count("awareness messages received", after.messages - before.messages));
    outcome.figures.push(Figure::count("states received", after.delivered - before.delivered));
    outcome.figures.push(Figure::count("of these, covered by a newer one", after.covered - before.covered));
    outcome.timeline = measured.timeline;
    outcome.latencies.extend(tally.latencies.distribution("move to peer"));
    Ok(outcome)
}

fn show(cursor: &mut Cursor, link: &Link) -> anyhow::Result<()> {
    let mut frame = Vec::with_capacity(128);
    cursor.put_state_frame(&mut frame);
    Ok(link.send(&frame)?)
}

/// Sends back what was received: `y-websocket` does so whatever a change's origin.
fn echo(update: &[u8], link: &Link) -> anyhow::Result<()> {
    let mut message = vec![1];
    put_var_uint(&mut message, update.len() as u64);
    message.extend_from_slice(update);
    let mut frame = Vec::new();
    put_frame(&mut frame, &message);
    Ok(link.send(&frame)?)
}

async fn settle(crowd: &mut Crowd, tally: &Tally, deliveries: u64) -> anyhow::Result<()> {
    let delivered = || tally.delivered.load(Ordering::Relaxed);
    let settled = crowd.until("everybody is seen by everybody", || delivered() >= deliveries).await;
    settled.with_context(|| format!("{} of {deliveries} states", delivered()))
}

struct Counts {
    delivered: u64,
    covered: u64,
    messages: u64,
}

impl Tally {
    fn new(client: u64) -> Self {
        Self {
            client,
            rhythm: OnceLock::new(),
            joined: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            covered: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            latencies: Latencies::default(),
        }
    }

    fn counts(&self) -> Counts {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            delivered: load(&self.delivered),
            covered: load(&self.covered),
            messages: load(&self.messages),
        }
    }
}

impl Watcher {
    fn new(tally: &Arc<Tally>, options: &Presence, at: usize) -> Self {
        let room = at / options.people;
        Self {
            tally: Arc::clone(tally),
            client: tally.client + (room * options.people) as u64,
            own: at % options.people,
            seen: vec![0; options.people],
            echo: options.echo,
            joined: false,
            latencies: Vec::new(),
            delivered: 0,
            covered: 0,
            messages: 0,
        }
    }

    /// Whether the update says anything new about others.
    fn awareness(&mut self, update: &[u8], now: u64) -> anyhow::Result<bool> {
        let mut is_new = false;
        entries(update, |client, clock| is_new |= self.entry(client, clock, now))?;
        self.messages += u64::from(is_new);
        Ok(is_new)
    }

    fn entry(&mut self, client: u64, clock: u64, now: u64) -> bool {
        let person = client.checked_sub(self.client).and_then(|person| usize::try_from(person).ok());
        let Some(person) = person.filter(|&person| person < self.seen.len() && person != self.own) else {
            return false;
        };
        let seen = self.seen[person];
        if clock <= seen {
            return false;
        }
        self.seen[person] = clock;
        self.delivered += clock - seen;
        self.covered += clock - seen - 1;
        if let Some(rhythm) = self.tally.rhythm.get() {
            let taker = client - self.tally.client;
            let turns = (seen + 1).max(FIRST_CLOCK + 1)..=clock;
            let turns = turns.map(|clock| clock - FIRST_CLOCK - 1).filter(|turn| rhythm.is_measured(*turn));
            self.latencies.extend(turns.map(|turn| now.saturating_sub(rhythm.due(taker, turn))));
        }
        true
    }
}

impl Receiver for Watcher {
    fn hear(&mut self, heard: Heard<'_>, now: u64, link: &Link) -> anyhow::Result<()> {
        match heard {
            Heard::Awareness(update) => {
                let is_new = self.awareness(update, now)?;
                if is_new && self.echo {
                    echo(update, link)?;
                }
            }
            Heard::Step2(_) if !self.joined => {
                self.joined = true;
                self.tally.joined.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        Ok(())
    }

    fn pause(&mut self, _now: u64) {
        if self.messages == 0 {
            return;
        }
        self.tally.delivered.fetch_add(self.delivered, Ordering::Relaxed);
        self.tally.covered.fetch_add(self.covered, Ordering::Relaxed);
        self.tally.messages.fetch_add(self.messages, Ordering::Relaxed);
        (self.delivered, self.covered, self.messages) = (0, 0, 0);
        self.tally.latencies.record(&self.latencies);
        self.latencies.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watcher(rhythm: Option<Rhythm>) -> Watcher {
        let tally = Tally::new(1_000);
        if let Some(rhythm) = rhythm {
            tally.rhythm.get_or_init(|| rhythm);
        }
        let options = Presence { rooms: 2, people: 3, rate: 10.0, seconds: 1.0, warm_up: 0.0, echo: false };
        Watcher::new(&Arc::new(tally), &options, 4)
    }

    fn states(client: u64, clocks: u64) -> Vec<u8> {
        let mut cursor = Cursor::new(client);
        (1..clocks).for_each(|_| drop(cursor.state()));
        cursor.state()
    }

    #[test]
    fn a_newer_state_covers_those_left_out_and_old_ones_are_no_news() {
        let rhythm = Rhythm::new(10.0, 6, Duration::ZERO, Duration::from_secs(1)).starting(0);
        let mut watcher = watcher(Some(rhythm));
        assert!(watcher.awareness(&states(1_003, 1), 5).unwrap());
        assert!(watcher.latencies.is_empty(), "the first state has no turn");
        assert!(watcher.awareness(&states(1_003, 4), 400_000_000).unwrap());
        assert!(!watcher.awareness(&states(1_003, 3), 500_000_000).unwrap());
        assert_eq!((watcher.delivered, watcher.covered, watcher.messages), (4, 2, 2));
        // Person 3 of 6 is due half a period after the first.
        assert_eq!(watcher.latencies, [350_000_000, 250_000_000, 150_000_000]);
    }

    #[test]
    fn oneself_and_people_of_other_rooms_are_not_counted() {
        let mut watcher = watcher(None);
        for client in [1_004, 1_002, 1_006, 5] {
            assert!(!watcher.awareness(&states(client, 1), 0).unwrap());
        }
        assert_eq!(watcher.delivered, 0);
    }
}
