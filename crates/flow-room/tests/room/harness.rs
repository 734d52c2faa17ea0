use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{BatchId, ConnId, FlowId, Role, Seq, SeqRange, SystemClock, Timestamp, UserId};
use flow_model::FlowDoc;
use flow_protocol::frame::{self, Message};
use flow_protocol::{CloseCode, UpdateLimits, awareness, check_update};
use flow_room::{Committed, Effect, Event, Inbound, Moment, PeerInfo, Permit, Room, RoomLimits, load};
use flow_store::memory::MemoryStore;
use flow_store::{LogStore, NewUpdate, Writer};

use crate::fixture::create_flow;

pub(crate) const ANN: ConnId = ConnId(1);
pub(crate) const BEN: ConnId = ConnId(2);
pub(crate) const VIC: ConnId = ConnId(3);

/// A room, its clock, and what it wants done.
pub(crate) struct Harness {
    pub(crate) room: Room,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) flow: FlowId,
    pub(crate) elapsed: Duration,
    pub(crate) effects: Vec<Effect>,
    /// The log as the test keeps it.
    pub(crate) head: Seq,
    /// Appended and not committed.
    appended: Vec<NewUpdate>,
    /// With whatever was appended since the last commit.
    pub(crate) writers: Vec<Writer>,
}

pub(crate) async fn room() -> Harness {
    room_with(RoomLimits::default()).await
}

pub(crate) async fn room_with(limits: RoomLimits) -> Harness {
    let store = Arc::new(MemoryStore::new());
    let flow = FlowId::generate();
    create_flow(&*store, flow).await;
    let log: Arc<dyn LogStore> = Arc::clone(&store) as Arc<dyn LogStore>;
    let loaded = load(&log, flow).await.unwrap();
    let room = Room::new(flow, loaded, limits);
    let (elapsed, effects) = (Duration::ZERO, Vec::new());
    Harness { room, store, flow, elapsed, effects, head: Seq(1), appended: Vec::new(), writers: Vec::new() }
}

pub(crate) fn now() -> Timestamp {
    flow_base::Clock::now(&SystemClock)
}

pub(crate) fn info(name: &str, role: Role) -> PeerInfo {
    PeerInfo { user: UserId::generate(), name: name.into(), role, may_edit: role >= Role::Editor }
}

impl Harness {
    pub(crate) fn moment(&self) -> Moment {
        Moment { elapsed: self.elapsed, wall: now() }
    }

    pub(crate) fn apply(&mut self, event: Event) -> &mut Self {
        let moment = self.moment();
        let mut effects = Vec::new();
        self.room.apply(moment, event, &mut effects);
        self.room.settle(moment, &mut effects);
        for effect in &effects {
            if let Effect::Append(appended) = effect {
                self.appended.extend(appended.updates.iter().cloned());
                self.writers.extend(&appended.writers);
            }
        }
        self.effects.extend(effects);
        self
    }

    pub(crate) fn after(&mut self, elapsed: Duration) -> &mut Self {
        self.elapsed += elapsed;
        self.apply(Event::Tick)
    }

    pub(crate) fn join(&mut self, conn: ConnId, role: Role) -> &mut Self {
        self.join_as(conn, info("somebody", role))
    }

    /// Joins with an empty document.
    pub(crate) fn join_as(&mut self, conn: ConnId, peer: PeerInfo) -> &mut Self {
        self.apply(Event::Joined { conn, peer });
        self.receive(conn, Inbound::Step1 { state_vector: Bytes::from_static(&[0]) })
    }

    pub(crate) fn receive(&mut self, conn: ConnId, message: Inbound) -> &mut Self {
        self.apply(Event::Received { conn, message })
    }

    pub(crate) fn update(&mut self, conn: ConnId, update: &[u8]) -> &mut Self {
        let update = check_update(Bytes::copy_from_slice(update), &UpdateLimits::default()).unwrap();
        self.receive(conn, Inbound::Update { update, permit: Permit::unbounded() })
    }

