//! What events mean. Pure: no clock, no channel, no IO; everything a room wants
//! done is an [`Effect`].

mod catch_up;
mod commit;
mod document;
mod durable;
mod elsewhere;
mod following;
mod growth;
mod parked;
mod peers;
mod presence;
mod recent;
mod snapshot;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ConnId, FlowId, Seq};
use flow_model::FlowDoc;
use flow_protocol::CloseCode;

use crate::effect::{EditRefused, Effect};
use crate::event::{Event, Inbound, Moment, Position};
use crate::limits::RoomLimits;
use crate::load::LoadedFlow;
use crate::measures;
use commit::Commits;
use document::Document;
pub(crate) use document::{Protected, sets_lineage};
use following::Following;
use growth::Growth;
use parked::Abandoned;
use peers::Peer;
pub use presence::Present;
use presence::{Presence, Says};
use recent::Recent;
use snapshot::Snapshots;

/// Until what was due and could not be done is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// One open flow: its document, its peers, and what of it is durable.
#[derive(Debug)]
pub struct Room {
    flow: FlowId,
    limits: RoomLimits,
    document: Document,
    peers: BTreeMap<ConnId, Peer>,
    presence: Presence,
    /// *Applied but not committed*, and who waits for it.
    commits: Commits,
    /// What other nodes have stored.
    following: Following,
    recent: Recent,
    snapshots: Snapshots,
    growth: Growth,
    /// Remainders that no peer could complete; see `parked.rs`.
    abandoned: Abandoned,
    /// Join answers of the present position, by state vector.
    answers: catch_up::Answers,
    /// Who asks for what it lacks, to be answered at the end of the batch.
    asked: Vec<(ConnId, Bytes)>,
    /// Who asks who is here.
    asked_presence: BTreeSet<ConnId>,
    /// Since when nobody is here; `None` while somebody is.
    empty_since: Option<Duration>,
    draining: bool,
    /// No update of this flow can ever be stored again.
    failed: bool,
}

impl Room {
    /// A room around a loaded document. `elapsed` starts at zero.
    #[must_use]
    pub fn new(flow: FlowId, loaded: LoadedFlow, limits: RoomLimits) -> Self {
        let snapshots = Snapshots::new(loaded.snapshot_bytes, loaded.tail_updates, loaded.tail_bytes);
        let commits = Commits::new(loaded.document.graph());
        let following = Following::new(loaded.head);
        let mut answers = catch_up::Answers::default();
        if let Some(frame) = loaded.answer.clone() {
            answers.keep_whole(Position(0), frame);
        }
        Self {
            flow,
            document: Document::new(flow, loaded),
            peers: BTreeMap::new(),
            presence: Presence::default(),
            commits,
            following,
            recent: Recent::new(limits.recent_bytes),
            snapshots,
            growth: Growth::default(),
            abandoned: Abandoned::default(),
            answers,
            asked: Vec::new(),
            asked_presence: BTreeSet::new(),
            empty_since: Some(Duration::ZERO),
            draining: false,
            failed: false,
            limits,
        }
    }

