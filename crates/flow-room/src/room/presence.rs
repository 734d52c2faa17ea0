//! Who is here and what they show of themselves.
//!
//! Presence belongs to connections: a connection speaks for one client id, and
//! when it closes, that id's presence is gone. Every stock client sends back each
//! presence frame it receives; those echoes are dropped by their clock before
//! their JSON is read. Who is at another node: `elsewhere.rs`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ConnId, NodeId, UserId};
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame;
use serde_json::{Map, Value};

use super::Room;
use super::elsewhere::Elsewhere;
use crate::effect::Effect;
use crate::event::Moment;

#[derive(Debug, Default)]
pub(super) struct Presence {
    pub(super) shown: HashMap<u64, Shown>,
    /// Ids whose removal was announced, with its clock. A client that comes back
    /// with an older clock would stay invisible to the others, so it is told.
    pub(super) removed: HashMap<u64, u64>,
    /// The order in which they were removed, to forget the oldest.
    removed_order: VecDeque<u64>,
    /// Changed since the last frame.
    changed: HashSet<u64>,
    last_flush: Option<Duration>,
    pub(super) elsewhere: Elsewhere,
}

#[derive(Debug)]
pub(super) struct Shown {
    pub(super) clock: u64,
    /// JSON with our stamp.
    pub(super) state: Bytes,
    pub(super) at: At,
    pub(super) user: UserId,
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Here(ConnId),
    There(NodeId),
}

/// Whose word a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Peer,
    Server,
}

/// A frame to show to everybody but perhaps the one it is about.
pub(super) struct Frame {
    pub(super) frame: Bytes,
    pub(super) except: Option<ConnId>,
}

/// A room remembers so many departures. Clients forget outdated ones after 30 s.
const REMOVED_MAX: usize = 4_096;

/// The highest clock that is taken. A client counts its changes one by one, and
/// clients answer a clock of their own id that is ahead of theirs by going past it:
/// whoever shows such an id could push it to where JavaScript's numbers end.
pub(super) const CLOCK_MAX: u64 = 1 << 31;

/// In a room of n peers a frame costs n sends; so much time per peer between two
/// frames keeps the cost of presence linear.
const INTERVAL_PER_PEER: Duration = Duration::from_micros(200);

impl Presence {
    fn interval(peers: usize, least: Duration) -> Duration {
        least.max(INTERVAL_PER_PEER * u32::try_from(peers).unwrap_or(u32::MAX))
    }

    /// When the changes that wait are due to be shown.
    pub(super) fn due(&self, peers: usize, least: Duration) -> Option<Duration> {
        let waiting = !self.changed.is_empty();
        waiting.then(|| self.last_flush.map_or(Duration::ZERO, |last| last + Self::interval(peers, least)))
    }

    /// One frame with the newest state of whoever changed: at once when the room
    /// is quiet, otherwise together at intervals.
    pub(super) fn flush(&mut self, now: Duration, peers: usize, least: Duration) -> Option<Frame> {
        self.due(peers, least).filter(|&due| due <= now)?;
        self.last_flush = Some(now);
        let changed: Vec<u64> = self.changed.drain().collect();
        let except = match changed[..] {
            [only] => self.shown.get(&only).and_then(|shown| shown.at.conn()),
            _ => None,
        };
        let entries: Vec<Entry> = changed.iter().filter_map(|&client| self.entry(client)).collect();
        Some(Frame { frame: frame::awareness(&awareness::encode(entries.iter())), except })
    }

    fn entry(&self, client: u64) -> Option<Entry> {
        match self.shown.get(&client) {
            Some(shown) => Some(Entry { client, clock: shown.clock, state: shown.state.clone() }),
            None => self.removed.get(&client).map(|&clock| Entry::gone(client, clock)),
        }
    }

    fn everybody(&self) -> Option<Bytes> {
        let entries: Vec<Entry> = self.shown.keys().filter_map(|&client| self.entry(client)).collect();
        (!entries.is_empty()).then(|| frame::awareness(&awareness::encode(entries.iter())))
    }

    /// Who is here and who has left: for a peer that may have missed either.
    fn everything(&self) -> Option<Bytes> {
        let clients = self.shown.keys().chain(self.removed.keys());
        let entries: Vec<Entry> = clients.filter_map(|&client| self.entry(client)).collect();
        (!entries.is_empty()).then(|| frame::awareness(&awareness::encode(entries.iter())))
    }

    /// The connection is gone. If it still speaks for its client id, so is that:
    /// answers the frame that says so.
    pub(super) fn leave(&mut self, client: u64, conn: ConnId) -> Option<Bytes> {
        let clock = self.shown.get(&client).filter(|shown| shown.at == At::Here(conn))?.clock;
        self.remove(client, clock);
        Some(gone_frame(client, clock))
    }

    pub(super) fn remove(&mut self, client: u64, clock: u64) {
        if self.shown.remove(&client).is_some_and(|shown| shown.at.conn().is_some()) {
            self.elsewhere.tell(client);
        }
        if self.removed.insert(client, clock).is_none() {
            self.removed_order.push_back(client);
        }
        if self.removed_order.len() > REMOVED_MAX {
            let oldest = self.removed_order.pop_front();
            oldest.and_then(|oldest| self.removed.remove(&oldest));
        }
        self.changed.insert(client);
    }

    pub(super) fn show(&mut self, client: u64, shown: Shown) {
        if shown.at.conn().is_some() {
            self.elsewhere.tell(client);
        }
        if self.removed.remove(&client).is_some() {
            self.removed_order.retain(|&gone| gone != client);
        }
        self.shown.insert(client, shown);
        self.changed.insert(client);
    }

