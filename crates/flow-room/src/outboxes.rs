use std::collections::HashMap;

use flow_base::ConnId;

use crate::effect::Effect;
use crate::outbox::Outbox;

/// The queues of a room's peers: where those of its effects go that peers see.
#[derive(Debug, Default)]
pub struct Outboxes {
    outboxes: HashMap<ConnId, Outbox>,
}

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
    pub fn carry(&self, effect: Effect) {
        match effect {
            Effect::Send { conn, frame } => self.with(conn, |outbox| outbox.push_control(frame)),
            Effect::AnswerJoin { conn, frame, position } => {
                self.with(conn, |outbox| outbox.push_answer(frame, position));
            }
            Effect::CatchUp { conn, frames, position } => {
                self.with(conn, |outbox| outbox.push_missed(frames, position));
            }
            Effect::FanOut { frame, position, except } => {
                self.others(except).for_each(|outbox| outbox.push_update(&frame, position));
            }
            Effect::Show { frame, except } => {
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
            | Effect::Reply { .. } => {}
        }
    }

    fn with(&self, conn: ConnId, act: impl FnOnce(&Outbox)) {
        if let Some(outbox) = self.outboxes.get(&conn) {
            act(outbox);
        }
    }

    fn others(&self, except: Option<ConnId>) -> impl Iterator<Item = &Outbox> {
        self.outboxes.iter().filter(move |(conn, _)| Some(**conn) != except).map(|(_, outbox)| outbox)
    }
}
