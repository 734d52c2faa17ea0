//! Listening to the channels of all flows that are open here, on one connection.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use flow_base::{FlowId, NodeId};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::ANSWER_WITHIN;
use super::keys::Keys;
use super::link::Live;
use super::wire::{Frame, Says, decode_frame};
use crate::{Heard, Inlet};

/// A room wants to hear of its flow.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) flow: FlowId,
    pub(super) inlet: Inlet,
    /// Answered once it hears, or will hear [`Heard::Missed`] before anything else.
    pub(super) listens: oneshot::Sender<()>,
}

/// Hands what Redis says to the rooms. It never waits.
#[derive(Debug)]
pub(super) struct Ear {
    node: NodeId,
    keys: Keys,
    rooms: DashMap<FlowId, Vec<Inlet>>,
    has_complained: AtomicBool,
}

impl Ear {
    pub(super) fn new(node: NodeId, keys: Keys) -> Self {
        Self { node, keys, rooms: DashMap::new(), has_complained: AtomicBool::new(false) }
    }

    pub(super) fn hear(&self, push: PushInfo) {
        if push.kind != PushKind::Message {
            return;
        }
        let mut said = push.data.into_iter();
        let (Some(Value::BulkString(channel)), Some(Value::BulkString(frame))) = (said.next(), said.next())
        else {
            return;
        };
        let Some(flow) = self.keys.flow_of(&channel) else { return };
        match decode_frame(&Bytes::from(frame)) {
            // Redis tells us what we have said ourselves, too.
            Ok(Frame { from, .. }) if from == self.node => {}
            Ok(frame) => self.tell(flow, &heard(frame)),
            // Of another release, perhaps. The log has it; to tell the room that it
            // missed something would make it ask, and be answered in the same way.
            Err(error) => {
                if !self.has_complained.swap(true, Ordering::Relaxed) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%flow, error, "another node says what cannot be read; told only once");
                }
            }
        }
    }

    fn tell(&self, flow: FlowId, heard: &Heard) {
        if let Some(inlets) = self.rooms.get(&flow) {
            for inlet in inlets.iter() {
                // Whoever does not listen any more is looked for from time to time.
                inlet.push(heard.clone());
            }
        }
    }

    fn tell_all_that_they_missed_something(&self) {
        for inlets in &self.rooms {
            for inlet in inlets.iter() {
                inlet.push(Heard::Missed);
            }
        }
    }

    /// Forgets rooms that do not listen any more.
    fn sweep(&self) {
        self.rooms.retain(|_, inlets| {
            inlets.retain(Inlet::is_heard);
            !inlets.is_empty()
        });
    }
}

fn heard(frame: Frame) -> Heard {
    match frame.says {
        Says::Committed(slice) => Heard::Committed(Arc::new(slice)),
        Says::LookIntoTheLog => Heard::Missed,
        Says::Presence(presence) => Heard::Presence { node: frame.from, presence: Arc::new(presence) },
    }
}

/// The only one that subscribes and unsubscribes, so that the two cannot overtake each
/// other when a room closes and opens again.
pub(super) struct Listening {
    ear: Arc<Ear>,
    link: watch::Receiver<Option<Live>>,
    requests: mpsc::Receiver<Request>,
    live: Option<Live>,
    /// On the connection there is.
    subscribed: HashSet<FlowId>,
    sweeps: Interval,
}

/// How late a closed room is unsubscribed. Until then what is said of it is dropped.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Channels named in one command.
const CHANNELS_AT_ONCE: usize = 1_000;

enum Event {
    Requested(Vec<Request>),
    LinkChanged,
    SweepDue,
    Ended,
}

#[derive(Clone, Copy)]
enum Wish {
    Subscribe,
    Unsubscribe,
}

impl Listening {
    pub(super) fn new(
        ear: Arc<Ear>,
        link: watch::Receiver<Option<Live>>,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        let mut sweeps = interval(SWEEP_EVERY);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ear, link, requests, live: None, subscribed: HashSet::new(), sweeps }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.next_event().await {
                Event::Requested(requests) => self.take_in(requests).await,
                Event::LinkChanged => self.follow_link().await,
                Event::SweepDue => self.sweep().await,
                Event::Ended => return,
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        let mut requests = Vec::new();
        tokio::select! {
            // A new connection first: requests are then subscribed on it.
            biased;
            changed = self.link.changed() => if changed.is_ok() { Event::LinkChanged } else { Event::Ended },
            count = self.requests.recv_many(&mut requests, CHANNELS_AT_ONCE) => {
                if count > 0 { Event::Requested(requests) } else { Event::Ended }
            }
            _ = self.sweeps.tick() => Event::SweepDue,
        }
    }

    async fn take_in(&mut self, requests: Vec<Request>) {
        let mut waiting = Vec::with_capacity(requests.len());
        let mut new = HashSet::new();
        for Request { flow, inlet, listens } in requests {
            self.ear.rooms.entry(flow).or_default().push(inlet);
            waiting.push(listens);
            if !self.subscribed.contains(&flow) {
                new.insert(flow);
            }
        }
        // If it fails, all are told that they missed something once there is another
        // connection, these among them.
        let new: Vec<_> = new.into_iter().collect();
        self.wish(Wish::Subscribe, &new).await;
        for listens in waiting {
            // A room that does not wait any more does not listen either.
            listens.send(()).unwrap_or_default();
        }
    }

    async fn follow_link(&mut self) {
        self.live = self.link.borrow_and_update().clone();
        self.subscribed.clear();
        self.ear.sweep();
        let flows: Vec<_> = self.ear.rooms.iter().map(|room| *room.key()).collect();
        if self.wish(Wish::Subscribe, &flows).await {
            self.ear.tell_all_that_they_missed_something();
        }
    }

    async fn sweep(&mut self) {
        self.ear.sweep();
        let gone = self.subscribed.iter().filter(|flow| !self.ear.rooms.contains_key(flow));
        let gone: Vec<_> = gone.copied().collect();
        self.wish(Wish::Unsubscribe, &gone).await;
    }

    /// Subscribes to the flows or no longer, if there is a connection. One on which that
    /// fails is given up, as it is not known what it has done; `false` then.
    async fn wish(&mut self, wish: Wish, flows: &[FlowId]) -> bool {
        let Some(live) = self.live.clone() else { return false };
        for flows in flows.chunks(CHANNELS_AT_ONCE) {
            let channels: Vec<_> = flows.iter().map(|flow| self.ear.keys.channel(*flow)).collect();
            let mut redis = live.connection();
            let done = async {
                match wish {
                    Wish::Subscribe => redis.subscribe(&channels).await,
                    Wish::Unsubscribe => redis.unsubscribe(&channels).await,
                }
            };
            match timeout(ANSWER_WITHIN, done).await {
                Ok(Ok(())) => {
                    for flow in flows {
                        match wish {
                            Wish::Subscribe => self.subscribed.insert(*flow),
                            Wish::Unsubscribe => self.subscribed.remove(flow),
                        };
                    }
                }
                failed => {
                    // The link tells why it was lost; this is the detail.
                    tracing::debug!(?failed, "could not change what is listened to");
                    live.give_up();
                    self.live = None;
                    return false;
                }
            }
        }
        true
    }
}
