//! Updates that depend on something the document does not have.
//!
//! What cannot be applied never enters the document, where it would stay as
//! pending and be carried on by every encoding. It is kept beside its peer for a
//! while, the peer is asked once for what is missing, and then it is given up.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ActorId, ConnId};
use flow_protocol::{CloseCode, Split, UpdateLimits, walk};

use super::Room;
use super::update::Source;
use crate::budget::Permit;
use crate::effect::Effect;
use crate::event::{Moment, Position};
use crate::measures;

/// What of one peer's updates waits for something missing.
#[derive(Debug)]
pub(super) struct Parked {
    rests: Vec<Bytes>,
    bytes: usize,
    pub(super) until: Duration,
    /// The room's position when this was last held against the document: nothing
    /// can have changed for it until that moves on.
    tried: Option<Position>,
    /// Barriers that came meanwhile: they wait for what is parked, too.
    pub(super) barriers: Vec<Bytes>,
}

/// Remainders that were given up, by hash. One that comes back unchanged is a
/// client with a hole in its own document: asking again would never end.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    hashes: VecDeque<u64>,
}

/// Enough for every peer of a busy room; older ones cost a client one more round.
const ABANDONED_MAX: usize = 256;

impl Abandoned {
    fn note(&mut self, rest: &[u8]) {
        if self.hashes.len() == ABANDONED_MAX {
            self.hashes.pop_front();
        }
        self.hashes.push_back(hash(rest));
    }

    fn contains(&self, rest: &[u8]) -> bool {
        self.hashes.contains(&hash(rest))
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

const HOLE: &str = "your document refers to edits that no one here has";

impl Room {
    pub(super) fn park(&mut self, now: Moment, conn: ConnId, rest: Bytes, effects: &mut Vec<Effect>) {
        if self.abandoned.contains(&rest) {
            tracing::warn!(flow = %self.flow, %conn, bytes = rest.len(), "dropped a remainder that came back unchanged");
            self.refuse(conn, HOLE, effects);
            return;
        }
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let asked = peer.parked.is_some();
        let position = self.recent.newest();
        let until = now.elapsed + self.limits.parked_for;
        let parked = peer.parked.get_or_insert_with(|| Parked {
            rests: Vec::new(),
            bytes: 0,
            until,
            tried: Some(position),
            barriers: Vec::new(),
        });
        if parked.rests.contains(&rest) {
            return;
        }
        parked.bytes += rest.len();
        parked.rests.push(rest);
        measures::one(measures::PARKED);
        if parked.bytes > self.limits.parked_bytes {
            self.give_up(conn, effects);
        } else if !asked {
            self.ask_for_missing(conn, effects);
        }
    }

    /// Tries everything parked again, for as long as something of it can be
    /// applied; gives up what has waited too long.
    pub(super) fn retry_parked(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let mut conns: Vec<ConnId> = self.parked_conns().collect();
        let mut progress = !conns.is_empty();
        while progress {
            progress = false;
            for &conn in &conns {
                progress |= self.retry_parked_of(now, conn, effects);
            }
            conns.retain(|conn| self.peers.get(conn).is_some_and(super::Peer::is_parked));
        }
        for conn in conns {
            if self.peers[&conn].parked_until().is_some_and(|until| until <= now.elapsed) {
                self.give_up(conn, effects);
            }
        }
    }

    fn retry_parked_of(&mut self, now: Moment, conn: ConnId, effects: &mut Vec<Effect>) -> bool {
        let Some(peer) = self.peers.get_mut(&conn) else { return false };
        let Some(mut parked) =
            peer.parked.take_if(|parked| parked.tried.is_none_or(|tried| tried != self.recent.newest()))
        else {
            return false;
        };
        let source = Source { actor: ActorId::User(peer.info.user), conn: Some(conn) };
        let tried = self.recent.newest();
        let mut progress = false;
        let mut rests = Vec::new();
        for rest in std::mem::take(&mut parked.rests) {
            if !self.document.is_there() {
                rests.push(rest);
                continue;
            }
            // It passed the walker as part of an update; cutting it made it no worse.
            let Ok(walked) = walk(&rest, &UpdateLimits::unlimited()) else { continue };
            match walked.split(|client| self.document.clock(client)) {
                Split::Whole => {
                    progress = true;
                    if self.integrate(&rest, source, Permit::unbounded(), effects).is_err() {
                        return false;
                    }
                }
                Split::Parts { ready: Some(ready), rest } => {
                    progress = true;
                    if self.integrate(&Bytes::from(ready), source, Permit::unbounded(), effects).is_err() {
                        return false;
                    }
                    rests.push(Bytes::from(rest));
                }
                Split::Parts { ready: None, .. } => rests.push(rest),
            }
        }
        if rests.is_empty() {
            for token in parked.barriers {
                self.receive_barrier(now, conn, token, effects);
            }
        } else if let Some(peer) = self.peers.get_mut(&conn) {
            parked.bytes = rests.iter().map(Bytes::len).sum();
            parked.rests = rests;
            parked.tried = Some(tried);
            peer.parked = Some(parked);
        }
        progress
    }

    fn parked_conns(&self) -> impl Iterator<Item = ConnId> {
        self.peers.iter().filter(|(_, peer)| peer.is_parked()).map(|(&conn, _)| conn)
    }

    /// The document is another: whatever is parked may fit it.
    pub(super) fn forget_tries(&mut self) {
        for parked in self.peers.values_mut().filter_map(|peer| peer.parked.as_mut()) {
            parked.tried = None;
        }
    }

    /// How many bytes of parked updates trying them again would read.
    pub(super) fn parked_bytes(&self) -> usize {
        self.peers.values().filter_map(|peer| peer.parked.as_ref()).map(|parked| parked.bytes).sum()
    }

    fn give_up(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        let parked = self.peers.get_mut(&conn).and_then(|peer| peer.parked.take());
        for rest in parked.into_iter().flat_map(|parked| parked.rests) {
            self.abandoned.note(&rest);
        }
        tracing::warn!(flow = %self.flow, %conn, "gave up waiting for missing edits; the peer syncs afresh");
        self.refuse(conn, HOLE, effects);
        self.close(conn, CloseCode::Overloaded, effects);
    }
}
