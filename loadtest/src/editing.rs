//! People in rooms some of whom edit: what fan-out and saturation share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Context, bail, ensure};
use rand::RngExt as _;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::crowd::Crowd;
use crate::latency::Latencies;
use crate::pace::Rhythm;
use crate::target::{Rooms, Target};
use crate::wire::{Covered, Heard, Link, Receiver, Writer, covered};

/// How many people are where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rooms: usize,
    pub(crate) people: usize,
    pub(crate) writers: usize,
}

/// What all listeners of a run have in common.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Of writer 0; the others follow.
    client: u64,
    writers: usize,
    /// When which edit was due; set once everybody is there.
    rhythm: std::sync::OnceLock<Rhythm>,
    pub(crate) joined: AtomicU64,
    /// Edits that reached somebody, each counted once for everybody.
    pub(crate) delivered: AtomicU64,
    /// Of these, those that came merged with others.
    pub(crate) merged: AtomicU64,
    pub(crate) latencies: Latencies,
    pub(crate) ack_latencies: Latencies,
    /// By writer.
    pub(crate) windows: Vec<Window>,
    /// Windows move by acknowledgements, not by what a neighbour sees.
    acks: bool,
}

/// How far the edits of a writer have come, told by whoever sees it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) confirmed: AtomicU32,
    pub(crate) moved: Notify,
}

impl Window {
    fn confirm(&self, clock: u32) {
        if self.confirmed.fetch_max(clock, Ordering::Relaxed) < clock {
            self.moved.notify_one();
        }
    }
}

/// A peer that hears what the others of its room write.
struct Listener {
    tally: Arc<Tally>,
    /// The next edit of each writer of the room.
    seen: Vec<u32>,
    first_writer: usize,
    /// Which writer this is itself, if one.
    own: Option<usize>,
    /// Whose window it moves by what it sees.
    watches: Vec<usize>,
    latencies: Vec<u64>,
    delivered: u64,
    merged: u64,
    joined: bool,
}

pub(crate) struct Editing {
    pub(crate) crowd: Crowd,
    pub(crate) tally: Arc<Tally>,
    pub(crate) pens: Vec<Pen>,
    pub(crate) shape: Shape,
}

/// A writer with its connection.
pub(crate) struct Pen {
    pub(crate) link: Arc<Link>,
    pub(crate) writer: Writer,
}

impl Shape {
    pub(crate) fn check(self) -> anyhow::Result<Self> {
        ensure!(self.rooms > 0 && self.people > 1, "it takes a room and two people");
        ensure!(
            (1..=self.people).contains(&self.writers),
            "writers are people of the room, and at least one"
        );
        Ok(self)
    }

    /// The people that write: evenly among all, so that they are different users.
    pub(crate) fn writer_of(self, person: usize) -> Option<usize> {
        (0..self.writers).find(|writer| writer * self.people / self.writers == person)
    }

    /// How often an edit of everybody is delivered.
    pub(crate) fn deliveries(self) -> u64 {
        (self.rooms * self.writers * (self.people - 1)) as u64
    }
}

/// The first client id of a run: 32 bits, as stable Yjs draws them, and room for a
/// million after it.
pub(crate) fn client_base() -> u64 {
    u64::from(rand::rng().random_range(1_u32 << 28..1 << 31))
}

pub(crate) fn node(writer: usize) -> String {
    format!("node-{writer}")
}

impl Editing {
    /// Fills the rooms and has every writer make one edit that everybody sees: from
    /// then on everything sent reaches everybody.
    pub(crate) async fn start(
        target: &Target,
        shape: Shape,
        clock: Clock,
        acks: bool,
    ) -> anyhow::Result<Self> {
        let shape = shape.check()?;
        let nodes = (0..shape.writers).map(node).collect();
        let writers = shape.rooms * shape.writers;
        let rooms = target.rooms(&Rooms { rooms: shape.rooms, people: shape.people, writers, nodes }).await?;
        let tally = Arc::new(Tally::new(client_base(), shape, acks));
        let mut crowd = Crowd::new(clock);
        let mut pens = Vec::new();
        for (room, addresses) in rooms.iter().enumerate() {
            let mut room_pens: Vec<Option<Pen>> = (0..shape.writers).map(|_| None).collect();
            for (person, address) in addresses.iter().enumerate() {
                crowd.join(address, Listener::new(&tally, shape, room, person)).await?;
                if let Some(writer) = shape.writer_of(person) {
                    let client = tally.client + (room * shape.writers + writer) as u64;
                    let link = Arc::clone(&crowd.links[crowd.links.len() - 1]);
                    room_pens[writer] = Some(Pen { link, writer: Writer::new(client, &node(writer)) });
                }
            }
            pens.extend(room_pens.into_iter().flatten());
        }
        let everybody = (shape.rooms * shape.people) as u64;
        let joined = |tally: &Tally| tally.joined.load(Ordering::Relaxed) == everybody;
        crowd.until("everybody joins", || joined(&tally)).await?;
        for pen in &mut pens {
            pen.edit(acks)?;
        }
        let mut editing = Self { crowd, tally, pens, shape };
        editing.settle(1).await?;
        if acks {
            let pens = std::mem::take(&mut editing.pens);
            // A server that knows no barriers fails here, not after the measuring.
            editing.acknowledged(&pens).await.context("the server answers no barriers")?;
            editing.pens = pens;
        }
        Ok(editing)
    }

    /// Waits until everybody has so many edits of every writer.
    pub(crate) async fn settle(&mut self, edits: u64) -> anyhow::Result<()> {
        self.settle_all(edits * self.shape.deliveries()).await
    }

