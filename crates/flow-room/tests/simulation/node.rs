//! A node: the real room, and everything its task would wait for, each of it done
//! when the seed says so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{BatchId, ConnId, FlowId, Seq, SeqRange, Timestamp};
use flow_cluster::{Heard, LogSlice, MemoryRelay, NodePresence, Relay, Subscription};
use flow_room::{
    Appended, Committed, Effect, Event, HotTier, LoadedFlow, Moment, Outbox, Outboxes, Room, RoomLimits,
};
use flow_store::{FlowBatch, Snapshot};
use futures_util::FutureExt;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::{Shared, now};

pub(crate) struct Node {
    relay: MemoryRelay,
    pub(crate) open: Option<Open>,
    pub(crate) draining: bool,
}

/// An open room and what is under way for it.
pub(crate) struct Open {
    hot: HotTier,
    pub(crate) room: Room,
    pub(crate) outboxes: Outboxes,
    opened_at: Duration,
    pub(crate) inbox: VecDeque<Event>,
    listening: Subscription,
    /// Heard of other nodes and not yet delivered.
    heard: Vec<Heard>,
    /// Appended, and in no batch that the store has seen. As the log writer does it.
    gathered: Option<FlowBatch>,
    append: Option<Append>,
    reads: Vec<Seq>,
    /// Read from the log, and not yet handed over.
    read: Option<LogSlice>,
    publish: Option<Snapshot>,
    projecting: bool,
    reloading: bool,
    /// Read for it, and not yet handed over.
    reread: Option<Box<LoadedFlow>>,
    held: Vec<Event>,
    /// Committed, and the others not yet told.
    to_tell: VecDeque<LogSlice>,
    to_show: Option<NodePresence>,
}

enum Append {
    /// Sealed; the store may have it or not.
    Sealed(FlowBatch),
    /// In the log; the room does not know.
    Stored(FlowBatch, SeqRange),
}

/// What can happen to the things that are under way.
const TASKS: u32 = 8;

impl Node {
    pub(crate) fn new(relay: MemoryRelay) -> Self {
        Self { relay, open: None, draining: false }
    }

    /// Opens the room as the registry does: listens, reads, builds. `false` when the
    /// store is away.
    pub(crate) fn open(&mut self, shared: &Shared, limits: &RoomLimits) -> bool {
        if self.draining {
            return false;
        }
        if self.open.is_some() {
            return true;
        }
        let listening = now(self.relay.subscribe(shared.flow)).expect("it is in memory");
        let hot = HotTier::new(shared.flow, shared.cache());
        let Ok(read) = now(hot.read(&*shared.store)) else { return false };
        let loaded = LoadedFlow::build(shared.flow, &read).expect("what is stored can be read");
        self.open = Some(Open {
            hot,
            room: Room::new(shared.flow, loaded, limits.clone()),
            outboxes: Outboxes::default(),
            opened_at: shared.elapsed,
            inbox: VecDeque::new(),
            listening,
            heard: Vec::new(),
            gathered: None,
            append: None,
            reads: Vec::new(),
            read: None,
            publish: None,
            projecting: false,
            reloading: false,
            reread: None,
            held: Vec::new(),
            to_tell: VecDeque::new(),
            to_show: None,
        });
        true
    }

    pub(crate) fn crash(&mut self) {
        (self.open, self.draining) = (None, false);
    }

    pub(crate) fn drain(&mut self) {
        if let Some(open) = &mut self.open {
            open.inbox.push_back(Event::Drain);
        }
        self.draining = true;
    }

    /// Lets go of a room that may close, and that nobody is about to use.
    pub(crate) fn evict(&mut self, shared: &Shared) {
        let may_close = |open: &mut Open| {
            open.is_idle() && open.inbox.is_empty() && open.room.may_close(open.moment(shared))
        };
        if self.open.as_mut().is_some_and(may_close) {
            self.open = None;
        }
        if self.open.is_none() {
            self.draining = false;
        }
    }

    pub(crate) fn join(&mut self, conn: ConnId, outbox: Outbox, event: Event) {
        let open = self.open.as_mut().expect("the room was opened for it");
        open.outboxes.insert(conn, outbox);
        open.inbox.push_back(event);
    }

    pub(crate) fn leave(&mut self, conn: ConnId) {
        self.tell(Event::Left { conn });
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if let Some(open) = &mut self.open {
            open.inbox.push_back(event);
        }
    }

    /// One step of its own: some events, or something of what is under way.
    pub(crate) fn step(&mut self, shared: &Shared, faults: bool, rng: &mut StdRng) {
        let Some(open) = &mut self.open else { return };
        if rng.random_bool(0.5) {
            let events = rng.random_range(1..=8);
            open.run(shared, events);
        } else {
            let task = rng.random_range(0..TASKS);
            open.advance(task, shared, &self.relay, faults, rng);
        }
        // A room that gives up ends at once.
        if self.open.as_ref().is_some_and(|open| open.room.has_failed()) {
            panic!("a room gave up although everything stored can be read");
        }
    }