    /// The answer to a step 1 of the room's.
    pub(crate) fn answer(&mut self, conn: ConnId, update: &[u8]) -> &mut Self {
        let update = check_update(Bytes::copy_from_slice(update), &UpdateLimits::default()).unwrap();
        self.receive(conn, Inbound::Step2 { update, permit: Permit::unbounded() })
    }

    pub(crate) fn barrier(&mut self, conn: ConnId, token: &'static [u8]) -> &mut Self {
        self.receive(conn, Inbound::Barrier { token: Bytes::from_static(token) })
    }

    pub(crate) fn show(&mut self, conn: ConnId, client: u64, clock: u64, state: &str) -> &mut Self {
        let entry = awareness::Entry { client, clock, state: Bytes::copy_from_slice(state.as_bytes()) };
        self.receive(conn, Inbound::Awareness { entries: vec![entry] })
    }

    /// The first of what was appended is committed, after `others` updates of other nodes.
    pub(crate) fn commit_some(&mut self, others: u64, count: usize) -> &mut Self {
        self.appended.drain(..count);
        self.writers.clear();
        let seqs = SeqRange::after(Seq(self.head.0 + others), count as u64).expect("something is appended");
        self.head = seqs.last;
        self.effects.clear();
        self.apply(Event::Committed(Committed { batch: BatchId::generate(), seqs }))
    }

    /// All of it is.
    pub(crate) fn commit_after(&mut self, others: u64) -> &mut Self {
        self.commit_some(others, self.appended.len())
    }

    pub(crate) fn commit(&mut self) -> &mut Self {
        self.commit_after(0)
    }

    /// The updates that wait for their commit.
    pub(crate) fn appended(&self) -> &[NewUpdate] {
        &self.appended
    }

    pub(crate) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The messages this peer alone was sent since the last look.
    pub(crate) fn sent_to(&self, to: ConnId) -> Vec<Message> {
        let frames = self.effects.iter().flat_map(|effect| match effect {
            Effect::Send { conn, frame } | Effect::AnswerJoin { conn, frame, .. } if *conn == to => {
                vec![frame.clone()]
            }
            Effect::CatchUp { conn, frames, .. } if *conn == to => frames.clone(),
            _ => Vec::new(),
        });
        frames.flat_map(|frame| frame::messages(frame).map(Result::unwrap).collect::<Vec<_>>()).collect()
    }

    pub(crate) fn barriers_to(&self, to: ConnId) -> Vec<Bytes> {
        let barriers = self.sent_to(to).into_iter().filter_map(|message| match message {
            Message::Barrier { token } => Some(token),
            _ => None,
        });
        barriers.collect()
    }

    pub(crate) fn was_refused(&self, to: ConnId) -> bool {
        self.sent_to(to).iter().any(|message| matches!(message, Message::PermissionDenied { .. }))
    }

    /// The updates fanned out since the last look, with whom they left out.
    pub(crate) fn fanned_out(&self) -> Vec<(Bytes, Option<ConnId>)> {
        let frames = self.effects.iter().filter_map(|effect| match effect {
            Effect::FanOut { frame, except, .. } => Some((frame.clone(), *except)),
            _ => None,
        });
        frames
            .map(|(frame, except)| match frame::messages(frame).next() {
                Some(Ok(Message::Update { update })) => (update, except),
                other => panic!("no update was fanned out, but {other:?}"),
            })
            .collect()
    }

    pub(crate) fn closed(&self, conn: ConnId) -> Option<CloseCode> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Close { conn: closed, code } if *closed == conn => Some(*code),
            _ => None,
        })
    }

    pub(crate) fn nodes(&self) -> Vec<String> {
        self.room.document().unwrap().graph().nodes.keys().map(ToString::to_string).collect()
    }
}

/// A writer of its own, that knows the room's flow.
pub(crate) fn writer(harness: &Harness) -> FlowDoc {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&harness.room.document().unwrap().encode_state_v1()).unwrap();
    doc
}

/// The update that adds a node.
pub(crate) fn add(doc: &mut FlowDoc, id: &str) -> Vec<u8> {
    let edit =
        serde_json::from_value(serde_json::json!({ "op": "addNode", "id": id, "type": "message" })).unwrap();
    doc.edit(&[edit]).unwrap().update.unwrap()
}
