use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ConnId, Seq, Timestamp};
use flow_cluster::LogSlice;
use flow_model::{FlowGraph, Words};
use flow_protocol::{CloseCode, frame};
use flow_store::{NewUpdate, Projection, Writer};

use super::Room;
use super::snapshot::TRY_AGAIN_AFTER;
use crate::budget::Permit;
use crate::effect::{Appended, Durability, EditDone, Effect};
use crate::event::{Moment, Ticket};
use crate::measures;
use crate::writer::Committed;

/// How many updates of its own peers a room has applied. Unlike a `Position` it
/// leaves out those that came from the log, which need no commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(pub(super) u64);

/// What is applied, and what of it is durable.
#[derive(Debug)]
pub(super) struct Commits {
    applied: Mark,
    committed: Mark,
    /// Everything applied and not committed, in order. Kept to rebuild a document that
    /// had to be dropped.
    uncommitted: VecDeque<Pending>,
    /// What of it is new since the last append.
    new_updates: Vec<NewUpdate>,
    waiters: VecDeque<Waiting>,
    /// How many of them are barriers of a peer.
    barriers: HashMap<ConnId, usize>,
    /// Client ids whose writer is recorded or on its way.
    known_writers: HashSet<u64>,
    new_writers: Vec<Writer>,
    pub(super) projection: Projecting,
}

#[derive(Debug)]
struct Pending {
    update: Bytes,
    #[expect(dead_code, reason = "held, and given back by being dropped after the commit")]
    permit: Permit,
}

/// Barriers of one peer that wait at a time. They cost two bytes on the wire, and
/// nobody needs many: past it the peer is closed with 1013.
const BARRIERS_MAX: usize = 1_024;

#[derive(Debug)]
struct Waiting {
    mark: Mark,
    waiter: Waiter,
    since: Duration,
}

/// Who is answered once everything up to a mark is committed.
#[derive(Debug)]
enum Waiter {
    Peer { conn: ConnId, token: Bytes },
    Caller { ticket: Ticket, made: Box<Made> },
    Asker { ticket: Ticket },
}

/// What a caller's change came to.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) ids: Vec<Option<String>>,
    pub(super) graph: FlowGraph,
}

impl Commits {
    pub(super) fn new(graph: &FlowGraph) -> Self {
        Self {
            applied: Mark::default(),
            committed: Mark::default(),
            uncommitted: VecDeque::new(),
            new_updates: Vec::new(),
            waiters: VecDeque::new(),
            barriers: HashMap::new(),
            known_writers: HashSet::new(),
            new_writers: Vec::new(),
            projection: Projecting::new(graph),
        }
    }

    pub(super) const fn applied(&self) -> Mark {
        self.applied
    }

    pub(super) const fn committed(&self) -> Mark {
        self.committed
    }

    /// Whether something is on its way into the log.
    pub(super) fn is_under_way(&self) -> bool {
        !self.uncommitted.is_empty()
    }

    /// Notes an applied update that is to be stored.
    pub(super) fn push(&mut self, update: NewUpdate, permit: Permit) {
        self.applied.0 += 1;
        self.uncommitted.push_back(Pending { update: update.bytes.clone(), permit });
        self.new_updates.push(update);
    }

    /// Notes under whose sign-in a client id first wrote.
    pub(super) fn note_writer(&mut self, writer: Writer) {
        if self.known_writers.insert(writer.client_id) {
            self.new_writers.push(writer);
        }
    }

    /// What is to be stored and was not handed over yet.
    pub(super) fn take_appended(&mut self, at: Timestamp) -> Option<Appended> {
        if self.new_updates.is_empty() {
            return None;
        }
        let updates = std::mem::take(&mut self.new_updates);
        Some(Appended { at, updates, writers: std::mem::take(&mut self.new_writers) })
    }

    /// Everything applied and not committed, in order.
    pub(super) fn uncommitted(&self) -> impl Iterator<Item = &Bytes> {
        self.uncommitted.iter().map(|pending| &pending.update)
    }

    /// Everybody who waited, when nothing will ever be committed again.
    pub(super) fn abandon(&mut self) -> Vec<Ticket> {
        self.uncommitted.clear();
        self.new_updates.clear();
        let callers = self.waiters.drain(..).filter_map(|waiting| match waiting.waiter {
            Waiter::Caller { ticket, .. } => Some(ticket),
            // Answered by the end of the room.
            Waiter::Peer { .. } | Waiter::Asker { .. } => None,
        });
        callers.collect()
    }

    /// `head`: of the log, as far as it is known.
    fn wait(&mut self, now: Moment, head: Seq, waiter: Waiter, effects: &mut Vec<Effect>) {
        if self.committed == self.applied {
            measures::ACK.took(Duration::ZERO);
            effects.push(waiter.answer(head));
        } else {
            if let Waiter::Peer { conn, .. } = &waiter {
                *self.barriers.entry(*conn).or_default() += 1;
            }
            self.waiters.push_back(Waiting { mark: self.applied, waiter, since: now.elapsed });
        }
    }

    fn answer_waiters(&mut self, now: Moment, head: Seq, effects: &mut Vec<Effect>) {
        while let Some(waiting) = self.waiters.pop_front_if(|waiting| waiting.mark <= self.committed) {
            measures::ACK.took(now.elapsed.saturating_sub(waiting.since));
            effects.push(waiting.waiter.answer(head));
        }
        // What is left waits for a later mark.
        self.barriers.clear();
        for waiting in &self.waiters {
            if let Waiter::Peer { conn, .. } = &waiting.waiter {
                *self.barriers.entry(*conn).or_default() += 1;
            }
        }
    }
}