    /// Everything there is to do, until nothing is.
    pub(crate) fn settle(&mut self, shared: &Shared, rng: &mut StdRng) {
        let Some(open) = &mut self.open else { return };
        for _ in 0..4 {
            open.run(shared, usize::MAX);
            for task in 0..TASKS {
                open.advance(task, shared, &self.relay, false, rng);
            }
        }
    }
}

impl Open {
    pub(crate) fn moment(&self, shared: &Shared) -> Moment {
        let wall = Timestamp::from_millisecond(i64::try_from(shared.elapsed.as_millis()).expect("short"));
        Moment { elapsed: shared.elapsed - self.opened_at, wall: wall.expect("in range") }
    }

    /// Nothing is under way.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.under_way().is_empty()
    }

    /// What is, in words.
    pub(crate) fn under_way(&mut self) -> Vec<&'static str> {
        self.hear();
        let all = [
            ("append", self.append.is_some() || self.gathered.is_some()),
            ("read", !self.reads.is_empty() || self.read.is_some()),
            ("snapshot", self.publish.is_some()),
            ("projection", self.projecting),
            ("reload", self.reloading || !self.held.is_empty()),
            ("telling", !self.to_tell.is_empty() || self.to_show.is_some()),
            ("heard", !self.heard.is_empty()),
        ];
        all.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect()
    }

    fn hear(&mut self) {
        while let Some(heard) = self.listening.next().now_or_never() {
            self.heard.push(heard);
        }
    }

    /// Applies the next events of the inbox, or lets time pass.
    fn run(&mut self, shared: &Shared, events: usize) {
        if self.reloading {
            return;
        }
        let events = events.min(self.inbox.len());
        let mut events: Vec<Event> = self.inbox.drain(..events).collect();
        for event in &events {
            if let Event::Left { conn } = event {
                self.outboxes.remove(*conn);
            }
        }
        if events.is_empty() {
            events.push(Event::Tick);
        }
        self.apply(shared, events);
    }

    fn apply(&mut self, shared: &Shared, events: Vec<Event>) {
        let mut effects = Vec::new();
        let held = self.room.apply_batch(self.moment(shared), events, &mut effects);
        self.held.extend(held);
        for effect in effects {
            self.carry(shared.flow, effect);
        }
    }

    fn carry(&mut self, flow: FlowId, effect: Effect) {
        match effect {
            Effect::Append(Appended { at, updates, writers }) => match &mut self.gathered {
                Some(gathered) => {
                    gathered.updates.extend(updates);
                    gathered.writers.extend(writers);
                }
                None => {
                    let batch = BatchId::generate();
                    self.gathered = Some(FlowBatch { flow, batch, at, updates, writers });
                }
            },
            Effect::ReadLog { after } => self.reads.push(after),
            Effect::Relay(slice) => self.to_tell.push_back(slice),
            Effect::TellNodes(presence) => {
                self.to_show = Some(match self.to_show.take() {
                    Some(earlier) => earlier.then(presence),
                    None => presence,
                });
            }
            Effect::Publish(snapshot) => {
                assert!(self.publish.is_none(), "two snapshots are being published");
                self.publish = Some(snapshot);
            }
            Effect::Project(_) => self.projecting = true,
            Effect::Reload => self.reloading = true,
            Effect::Size { .. } | Effect::Reply { .. } => panic!("nobody edits through the API here"),
            toward_peers => self.outboxes.carry(toward_peers),
        }
    }

    fn advance(&mut self, task: u32, shared: &Shared, relay: &MemoryRelay, faults: bool, rng: &mut StdRng) {
        match task {
            0 => self.store_append(shared, faults, rng),
            1 => self.answer_append(shared, faults, rng),
            2 => self.tell_others(shared, relay, faults, rng),
            3 => self.hear_one(shared, faults, rng),
            4 => self.read_log(shared, rng),
            5 => self.publish(shared, faults, rng),
            6 => {
                if std::mem::take(&mut self.projecting) {
                    let stored = !(faults && rng.random_bool(0.3));
                    self.apply(shared, vec![Event::ProjectionDone { stored }]);
                }
            }
            _ => self.reload(shared),
        }
    }

    fn store_append(&mut self, shared: &Shared, faults: bool, rng: &mut StdRng) {
        if self.append.is_none() {
            self.append = self.gathered.take().map(Append::Sealed);
        }
        self.append = match self.append.take() {
            Some(Append::Sealed(batch)) if !(faults && rng.random_bool(0.3)) => {
                let stored = now(shared.store.append(std::slice::from_ref(&batch))).pop();
                let seqs = stored.expect("one result a batch").expect("the store takes it");
                Some(Append::Stored(batch, seqs))
            }
            other => other,
        };
    }

    fn answer_append(&mut self, shared: &Shared, faults: bool, rng: &mut StdRng) {
        if self.reloading {
            return;
        }
        match self.append.take() {
            // The answer was lost: the same batch is tried again.
            Some(Append::Stored(batch, _)) if faults && rng.random_bool(0.2) => {
                self.append = Some(Append::Sealed(batch));
            }
            Some(Append::Stored(FlowBatch { batch, .. }, seqs)) => {
                self.apply(shared, vec![Event::Committed(Committed { batch, seqs })]);
            }
            other => self.append = other,
        }
    }

    fn tell_others(&mut self, shared: &Shared, relay: &MemoryRelay, faults: bool, rng: &mut StdRng) {
        if let Some(presence) = self.to_show.take()
            && !(faults && rng.random_bool(0.2))
        {
            now(relay.show(shared.flow, &presence)).expect("it is in memory");
        }
        let Some(slice) = self.to_tell.pop_front() else { return };
        if !(faults && rng.random_bool(0.2)) {
            now(self.hot.push(&slice)).expect("it is in memory");
        }
        if !(faults && rng.random_bool(0.2)) {
            now(relay.publish(shared.flow, &slice)).expect("it is in memory");
        }
    }

    /// In any order, some never and some twice.
    fn hear_one(&mut self, shared: &Shared, faults: bool, rng: &mut StdRng) {
        self.hear();
        if self.heard.is_empty() || self.reloading {
            return;
        }
        let at = if faults { rng.random_range(0..self.heard.len()) } else { 0 };
        let heard = self.heard.remove(at);
        if faults && rng.random_bool(0.2) {
            return;
        }
        if faults && rng.random_bool(0.1) {
            self.heard.push(heard.clone());
        }
        let event = match heard {
            Heard::Committed(slice) => Event::Relayed { slice },
            Heard::Presence { node, presence } => Event::NodeShows { node, presence },
            Heard::Missed => Event::RelayMissed,
        };
        self.apply(shared, vec![event]);
    }

    fn read_log(&mut self, shared: &Shared, rng: &mut StdRng) {
        if let Some(slice) = self.read.take() {
            return self.apply(shared, vec![Event::LogRead { slice }]);
        }
        let Some(after) = self.reads.pop() else { return };
        let page = rng.random_range(1..=20);
        match now(self.hot.updates_after(&*shared.store, after, page)) {
            Ok(slice) => self.read = Some(slice),
            // Away: it is tried again.
            Err(_) => self.reads.push(after),
        }
    }

    fn publish(&mut self, shared: &Shared, faults: bool, rng: &mut StdRng) {
        let Some(snapshot) = self.publish.take() else { return };
        shared.check_snapshot(&snapshot);
        let stored = !(faults && rng.random_bool(0.2));
        if stored {
            now(shared.store.put_snapshot(shared.flow, &snapshot, Timestamp::UNIX_EPOCH))
                .expect("a snapshot of committed updates is taken");
            if !(faults && rng.random_bool(0.2)) {
                now(self.hot.put_snapshot(snapshot));
            }
        }
        self.apply(shared, vec![Event::SnapshotDone { stored }]);
    }

    fn reload(&mut self, shared: &Shared) {
        if !self.reloading {
            return;
        }
        // Reading and handing over are two steps: much happens in between.
        let Some(loaded) = self.reread.take() else {
            let Ok(stored) = now(shared.store.load(shared.flow)) else { return };
            let loaded = LoadedFlow::build(shared.flow, &stored.expect("the flow exists").into());
            self.reread = Some(Box::new(loaded.expect("what is stored can be read")));
            return;
        };
        self.reloading = false;
        let mut events = vec![Event::Reloaded(loaded)];
        events.append(&mut self.held);
        self.apply(shared, events);
    }

    /// The relay says that another node has committed what no document can take.
    pub(crate) fn hear_nonsense(&mut self) {
        // Client 9's work from clock 5 on, of whom nobody knows anything before.
        let nonsense = Bytes::from_static(&[1, 1, 9, 5, 4, 1, 1, b't', 1, b'x', 0]);
        let slice = LogSlice::of_batch(self.room.contiguous().next(), BatchId::generate(), [nonsense]);
        self.heard.push(Heard::Committed(Arc::new(slice)));
    }

    pub(crate) const fn is_reloading(&self) -> bool {
        self.reloading
    }
}

/// For the world's constructor.
pub(crate) fn nodes(count: usize) -> Vec<Node> {
    let first = MemoryRelay::new();
    let others = (1..count).map(|_| first.another()).collect::<Vec<_>>();
    std::iter::once(first).chain(others).map(Node::new).collect()
}
