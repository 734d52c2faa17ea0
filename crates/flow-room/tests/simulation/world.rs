//! Clients, nodes and a store, and what may happen to them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ConnId, Seq, Timestamp, UserId};
use flow_model::FlowDoc;
use flow_protocol::frame::{self, Message};
use flow_protocol::{UpdateLimits, awareness, check_update};
use flow_room::{Access, Event, Inbound, Outbox, Permit, RoomLimits, Taken};
use flow_store::Store;
use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::client::{Client, client_id};
use crate::content::Content;
use crate::node::{Node, nodes};
use crate::now;
use crate::shared::Shared;

#[path = "calm.rs"]
mod calm;
#[path = "compare.rs"]
mod compare;

pub(crate) struct World {
    shared: Shared,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    limits: RoomLimits,
    rng: StdRng,
    next_conn: u64,
    steps: u32,
    /// The log read alone, as far as `durable_at`.
    durable: FlowDoc,
    durable_at: Seq,
    faults: Faults,
    /// How often each thing happened, to see that the seeds reach it.
    pub(crate) tally: Tally,
}

/// What goes wrong in this run: some runs are rough in one way only.
struct Faults {
    crashes: bool,
    demotions: bool,
    siblings: bool,
    poison: bool,
    tasks: bool,
    loads: bool,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) edits: usize,
    pub(crate) saved: usize,
    pub(crate) crashes: usize,
    pub(crate) closed: usize,
    pub(crate) collapsed: usize,
    pub(crate) reloads: usize,
    pub(crate) holes: usize,
    pub(crate) snapshots: usize,
}