    /// Waits until the last edit of every writer is acknowledged.
    pub(crate) async fn acknowledged(&mut self, pens: &[Pen]) -> anyhow::Result<()> {
        let tally = Arc::clone(&self.tally);
        let is_confirmed =
            |(pen, window): (&Pen, &Window)| window.confirmed.load(Ordering::Relaxed) >= pen.writer.clock();
        let all = || pens.iter().zip(&tally.windows).all(is_confirmed);
        self.crowd.until("every edit is acknowledged", all).await
    }

    /// Waits until so many edits have been delivered in all.
    pub(crate) async fn settle_all(&mut self, deliveries: u64) -> anyhow::Result<()> {
        let tally = Arc::clone(&self.tally);
        let delivered = || tally.delivered.load(Ordering::Relaxed);
        let settled = self.crowd.until("every edit reaches everybody", || delivered() >= deliveries).await;
        if settled.is_err() {
            let delivered = self.tally.delivered.load(Ordering::Relaxed);
            return settled.map_err(|error| error.context(format!("{delivered} of {deliveries} deliveries")));
        }
        Ok(())
    }
}

impl Pen {
    /// Sends the next edit, and asks to hear when it is stored.
    pub(crate) fn edit(&mut self, acks: bool) -> anyhow::Result<()> {
        let mut frames = Vec::with_capacity(160);
        self.writer.put_edit_frame(&mut frames);
        if acks {
            self.writer.put_barrier_frame(&mut frames);
        }
        Ok(self.link.send(&frames)?)
    }
}

impl Tally {
    fn new(client: u64, shape: Shape, acks: bool) -> Self {
        let writers = shape.rooms * shape.writers;
        Self {
            client,
            writers,
            rhythm: std::sync::OnceLock::new(),
            joined: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            merged: AtomicU64::new(0),
            latencies: Latencies::default(),
            ack_latencies: Latencies::default(),
            windows: (0..writers).map(|_| Window::default()).collect(),
            acks,
        }
    }

    /// From now on latencies are recorded. The first edit of each writer is none of
    /// these turns.
    pub(crate) fn set_rhythm(&self, rhythm: Rhythm) {
        self.rhythm.get_or_init(|| rhythm);
    }

    /// How late the edit of this clock is at `now`, if it is measured.
    fn latency(&self, writer: usize, clock: u32, now: u64) -> Option<u64> {
        let rhythm = self.rhythm.get()?;
        let turn = u64::from(clock.checked_sub(1)?);
        rhythm.is_measured(turn).then(|| now.saturating_sub(rhythm.due(writer as u64, turn)))
    }
}

impl Listener {
    fn new(tally: &Arc<Tally>, shape: Shape, room: usize, person: usize) -> Self {
        let before = (person + shape.people - 1) % shape.people;
        Self {
            tally: Arc::clone(tally),
            seen: vec![0; shape.writers],
            first_writer: room * shape.writers,
            own: shape.writer_of(person),
            watches: shape.writer_of(before).into_iter().collect(),
            latencies: Vec::new(),
            delivered: 0,
            merged: 0,
            joined: false,
        }
    }

    fn update(&mut self, update: &[u8], now: u64) -> anyhow::Result<()> {
        covered(update, |covered| self.cover(covered, now))
    }

    fn cover(&mut self, covered: Covered, now: u64) -> anyhow::Result<()> {
        let Some(writer) = covered.client.checked_sub(self.tally.client) else { return Ok(()) };
        let writer = usize::try_from(writer)?;
        if writer >= self.tally.writers {
            return Ok(());
        }
        let local = writer.checked_sub(self.first_writer).filter(|local| *local < self.seen.len());
        let Some(local) = local else { bail!("an edit of another room was delivered") };
        if self.own == Some(local) {
            return Ok(());
        }
        let seen = self.seen[local];
        ensure!(covered.clock <= seen, "edit {seen} of writer {writer} is missing before {}", covered.clock);
        for clock in seen..covered.end {
            self.delivered += 1;
            self.merged += u64::from(!covered.is_single);
            self.latencies.extend(self.tally.latency(writer, clock, now));
        }
        self.seen[local] = seen.max(covered.end);
        Ok(())
    }

    fn acknowledged(&mut self, token: &[u8], now: u64) -> anyhow::Result<()> {
        let Some(own) = self.own else { bail!("a barrier of somebody else was answered") };
        let clock = u32::from_le_bytes(token.try_into()?);
        let writer = self.first_writer + own;
        if let Some(latency) = clock.checked_sub(1).and_then(|clock| self.tally.latency(writer, clock, now)) {
            self.tally.ack_latencies.record(&[latency]);
        }
        if self.tally.acks {
            self.tally.windows[writer].confirm(clock);
        }
        Ok(())
    }
}

impl Receiver for Listener {
    fn hear(&mut self, heard: Heard<'_>, now: u64, _link: &Link) -> anyhow::Result<()> {
        match heard {
            Heard::Update(update) => self.update(update, now),
            Heard::Step2(update) => {
                self.update(update, now)?;
                if !self.joined {
                    self.joined = true;
                    self.tally.joined.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
            Heard::Barrier(token) => self.acknowledged(token, now),
            _ => Ok(()),
        }
    }

    fn pause(&mut self, _now: u64) {
        if self.delivered == 0 {
            return;
        }
        self.tally.delivered.fetch_add(self.delivered, Ordering::Relaxed);
        self.tally.merged.fetch_add(self.merged, Ordering::Relaxed);
        (self.delivered, self.merged) = (0, 0);
        self.tally.latencies.record(&self.latencies);
        self.latencies.clear();
        if self.tally.acks {
            return;
        }
        for &local in &self.watches {
            self.tally.windows[self.first_writer + local].confirm(self.seen[local]);
        }
    }
}
