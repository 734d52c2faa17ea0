use std::collections::HashMap;

use flow_base::ConnId;

use crate::effect::Effect;
use crate::outbox::{Outbox, Outgoing};

/// The queues of a room's peers: where those of its effects go that peers see.
#[derive(Debug, Default)]
pub struct Outboxes {
    outboxes: HashMap<ConnId, Outbox>,
    unflushed: Unflushed,
    /// Memory for flushing, used again and again.
    frames: Vec<Outgoing>,
}

/// Where something was queued since the last flush.
#[derive(Debug, Default)]
enum Unflushed {
    #[default]
    Nowhere,
    Some(Vec<ConnId>),
    Everywhere,
}

/// So many sockets a room writes to by itself: some hundred microseconds. With more
/// peers the rest is divided among tasks, each with as many, which run beside it.
const FLUSHED_AT_ONCE: usize = 64;

impl Outboxes {
    pub fn insert(&mut self, conn: ConnId, outbox: Outbox) {
        self.outboxes.insert(conn, outbox);
    }

    /// The room forgets this peer: what is queued is still written.
    pub fn remove(&mut self, conn: ConnId) {
        if let Some(outbox) = self.outboxes.remove(&conn) {
            outbox.end();
        }
    }

    /// Ends all of them, as when the room is gone.
    pub fn end(&self) {
        self.outboxes.values().for_each(Outbox::end);
    }

    /// Carries out an effect that peers see. Others are for the store and the
    /// cluster, and are none of this one's business.
    pub fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::Send { conn, frame } => self.with(conn, |outbox| outbox.push_control(frame)),
            Effect::AnswerJoin { conn, frame, position } => {
                self.with(conn, |outbox| outbox.push_answer(frame, position));
            }
            Effect::CatchUp { conn, frames, position } => {
                self.with(conn, |outbox| outbox.push_missed(frames, position));
            }
            Effect::FanOut { frame, position, except } => {
                self.unflushed = Unflushed::Everywhere;
                self.others(except).for_each(|outbox| outbox.push_update(&frame, position));
            }
            Effect::Show { frame, except } => {
                self.unflushed = Unflushed::Everywhere;
                self.others(except).for_each(|outbox| outbox.push_presence(&frame));
            }
            Effect::Close { conn, code } => self.with(conn, |outbox| outbox.close(code)),
            Effect::Append(_)
            | Effect::ReadLog { .. }
            | Effect::Relay(_)
            | Effect::TellNodes(_)
            | Effect::Publish(_)
            | Effect::Project(_)
            | Effect::Reload
            | Effect::Size { .. }
            | Effect::Durability { .. }
            | Effect::Reply { .. } => {}
        }
    }

    /// Writes what was queued since the last time to the sockets that take it now.
    /// What is too much for one go is handed to `spawn`, to be flushed elsewhere.
    pub fn flush(&mut self, mut spawn: impl FnMut(Vec<Outbox>)) {
        match std::mem::take(&mut self.unflushed) {
            Unflushed::Nowhere => {}
            Unflushed::Some(conns) => {
                for outbox in conns.iter().filter_map(|conn| self.outboxes.get(conn)) {
                    outbox.flush_with(&mut self.frames);
                }
            }
            Unflushed::Everywhere => {
                let mut rest = self.outboxes.values();
                let own = rest.by_ref().take(FLUSHED_AT_ONCE).collect::<Vec<_>>();
                while rest.len() > 0 {
                    spawn(rest.by_ref().take(FLUSHED_AT_ONCE).cloned().collect());
                }
                own.into_iter().for_each(|outbox| outbox.flush_with(&mut self.frames));
            }
        }
    }

    fn with(&mut self, conn: ConnId, act: impl FnOnce(&Outbox)) {
        if let Some(outbox) = self.outboxes.get(&conn) {
            act(outbox);
            match &mut self.unflushed {
                Unflushed::Nowhere => self.unflushed = Unflushed::Some(vec![conn]),
                Unflushed::Some(conns) if conns.len() < self.outboxes.len() => conns.push(conn),
                Unflushed::Some(_) => self.unflushed = Unflushed::Everywhere,
                Unflushed::Everywhere => {}
            }
        }
    }

    fn others(&self, except: Option<ConnId>) -> impl Iterator<Item = &Outbox> {
        self.outboxes.iter().filter(move |(conn, _)| Some(**conn) != except).map(|(_, outbox)| outbox)
    }
}
