use std::time::Duration;

use bytes::Bytes;
use flow_base::ConnId;
use flow_protocol::{CloseCode, frame};

use super::Room;
use super::parked::Parked;
use crate::effect::Effect;
use crate::event::{Access, Moment, PeerInfo};
use crate::measures;

/// One participant of the room.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) info: PeerInfo,
    /// The state vector of its step 1; `None` until it came.
    pub(super) joined_at: Option<Bytes>,
    /// Something it sent was not applied: it gets no more barrier answers, for
    /// its document holds what ours does not.
    pub(super) refused: bool,
    /// It was told to go: nothing it sends is taken any more.
    pub(super) closed: bool,
    /// It was refused, may edit now, and was asked for everything it has. Once it
    /// has answered, nothing of it is missing.
    pub(super) owes_answer: bool,
    /// What of its updates cannot be applied yet.
    pub(super) parked: Option<Parked>,
    /// The client id under which it shows itself.
    pub(super) shown_as: Option<u64>,
    pub(super) told_presence_too_large: bool,
    /// It asked to be told when the document nears its limit.
    pub(super) wants_growth: bool,
}

impl Peer {
    pub(super) fn parked_until(&self) -> Option<Duration> {
        self.parked.as_ref().map(|parked| parked.until)
    }

    pub(super) const fn is_parked(&self) -> bool {
        self.parked.is_some()
    }
}

impl Room {
    pub(super) fn join(&mut self, now: Moment, conn: ConnId, info: PeerInfo, effects: &mut Vec<Effect>) {
        if self.peers.is_empty() {
            self.presence.elsewhere.begin(now.elapsed);
        }
        let mut closed = false;
        if self.draining || self.failed {
            let code = if self.draining { CloseCode::Restarting } else { CloseCode::Overloaded };
            effects.push(Effect::Close { conn, code });
            closed = true;
        }
        let peer = Peer {
            info,
            joined_at: None,
            refused: false,
            closed,
            owes_answer: false,
            parked: None,
            shown_as: None,
            told_presence_too_large: false,
            wants_growth: false,
        };
        self.peers.insert(conn, peer);
        self.empty_since = None;
    }

    pub(super) fn leave(&mut self, now: Moment, conn: ConnId, effects: &mut Vec<Effect>) {
        if let Some(peer) = self.peers.remove(&conn) {
            if let Some(client) = peer.shown_as
                && let Some(gone) = self.presence.leave(client, conn)
            {
                // Whoever else speaks for this id hears that it is gone: a stock
                // client then announces itself anew.
                let others = self.peers.iter().filter(|(_, peer)| peer.shown_as == Some(client));
                effects.extend(others.map(|(&conn, _)| Effect::Send { conn, frame: gone.clone() }));
            }
            if self.peers.is_empty() {
                self.empty_since = Some(now.elapsed);
            }
        }
    }

    pub(super) fn change_access(&mut self, conn: ConnId, access: Access, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        match access {
            Access::Ended(code) => self.close(conn, code, effects),
            Access::Granted { role, may_edit } => {
                let gained = may_edit && !peer.info.may_edit;
                (peer.info.role, peer.info.may_edit) = (role, may_edit);
                if gained {
                    // What it edited while it might not is welcome now. It stays
                    // refused until that is here: a barrier on its way was sent
                    // behind edits that nobody holds.
                    peer.owes_answer = peer.refused;
                    self.ask_for_missing(conn, effects);
                } else if !may_edit && peer.parked.take().is_some() {
                    peer.refused = true;
                }
            }
        }
    }

    /// Sends a peer away. What it still sends is not taken.
    pub(super) fn close(&mut self, conn: ConnId, code: CloseCode, effects: &mut Vec<Effect>) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.closed = true;
        }
        effects.push(Effect::Close { conn, code });
    }

    pub(super) fn close_all(&mut self, code: CloseCode, effects: &mut Vec<Effect>) {
        for (&conn, peer) in &mut self.peers {
            peer.closed = true;
            effects.push(Effect::Close { conn, code });
        }
    }

    /// Our step 1: the peer answers with everything we lack.
    pub(super) fn ask_for_missing(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        if let Some(doc) = self.document.get() {
            effects.push(Effect::Send { conn, frame: frame::step_1(&doc.state_vector_v1()) });
        }
    }

    /// Tells a peer that what it sent was not applied.
    pub(super) fn refuse(&mut self, conn: ConnId, reason: &str, effects: &mut Vec<Effect>) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.refused = true;
            measures::one(measures::REFUSED);
            effects.push(Effect::Send { conn, frame: frame::permission_denied(reason) });
        }
    }
}