    /// What `event` means at `now`. Synchronous, takes no lock, does no IO; after
    /// the last event of a batch comes [`Room::settle`].
    pub fn apply(&mut self, now: Moment, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Joined { conn, peer } => {
                // A viewer is not asked for what it has: it would not be taken.
                let asks = peer.may_edit;
                self.join(now, conn, peer, effects);
                if asks {
                    self.ask_for_missing(conn, effects);
                }
            }
            Event::Greeted { conn, peer } => self.join(now, conn, peer, effects),
            Event::Received { conn, message } => self.receive(now, conn, message, effects),
            Event::Answered { conn } => self.answered(conn, effects),
            Event::Left { conn } => self.leave(now, conn, effects),
            Event::AccessChanged { conn, access } => self.change_access(conn, access, effects),
            Event::Drained { conn, since } => self.catch_up(conn, since, effects),
            Event::Measure { ticket } => self.report_size(ticket, effects),
            Event::AskDurable { ticket, holding } => self.ask_durable(now, ticket, &holding, effects),
            Event::Edit { ticket, request } => self.edit(now, ticket, request, effects),
            Event::Committed(committed) => self.committed(now, committed, effects),
            Event::AppendRefused(_) => self.fail(effects),
            Event::LogRead { slice } => self.log_read(&slice, effects),
            Event::Relayed { slice } => self.relayed(slice, effects),
            Event::HeadSeen { head } => self.head_seen(head, effects),
            Event::NodeShows { node, presence } => self.hear_node(now, node, &presence, effects),
            Event::RelayMissed => self.relay_missed(now, effects),
            Event::Unreadable => self.fail(effects),
            Event::SnapshotDone { stored } => self.snapshots.done(now.elapsed, stored),
            Event::ProjectionDone { stored } => self.commits.projection.done(now.elapsed, stored),
            Event::Reloaded(loaded) => self.reloaded(*loaded, effects),
            Event::Tick => {}
            Event::Drain => self.drain(effects),
        }
    }

    /// Applies a batch of events and settles. If the document is lost on the way, the
    /// events after that are handed back, to be applied once it has been read anew:
    /// none of them may be taken for done.
    pub fn apply_batch(
        &mut self,
        now: Moment,
        events: impl IntoIterator<Item = Event>,
        effects: &mut Vec<Effect>,
    ) -> Vec<Event> {
        let mut events = events.into_iter();
        let mut whole = self.document.is_there();
        for event in events.by_ref() {
            self.apply(now, event, effects);
            if whole && !self.document.is_there() {
                break;
            }
            whole = self.document.is_there();
        }
        self.settle(now, effects);
        events.collect()
    }

    /// What is done once for a whole batch of events: parked updates tried again,
    /// presence shown, what was applied appended to the log, a snapshot taken.
    pub fn settle(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.retry_parked(now, effects);
        self.answer_joins(effects);
        self.answer_presence(effects);
        if self.document.needs_reading() {
            measures::one(measures::RELOADS);
            effects.push(Effect::Reload);
        }
        let shown = self.presence.flush(now.elapsed, self.peers.len(), self.limits.presence_every);
        let flushed = shown.is_some();
        effects.extend(shown.map(|shown| Effect::Show { frame: shown.frame, except: shown.except }));
        self.settle_elsewhere(now, flushed, effects);
        if !self.failed {
            effects.extend(self.commits.take_appended(now.wall).map(Effect::Append));
            self.take_snapshot(now);
            self.tell_growth(effects);
            effects.extend(self.snapshots.publishable(self.commits.committed()).map(Effect::Publish));
            self.project(now, effects);
        }
    }

    fn receive(&mut self, now: Moment, conn: ConnId, message: Inbound, effects: &mut Vec<Effect>) {
        if self.peers.get(&conn).is_none_or(|peer| peer.closed) {
            return;
        }
        match message {
            Inbound::Step1 { state_vector } => self.ask_join(conn, &state_vector, effects),
            Inbound::Update { update, permit } => self.receive_update(now, conn, &update, permit, effects),
            Inbound::Step2 { update, permit } => {
                if let Some(peer) = self.peers.get_mut(&conn).filter(|peer| peer.owes_answer) {
                    (peer.owes_answer, peer.refused) = (false, !peer.info.may_edit);
                }
                self.receive_update(now, conn, &update, permit, effects);
            }
            Inbound::Awareness { entries } => self.receive_presence(conn, entries, Says::Peer, effects),
            Inbound::RunShown { entry } => self.receive_presence(conn, vec![entry], Says::Server, effects),
            Inbound::QueryAwareness => {
                self.asked_presence.insert(conn);
            }
            Inbound::Growth => self.ask_growth(conn, effects),
            Inbound::Barrier { token } => self.receive_barrier(now, conn, token, effects),
        }
    }

    fn drain(&mut self, effects: &mut Vec<Effect>) {
        self.draining = true;
        self.close_all(CloseCode::Restarting, effects);
    }

    /// Nothing of this flow can be stored any more. Whoever waits for a commit is
    /// told, and every peer is sent away with what it has.
    fn fail(&mut self, effects: &mut Vec<Effect>) {
        self.failed = true;
        for ticket in self.commits.abandon() {
            effects.push(Effect::Reply { ticket, result: Err(EditRefused::Unavailable) });
        }
        self.close_all(CloseCode::Overloaded, effects);
    }

    /// When [`Event::Tick`] is due even if nothing else happens. What is due
    /// already waits for something else (a commit, a handle that is held) and is
    /// looked at again after a pause.
    #[must_use]
    pub fn deadline(&self, now: Moment) -> Option<Duration> {
        // A room that is to close looks again until nobody holds it any more.
        let idle_after = if self.draining { Duration::ZERO } else { self.limits.idle_after };
        let idle = self.empty_since.map(|since| since + idle_after);
        let parked = self.peers.values().filter_map(Peer::parked_until).min();
        let presence = self.presence.due(self.peers.len(), self.limits.presence_every);
        let project = self.commits.projection.due(self.limits.project_every);
        let elsewhere = self.presence.elsewhere.due();
        let due = [idle, parked, presence, elsewhere, project].into_iter().flatten();
        due.map(|at| if at > now.elapsed { at } else { now.elapsed + LOOK_AGAIN }).min()
    }

    /// Whether the room may be closed now: nobody is here, everything applied is
    /// committed and in a snapshot, and it has been so for long enough.
    #[must_use]
    pub fn may_close(&self, now: Moment) -> bool {
        if self.failed {
            return self.peers.is_empty();
        }
        self.is_idle(now)
            && self.is_saved()
            && self.document.is_there()
            && self.presence.elsewhere.is_settled()
            && self.snapshots.is_settled()
            && self.commits.projection.is_settled()
    }

    /// Nobody is here, and has not been for long enough.
    fn is_idle(&self, now: Moment) -> bool {
        let waited = |since| self.draining || now.elapsed >= since + self.limits.idle_after;
        self.empty_since.is_some_and(waited)
    }

    /// Two positions instead of a dirty flag: an update that arrives while a write
    /// is under way cannot be marked as saved by that write.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.commits.committed() == self.commits.applied()
    }

    /// Nothing of this flow can be stored any more; whoever comes needs a new room.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    #[must_use]
    pub const fn position(&self) -> Position {
        self.recent.newest()
    }

    /// Every stored update up to here is in the document.
    #[must_use]
    pub const fn contiguous(&self) -> Seq {
        self.following.contiguous()
    }

    /// The document; `None` while it is being read anew.
    #[must_use]
    pub const fn document(&self) -> Option<&FlowDoc> {
        self.document.get()
    }

    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// About how many bytes of document work [`Room::settle`] means after so many more
    /// updates, and applying them near the limit of the document.
    pub(crate) fn settle_bytes(&self, now: Moment, updates: u64, bytes: usize) -> usize {
        if self.is_idle(now) && !self.snapshots.is_settled() {
            return self.snapshots.document_bytes();
        }
        let RoomLimits { snapshot_updates, snapshot_ratio, .. } = self.limits;
        let snapshot = self.snapshots.settle_bytes(updates, bytes, snapshot_updates, snapshot_ratio);
        let measures = self.measures_with(bytes);
        let measured = if measures { self.document_bytes() } else { 0 };
        snapshot + measured + self.parked_bytes()
    }

    /// About the size of the encoded document.
    #[must_use]
    pub const fn document_bytes(&self) -> usize {
        self.snapshots.document_bytes()
    }
}

#[cfg(test)]
mod tests;
