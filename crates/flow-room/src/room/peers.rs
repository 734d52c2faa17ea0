use std::time::Duration;

use bytes::Bytes;
use flow_base::ConnId;
use flow_protocol::{CloseCode, frame};

use super::Room;
use super::parked::Parked;
use crate::effect::Effect;
use crate::event::{Access, Moment, PeerInfo};

/// One participant of the room.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) info: PeerInfo,
    /// The state vector of its step 1; `None` until it came.
    pub(super) joined_at: Option<Bytes>,
    /// Something it sent was not applied: it gets no more barrier answers, for
    /// its document holds what ours does not.
    pub(super) refused: bool,
    /// What of its updates cannot be applied yet.
    pub(super) parked: Option<Parked>,
    /// The client id under which it shows itself.
    pub(super) shown_as: Option<u64>,
    pub(super) told_presence_too_large: bool,
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
    pub(super) fn join(&mut self, conn: ConnId, info: PeerInfo, effects: &mut Vec<Effect>) {
        if self.draining || self.failed {
            let code = if self.draining { CloseCode::Restarting } else { CloseCode::Overloaded };
            effects.push(Effect::Close { conn, code });
        }
        let asks = info.may_edit;
        let peer = Peer {
            info,
            joined_at: None,
            refused: false,
            parked: None,
            shown_as: None,
            told_presence_too_large: false,
        };
        self.peers.insert(conn, peer);
        self.empty_since = None;
        // A viewer is not asked for what it has: it would not be taken.
        if asks {
            self.ask_for_missing(conn, effects);
        }
    }

    pub(super) fn leave(&mut self, now: Moment, conn: ConnId) {
        if let Some(peer) = self.peers.remove(&conn) {
            if let Some(client) = peer.shown_as {
                self.presence.leave(client, conn);
            }
            if self.peers.is_empty() {
                self.empty_since = Some(now.elapsed);
            }
        }
    }

    pub(super) fn change_access(&mut self, conn: ConnId, access: Access, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        match access {
            Access::Ended(code) => effects.push(Effect::Close { conn, code }),
            Access::Granted { role, may_edit } => {
                let gained = may_edit && !peer.info.may_edit;
                (peer.info.role, peer.info.may_edit) = (role, may_edit);
                if gained {
                    // What it edited while it might not is welcome now.
                    peer.refused = false;
                    self.ask_for_missing(conn, effects);
                }
            }
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
            effects.push(Effect::Send { conn, frame: frame::permission_denied(reason) });
        }
    }
}