/// Small, so that every bound is reached.
fn limits(rng: &mut StdRng) -> RoomLimits {
    RoomLimits {
        outbox_soft_bytes: rng.random_range(200..2_000),
        outbox_hard_bytes: 64 << 10,
        recent_bytes: rng.random_range(0..2_000),
        parked_bytes: rng.random_range(500..8_000),
        parked_for: Duration::from_secs(3),
        idle_after: Duration::from_secs(5),
        project_every: Duration::from_secs(1),
        snapshot_updates: rng.random_range(1..20),
        snapshot_ratio: 1_000,
        ..RoomLimits::default()
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(Shared::in_memory(), seed)
    }

    /// On a store that was made for it.
    pub(crate) fn on(store: Arc<dyn Store>, seed: u64) -> Self {
        Self::with(Shared::on(store), seed)
    }

    fn with(shared: Shared, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = nodes(rng.random_range(1..=3));
        // Two tabs of one person, and others.
        let people = [UserId::generate(), UserId::generate(), UserId::generate()];
        let count = rng.random_range(2..=5);
        let clients = (0..count)
            .map(|at: usize| Client::new(client_id(&mut rng), people[at.saturating_sub(1).min(2)]))
            .collect();
        let faults = Faults {
            crashes: rng.random_bool(0.6),
            demotions: rng.random_bool(0.3),
            siblings: rng.random_bool(0.4),
            poison: rng.random_bool(0.25),
            tasks: rng.random_bool(0.7),
            loads: rng.random_bool(0.3),
        };
        Self {
            shared,
            nodes,
            clients,
            limits: limits(&mut rng),
            rng,
            next_conn: 1,
            steps: 0,
            durable: FlowDoc::new(None),
            durable_at: Seq::ZERO,
            faults,
            tally: Tally::default(),
        }
    }

    /// The whole run: rough for a while, then quiet, then everything is compared.
    pub(crate) fn run(mut self) -> Tally {
        for step in 0..self.rng.random_range(100..500) {
            self.steps = step;
            self.step();
        }
        self.tail_off();
        self.calm_down();
        self.compare();
        self.tally
    }

    fn step(&mut self) {
        let client = self.rng.random_range(0..self.clients.len());
        let node = self.rng.random_range(0..self.nodes.len());
        match self.rng.random_range(0..100) {
            0..14 => self.edit(client),
            14..20 => {
                let here = |client: &Client| client.link.is_none() && self.steps >= client.away_until;
                let offline = (0..self.clients.len()).find(|&at| here(&self.clients[at]));
                offline.into_iter().for_each(|at| self.connect(at));
            }
            20..22 => {
                // For a moment, or for a good while.
                let away = self.rng.random_range(0..3) * 60;
                self.clients[client].away_until = self.steps + away;
                self.cut(client);
            }
            22..40 => {
                let frames = self.rng.random_range(1..=5);
                (0..frames).all(|_| self.deliver_up(client));
            }
            40..55 => {
                let frames = self.rng.random_range(1..=5);
                (0..frames).all(|_| self.deliver_down(client));
            }
            55..85 => self.step_node(node),
            87 | 88 if self.faults.poison => self.poison(node),
            85..87 if self.faults.siblings => self.tell_sibling(client),
            85..90 => {
                let time = Duration::from_millis(self.rng.random_range(1..400));
                self.shared.pass(time);
            }
            90 => self.shared.pass(Duration::from_secs(6)),
            91 | 92 => self.nodes[node].evict(&self.shared),
            93 => self.see_heads(),
            94 if self.faults.crashes => self.crash(node),
            95 if self.faults.demotions => self.change_access(client),
            98 if self.faults.loads => {
                let away = self.rng.random_bool(0.5);
                self.shared.fail_loads(away);
            }
            99 => match self.rng.random_range(0..4) {
                0 => self.shared.forget(),
                1 => self.nodes[node].drain(),
                2 => self.clients[client].move_cursor(),
                _ => self.clients[client].ask_whether_saved(),
            },
            _ => self.clients[client].move_cursor(),
        }
    }

    fn edit(&mut self, client: usize) {
        if self.clients[client].edit(&mut self.rng).is_some() {
            self.tally.edits += 1;
        }
    }

    fn connect(&mut self, client: usize) {
        if self.clients[client].link.is_some() {
            return;
        }
        let at = self.rng.random_range(0..self.nodes.len());
        let (shared, node) = (&self.shared, &mut self.nodes[at]);
        if !node.open(shared, &self.limits) {
            return;
        }
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let outbox = Outbox::new(self.limits.outbox_soft_bytes, self.limits.outbox_hard_bytes);
        let client = &mut self.clients[client];
        if self.rng.random_bool(0.3) {
            client.reopen(client_id(&mut self.rng));
        }
        node.join(conn, outbox.clone(), Event::Joined { conn, peer: client.info() });
        client.connected(at, conn, outbox);
    }

    fn cut(&mut self, client: usize) {
        if let Some(link) = &self.clients[client].link {
            self.nodes[link.node].leave(link.conn);
        }
        self.clients[client].cut();
    }

    fn crash(&mut self, node: usize) {
        self.tally.crashes += 1;
        self.nodes[node].crash();
        for client in &mut self.clients {
            if client.link.as_ref().is_some_and(|link| link.node == node) {
                client.cut();
            }
        }
    }

    /// A frame of a client arrives: what a connection makes of it.
    fn deliver_up(&mut self, client: usize) -> bool {
        let Some(link) = &mut self.clients[client].link else { return false };
        let Some(frame) = link.up.pop_front() else { return false };
        let (conn, node) = (link.conn, link.node);
        for message in frame::messages(frame) {
            let message = inbound(message.expect("clients here send sound frames"));
            self.nodes[node].tell(Event::Received { conn, message });
        }
        true
    }

    /// A frame for a client arrives; its socket asks for more only when the last
    /// frame has been read.
    fn deliver_down(&mut self, client: usize) -> bool {
        let Some(link) = &mut self.clients[client].link else { return false };
        let (conn, node) = (link.conn, link.node);
        if let Some(frame) = link.down.pop_front() {
            let saved = self.clients[client].receive(frame);
            if let Some(saved) = saved {
                self.check_saved(client, saved);
            }
            return true;
        }
        match link.outbox.take().now_or_never() {
            None => false,
            Some(Taken::Frames(frames)) => {
                link.down.extend(frames);
                true
            }
            Some(Taken::AskSince(since)) => {
                self.tally.collapsed += 1;
                self.nodes[node].tell(Event::Drained { conn, since });
                true
            }
            Some(Taken::Close(code)) => {
                assert!(!code.is_final(), "client {client} was sent away for good: {code}");
                self.tally.closed += 1;
                self.cut(client);
                true
            }
            Some(Taken::Ended) => {
                self.cut(client);
                true
            }
        }
    }

    /// A client was told that its first `saved` edits are durable. They are, now.
    fn check_saved(&mut self, client: usize, saved: usize) {
        self.read_durable();
        self.tally.saved += 1;
        let durable = Content::of_doc(&self.durable);
        for (at, made) in self.clients[client].made[..saved].iter().enumerate() {
            let missing = durable.lacks(made);
            assert_eq!(missing, None, "edit {at} of client {client} was acknowledged and is not in the log");
        }
    }

    fn read_durable(&mut self) {
        let away = self.shared.fail_loads(false);
        for update in self.shared.log_after(self.durable_at) {
            let applied = self.durable.apply_update_v1(&update).expect("the log can be replayed");
            assert_eq!(applied.rest, None, "the log holds what cannot be applied");
            self.durable_at = self.durable_at.next();
        }
        self.shared.fail_loads(away);
    }

    fn step_node(&mut self, node: usize) {
        for _ in 0..self.rng.random_range(1..=4) {
            self.nodes[node].step(&self.shared, self.faults.tasks, &mut self.rng);
        }
    }

    /// What every node asks the store for now and then.
    fn see_heads(&mut self) {
        let revisions = now(self.shared.store.revisions(&[self.shared.flow], &[], Timestamp::UNIX_EPOCH));
        let head = revisions.expect("it is in memory").flows[0].head;
        for node in &mut self.nodes {
            node.tell(Event::HeadSeen { head });
        }
    }

    fn change_access(&mut self, client: usize) {
        let client = &mut self.clients[client];
        client.may_edit = !client.may_edit;
        if let Some(link) = &client.link {
            let role = client.info().role;
            let access = Access::Granted { role, may_edit: client.may_edit };
            self.nodes[link.node].tell(Event::AccessChanged { conn: link.conn, access });
        }
    }

    /// Tabs of one browser tell each other what they edit, past the server; some of
    /// it is lost, which leaves a hole in the other's document.
    fn tell_sibling(&mut self, client: usize) {
        let Some(update) = self.clients[client].edit(&mut self.rng) else { return };
        self.tally.edits += 1;
        let other = (client + 1) % self.clients.len();
        if self.rng.random_bool(0.6) {
            self.clients[other].apply(&update);
            self.tally.holes += usize::from(self.clients[other].has_holes());
        }
    }

    /// A relay that tells nonsense costs the room its document, which it reads anew.
    fn poison(&mut self, node: usize) {
        if let Some(open) = &mut self.nodes[node].open {
            self.tally.reloads += 1;
            open.hear_nonsense();
        }
    }
}

/// What a connection makes of a sound message.
fn inbound(message: Message) -> Inbound {
    let checked = |update: Bytes| check_update(update, &UpdateLimits::default()).expect("it is sound");
    match message {
        Message::Step1 { state_vector } => Inbound::Step1 { state_vector },
        Message::Step2 { update } => Inbound::Step2 { update: checked(update), permit: Permit::unbounded() },
        Message::Update { update } => {
            Inbound::Update { update: checked(update), permit: Permit::unbounded() }
        }
        Message::Awareness { update } => {
            Inbound::Awareness { entries: awareness::decode(&update).expect("it is sound") }
        }
        Message::Barrier { token } => Inbound::Barrier { token },
        other => panic!("clients here do not send {other:?}"),
    }
}

impl Tally {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            edits: self.edits + other.edits,
            saved: self.saved + other.saved,
            crashes: self.crashes + other.crashes,
            closed: self.closed + other.closed,
            collapsed: self.collapsed + other.collapsed,
            reloads: self.reloads + other.reloads,
            holes: self.holes + other.holes,
            snapshots: self.snapshots + other.snapshots,
        }
    }
}