impl Waiter {
    fn answer(self, seq: Seq) -> Effect {
        match self {
            Self::Peer { conn, token } => Effect::Send { conn, frame: frame::barrier(&token) },
            Self::Caller { ticket, made } => {
                let Made { ids, graph } = *made;
                Effect::Reply { ticket, result: Ok(Box::new(EditDone { ids, graph, seq })) }
            }
            Self::Asker { ticket } => {
                Effect::Durability { ticket, durability: Some(Durability::Durable { seq }) }
            }
        }
    }
}

impl Room {
    /// Answered once everything the room has applied by now is committed, whoever
    /// sent it: an edit sent again may have been made a no-op by another
    /// connection's pending one, and must wait for that.
    pub(super) fn receive_barrier(
        &mut self,
        now: Moment,
        conn: ConnId,
        token: Bytes,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if peer.refused {
            return;
        }
        let waiting = peer.parked.as_ref().map_or(0, |parked| parked.barriers.len());
        if waiting + self.commits.barriers.get(&conn).copied().unwrap_or(0) >= BARRIERS_MAX {
            self.close(conn, CloseCode::Overloaded, effects);
            return;
        }
        match &mut peer.parked {
            Some(parked) => parked.barriers.push(token),
            None => self.commits.wait(now, self.following.head(), Waiter::Peer { conn, token }, effects),
        }
    }

    pub(super) fn reply_when_committed(
        &mut self,
        now: Moment,
        ticket: Ticket,
        made: Made,
        effects: &mut Vec<Effect>,
    ) {
        let waiter = Waiter::Caller { ticket, made: Box::new(made) };
        self.commits.wait(now, self.following.head(), waiter, effects);
    }

    pub(super) fn tell_when_committed(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        self.commits.wait(now, self.following.head(), Waiter::Asker { ticket }, effects);
    }

    pub(super) fn committed(&mut self, now: Moment, committed: Committed, effects: &mut Vec<Effect>) {
        if self.failed {
            return;
        }
        let Committed { batch, seqs } = committed;
        let commits = &mut self.commits;
        let first = Mark(commits.committed.0 + 1);
        commits.committed.0 += seqs.count();
        let count = usize::try_from(seqs.count()).expect("they were in memory");
        let done: Vec<Pending> = commits.uncommitted.drain(..count).collect();
        if self.stored_own(seqs.first, seqs.last) {
            self.snapshots.committed(first, seqs);
        }
        self.commits.projection.touched(now.elapsed);
        self.commits.answer_waiters(now, self.following.head(), effects);
        let updates = done.into_iter().map(|pending| pending.update);
        effects.push(Effect::Relay(LogSlice::of_batch(seqs.first, batch, updates)));
        self.follow_on(effects);
    }

    pub(super) fn project(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(doc) = self.document.get() else { return };
        let saved = self.commits.committed == self.commits.applied;
        let seq = self.following.contiguous();
        let last_call = self.is_idle(now);
        let projection = &mut self.commits.projection;
        if saved && projection.is_due(doc.graph(), now, self.limits.project_every, last_call) {
            effects.push(Effect::Project(projection.start(doc.graph(), seq, now)));
        }
    }
}

/// The flow's row in lists: name, description, tags, time of change. Written
/// after the commit; at once when the words changed, otherwise now and then.
#[derive(Debug)]
pub(super) struct Projecting {
    written: Words,
    /// Since when committed changes wait to be shown.
    touched: Option<Duration>,
    last: Option<Duration>,
    under_way: Option<Words>,
    /// The last one could not be stored: not before this is it tried again.
    not_before: Duration,
}

impl Projecting {
    fn new(graph: &FlowGraph) -> Self {
        Self {
            written: Words::of(&graph.meta),
            touched: None,
            last: None,
            under_way: None,
            not_before: Duration::ZERO,
        }
    }

    fn touched(&mut self, now: Duration) {
        self.touched.get_or_insert(now);
    }

    pub(super) const fn is_settled(&self) -> bool {
        self.touched.is_none() && self.under_way.is_none()
    }

    pub(super) fn due(&self, every: Duration) -> Option<Duration> {
        let touched = self.touched.filter(|_| self.under_way.is_none())?;
        Some(self.last.map_or(touched, |last| touched.max(last + every)).max(self.not_before))
    }

    fn is_due(&self, graph: &FlowGraph, now: Moment, every: Duration, last_call: bool) -> bool {
        self.under_way.is_none()
            && self.touched.is_some()
            && now.elapsed >= self.not_before
            && (last_call
                || self.due(every).is_some_and(|due| now.elapsed >= due)
                || Words::of(&graph.meta) != self.written)
    }

    fn start(&mut self, graph: &FlowGraph, seq: Seq, now: Moment) -> Projection {
        let words = Words::of(&graph.meta);
        self.touched = None;
        self.last = Some(now.elapsed);
        self.under_way = Some(words.clone());
        let Words { name, description, tags } = words;
        Projection { name, description, tags, seq, at: now.wall }
    }

    pub(super) fn done(&mut self, now: Duration, stored: bool) {
        let words = self.under_way.take();
        if stored {
            self.written = words.unwrap_or_else(|| self.written.clone());
        } else {
            self.touched = self.touched.or(self.last);
            self.not_before = now + TRY_AGAIN_AFTER;
        }
    }
}