    /// Whether a connection of `user` may speak for `client`.
    fn may_speak(&self, client: u64, user: UserId) -> bool {
        self.shown.get(&client).is_none_or(|shown| shown.user == user)
    }
}

impl At {
    const fn conn(self) -> Option<ConnId> {
        match self {
            Self::Here(conn) => Some(conn),
            Self::There(_) => None,
        }
    }
}

/// Who shows themselves in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    pub clients: Vec<Entry>,
    /// For how long the other nodes have been listened to, after they were asked. `None`:
    /// nobody of this node is there, so nobody has asked.
    pub asked: Option<Duration>,
}

impl Room {
    /// Who shows themselves, here or at other nodes, in the order of their client ids.
    #[must_use]
    pub fn present(&self, now: Moment) -> Present {
        let clients = self.presence.shown.keys().filter_map(|&client| self.presence.entry(client));
        let mut clients: Vec<Entry> = clients.collect();
        clients.sort_unstable_by_key(|entry| entry.client);
        let asked = self.presence.elsewhere.heard_for(now.elapsed).filter(|_| !self.peers.is_empty());
        Present { clients, asked }
    }

    /// Whoever asked who is here hears it once a batch: asking takes one byte.
    pub(super) fn answer_presence(&mut self, effects: &mut Vec<Effect>) {
        let asked = std::mem::take(&mut self.asked_presence);
        if let Some(frame) = (!asked.is_empty()).then(|| self.presence.everybody()).flatten() {
            let there =
                asked.into_iter().filter(|conn| self.peers.get(conn).is_some_and(|peer| !peer.closed));
            effects.extend(there.map(|conn| Effect::Send { conn, frame: frame.clone() }));
        }
    }

    pub(super) fn show_presence_to(&self, conn: ConnId, effects: &mut Vec<Effect>) {
        effects.extend(self.presence.everybody().map(|frame| Effect::Send { conn, frame }));
    }

    /// To a peer whose queue was dropped: a departure it did not hear of would stay
    /// a ghost.
    pub(super) fn show_presence_again(&self, conn: ConnId, effects: &mut Vec<Effect>) {
        effects.extend(self.presence.everything().map(|frame| Effect::Send { conn, frame }));
    }

    pub(super) fn receive_presence(
        &mut self,
        conn: ConnId,
        entries: Vec<Entry>,
        says: Says,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        // Its first frame, which has exactly one entry, says which client it is.
        if peer.shown_as.is_none()
            && let [only] = &entries[..]
            && !only.is_gone()
            && self.presence.may_speak(only.client, peer.info.user)
        {
            peer.shown_as = Some(only.client);
        }
        let own = peer.shown_as;
        if let Some(entry) = entries.into_iter().find(|entry| Some(entry.client) == own) {
            self.receive_own(conn, &entry, says, effects);
        }
    }

    fn receive_own(&mut self, conn: ConnId, entry: &Entry, says: Says, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if entry.clock > CLOCK_MAX {
            return;
        }
        let presence = &mut self.presence;
        if let Some(&clock) = presence.removed.get(&entry.client).filter(|&&clock| clock >= entry.clock) {
            if !entry.is_gone() {
                effects.push(Effect::Send { conn, frame: gone_frame(entry.client, clock) });
            }
            return;
        }
        match presence.shown.get_mut(&entry.client) {
            // Somebody else has shown itself under this id first.
            Some(shown) if shown.user != peer.info.user => return,
            Some(shown) if entry.clock < shown.clock => return,
            Some(shown) if entry.clock == shown.clock && !entry.is_gone() => {
                // The same client on a newer connection; or an echo, which has our stamp.
                match shown.at {
                    At::Here(other) if entry.state != shown.state => shown.at = At::Here(other.max(conn)),
                    At::Here(_) => {}
                    // It was at another node.
                    At::There(_) => {
                        shown.at = At::Here(conn);
                        presence.elsewhere.tell(entry.client);
                    }
                }
                return;
            }
            Some(shown) if entry.is_gone() && shown.at != At::Here(conn) => return,
            None if entry.is_gone() => return,
            Some(_) | None => {}
        }
        if entry.is_gone() {
            presence.remove(entry.client, entry.clock);
            return;
        }
        if entry.state.len() > self.limits.presence_bytes {
            if !std::mem::replace(&mut peer.told_presence_too_large, true) {
                let reason = format!("presence is limited to {} bytes", self.limits.presence_bytes);
                effects.push(Effect::Send { conn, frame: frame::permission_denied(&reason) });
            }
            return;
        }
        if let Some(state) = stamp(&entry.state, peer.info.user, &peer.info.name, says) {
            presence.show(
                entry.client,
                Shown { clock: entry.clock, state, at: At::Here(conn), user: peer.info.user },
            );
        }
    }
}

pub(super) fn gone_frame(client: u64, clock: u64) -> Bytes {
    frame::awareness(&awareness::encode([Entry::gone(client, clock)].iter()))
}

/// The state with `user.id` and `user.name` as the sign-in has them, and without `run` unless that
/// is the server's; `None` when it is not a JSON object, which shows nothing.
fn stamp(state: &[u8], user: UserId, name: &str, says: Says) -> Option<Bytes> {
    let mut state: Map<String, Value> = serde_json::from_slice(state).ok()?;
    if says == Says::Peer {
        state.remove("run");
    }
    let mut stamped = match state.remove("user") {
        Some(Value::Object(user)) => user,
        _ => Map::new(),
    };
    stamped.insert("id".into(), user.to_string().into());
    stamped.insert("name".into(), name.into());
    state.insert("user".into(), stamped.into());
    Some(Bytes::from(Value::Object(state).to_string()))
}
