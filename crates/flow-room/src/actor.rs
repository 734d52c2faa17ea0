//! The room's task: wait, apply, dispatch.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_base::{Clock, FlowId, Seq};
use flow_cluster::LogSlice;
use flow_model::FlowDoc;
use flow_store::{Snapshot, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::task::TaskTracker;

use crate::effect::{Appended, DocumentSize, Durability, EditDone, EditRefused, Effect};
use crate::event::{Event, Moment, Ticket};
use crate::handle::Message;
use crate::hot::HotTier;
use crate::limits::RoomLimits;
use crate::load::{self, LoadedFlow};
use crate::measures;
use crate::outbox::Outbox;
use crate::outboxes::Outboxes;
use crate::registry::Slots;
use crate::relaying::{Listening, Relaying};
use crate::room::Room;
use crate::writer::{FlowLog, LogWriter};

/// Events applied before their effects are carried out.
const BATCH_MAX: usize = 256;
/// How long to wait before the store is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Updates read from the log at once.
const LOG_PAGE: usize = 1_000;

pub(crate) struct Actor {
    pub(crate) flow: FlowId,
    /// `None` only while it is at work on another thread.
    pub(crate) room: Option<Box<Room>>,
    pub(crate) inbox: mpsc::Receiver<Message>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) writer: LogWriter,
    pub(crate) hot: Arc<HotTier>,
    pub(crate) relaying: Relaying,
    pub(crate) listening: Listening,
    /// How far the room has followed the log, for its handles to see.
    pub(crate) followed: Arc<AtomicU64>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Arc<RoomLimits>,
    pub(crate) tracker: TaskTracker,
}

/// What a background task of the room came back with.
enum Done {
    Log(LogSlice),
    Snapshot {
        stored: bool,
    },
    Projection {
        stored: bool,
    },
    Reloaded(Box<LoadedFlow>),
    /// Neither now nor later can it be read.
    Unreadable,
}

struct Running {
    actor: Actor,
    started: Instant,
    /// For what is due if nothing happens. It lasts from batch to batch: most change nothing
    /// about that, and setting a timer anew takes a lock that all threads share.
    due: Pin<Box<Sleep>>,
    outboxes: Outboxes,
    callers: HashMap<Ticket, oneshot::Sender<Result<Box<EditDone>, EditRefused>>>,
    measurers: HashMap<Ticket, oneshot::Sender<Option<DocumentSize>>>,
    askers: HashMap<Ticket, oneshot::Sender<Option<Durability>>>,
    next_ticket: u64,
    log: FlowLog,
    /// When the updates of this batch arrived.
    arrivals: Vec<std::time::Instant>,
    tasks: JoinSet<Done>,
    /// The document is being read anew. Until it is back nothing is taken from
    /// the inbox, and what had been taken is held.
    reloading: bool,
    held: Vec<Event>,
}

impl Actor {
    /// Runs until the room may close. A panic ends this task and its room: the
    /// sockets see their outbox end, and the next visitor opens the flow anew.
    ///
    /// What came while the document was being built comes first.
    pub(crate) async fn run(self, first: Vec<Message>) {
        let running = Running {
            log: self.writer.flow(self.flow),
            actor: self,
            started: Instant::now(),
            due: Box::pin(sleep(Duration::ZERO)),
            outboxes: Outboxes::default(),
            callers: HashMap::new(),
            measurers: HashMap::new(),
            askers: HashMap::new(),
            next_ticket: 0,
            arrivals: Vec::new(),
            tasks: JoinSet::new(),
            reloading: false,
            held: Vec::new(),
        };
        running.run(first).await;
    }
}

/// Why the room is there.
const AT_HOME: &str = "the room comes back before its task waits again";

impl Drop for Running {
    /// However the room ends, its sockets learn of it.
    fn drop(&mut self) {
        self.outboxes.end();
    }
}

impl Running {
    async fn run(mut self, first: Vec<Message>) {
        let mut messages = first;
        loop {
            let events = if messages.is_empty() { self.wait(&mut messages).await } else { Vec::new() };
            let mut effects = Vec::new();
            self.apply(events, std::mem::take(&mut messages), &mut effects).await;
            self.dispatch(effects);
            for arrived in self.arrivals.drain(..) {
                measures::FAN_OUT.took(arrived.elapsed());
            }
            // A failed room would turn everybody away for as long as they come.
            if self.room().has_failed() || self.may_close() {
                return;
            }
        }
    }

    fn room(&self) -> &Room {
        self.actor.room.as_deref().expect(AT_HOME)
    }

    fn now(&self) -> Moment {
        Moment { elapsed: self.started.elapsed(), wall: self.actor.clock.now() }
    }

    fn may_close(&self) -> bool {
        self.tasks.is_empty()
            && self.actor.relaying.is_idle()
            && self.room().may_close(self.now())
            && self.actor.slots.retire(self.actor.flow, || self.actor.inbox.is_empty())
    }

    /// The only place that waits. Cancel safe in every branch.
    async fn wait(&mut self, messages: &mut Vec<Message>) -> Vec<Event> {
        let deadline = self.room().deadline(self.now()).map(|at| self.started + at);
        if let Some(at) = deadline.filter(|at| *at != self.due.deadline()) {
            self.due.as_mut().reset(at);
        }
        tokio::select! {
            biased;
            // What is committed meanwhile has to be applied again, too: until the document
            // is back it counts as under way.
            answer = self.log.committed(), if !self.reloading => {
                vec![answer.map_or_else(Event::AppendRefused, Event::Committed)]
            }
            Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => self.finished(done),
            () = self.actor.relaying.told() => Vec::new(),
            heard = self.actor.listening.next(), if !self.reloading => vec![heard],
            received = self.actor.inbox.recv_many(messages, BATCH_MAX), if !self.reloading => {
                // The slot holds a sender for as long as the room lives.
                debug_assert!(received > 0, "the registry let go of a live room");
                Vec::new()
            }
            () = &mut self.due, if deadline.is_some() => vec![Event::Tick],
        }
    }

    fn finished(&mut self, done: Result<Done, tokio::task::JoinError>) -> Vec<Event> {
        match done {
            Ok(Done::Log(slice)) => vec![Event::LogRead { slice }],
            Ok(Done::Unreadable) => vec![Event::Unreadable],
            Ok(Done::Snapshot { stored }) => vec![Event::SnapshotDone { stored }],
            Ok(Done::Projection { stored }) => vec![Event::ProjectionDone { stored }],
            Ok(Done::Reloaded(loaded)) => {
                self.reloading = false;
                let mut events = vec![Event::Reloaded(loaded)];
                events.append(&mut self.held);
                events
            }
            // These tasks only call the store. Whatever panicked there, the room
            // cannot know what it left undone.
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn apply(&mut self, mut events: Vec<Event>, messages: Vec<Message>, effects: &mut Vec<Effect>) {
        events.extend(messages.into_iter().filter_map(|message| self.open(message)));
        let now = self.now();
        let mut room = self.actor.room.take().expect(AT_HOME);
        let document_bytes = room.document_bytes();
        let clients = room.document().map_or(0, FlowDoc::client_count);
        let work = events.iter().map(|event| event.work_bytes(document_bytes, clients));
        let work = work.fold(0, usize::saturating_add);
        // What is due after the batch is due because of it.
        let updates = events.iter().filter_map(Event::update_bytes);
        let (count, bytes) = updates.fold((0, 0), |(count, bytes), update| (count + 1, bytes + update));
        let work = work.saturating_add(room.settle_bytes(now, count, bytes));
        let apply = move || {
            let mut effects = Vec::new();
            let held = room.apply_batch(now, events, &mut effects);
            (room, held, effects)
        };
        // Long work leaves the async threads, and the room goes with it: it has
        // one owner at any time.
        let (room, held, made) = if work <= self.actor.limits.inline_bytes {
            apply()
        } else {
            match tokio::task::spawn_blocking(apply).await {
                Ok(applied) => applied,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        };
        self.actor.followed.store(room.contiguous().0, Ordering::Relaxed);
        self.actor.room = Some(room);
        self.held.extend(held);
        effects.extend(made);
    }

    /// Takes the channels out of a message; what is left is an event.
    fn open(&mut self, message: Message) -> Option<Event> {
        match message {
            Message::Join { conn, peer, outbox, greeted } => {
                self.outboxes.insert(conn, outbox);
                Some(if greeted { Event::Greeted { conn, peer } } else { Event::Joined { conn, peer } })
            }
            Message::Event(event) => {
                if let Event::Left { conn } = &event {
                    self.outboxes.remove(*conn);
                }
                Some(event)
            }
            Message::Received { conn, message, at } => {
                self.arrivals.extend(at);
                Some(Event::Received { conn, message })
            }
            Message::Edit { request, reply } => {
                let ticket = self.ticket();
                self.callers.insert(ticket, reply);
                Some(Event::Edit { ticket, request })
            }
            Message::Measure { reply } => {
                let ticket = self.ticket();
                self.measurers.insert(ticket, reply);
                Some(Event::Measure { ticket })
            }
            Message::AskDurable { holding, reply } => {
                let ticket = self.ticket();
                self.askers.insert(ticket, reply);
                Some(Event::AskDurable { ticket, holding })
            }
            Message::Who { reply } => {
                // A caller that went away needs no answer.
                drop(reply.send(self.room().present(self.now())));
                None
            }
            Message::Read { reply } => {
                // A caller that went away needs no answer.
                drop(reply.send(self.room().document().map(|doc| doc.graph().clone())));
                None
            }
        }
    }

    const fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }

    fn dispatch(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.carry(effect);
        }
        // The room waits for none of these, only a node that ends: they write what the sockets
        // take at once, and are done. Should one panic, the socket it was at is broken.
        let tracker = &self.actor.tracker;
        self.outboxes.flush(|outboxes| {
            tracker.spawn(async move { outboxes.iter().for_each(Outbox::flush) });
        });
    }

    fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::CatchUp { .. } => {
                measures::one(measures::RESYNCS);
                self.outboxes.carry(effect);
            }
            Effect::Send { .. }
            | Effect::AnswerJoin { .. }
            | Effect::FanOut { .. }
            | Effect::Show { .. }
            | Effect::Close { .. } => self.outboxes.carry(effect),
            Effect::Append(Appended { at, updates, writers }) => self.log.append(at, updates, writers),
            Effect::ReadLog { after } => self.read_log(after),
            Effect::Relay(slice) => self.actor.relaying.tell(slice),
            Effect::TellNodes(presence) => self.actor.relaying.show(presence),
            Effect::Publish(snapshot) => self.publish(snapshot),
            Effect::Project(projection) => {
                let (store, flow) = (Arc::clone(&self.actor.store), self.actor.flow);
                self.tasks.spawn(async move {
                    let stored = store.project(flow, &projection).await;
                    Done::Projection { stored: outcome(stored, flow, "project").is_done() }
                });
            }
            Effect::Reload => self.reload(),
            Effect::Size { ticket, size } => {
                let measurer = self.measurers.remove(&ticket);
                if measurer.is_some_and(|measurer| measurer.send(size).is_err()) {
                    tracing::debug!("who asked for the size of a document did not wait for it");
                }
            }
            Effect::Durability { ticket, durability } => {
                let asker = self.askers.remove(&ticket);
                if asker.is_some_and(|asker| asker.send(durability).is_err()) {
                    tracing::debug!("who asked whether something is durable did not wait for it");
                }
            }
            Effect::Reply { ticket, result } => {
                if let Some(caller) = self.callers.remove(&ticket) {
                    // A caller that went away needs no answer.
                    drop(caller.send(result));
                }
            }
        }
    }

    fn publish(&mut self, snapshot: Snapshot) {
        let (store, flow, at) = (Arc::clone(&self.actor.store), self.actor.flow, self.actor.clock.now());
        let hot = Arc::clone(&self.actor.hot);
        self.tasks.spawn(async move {
            let began = Instant::now();
            let stored = outcome(store.put_snapshot(flow, &snapshot, at).await, flow, "snapshot");
            if stored == Outcome::Stored {
                measures::snapshot_stored(began.elapsed());
                // Only what the store has: the cache is never ahead of it.
                hot.put_snapshot(snapshot).await;
            }
            Done::Snapshot { stored: stored.is_done() }
        });
    }

    fn read_log(&mut self, after: Seq) {
        let (store, flow) = (Arc::clone(&self.actor.store), self.actor.flow);
        let hot = Arc::clone(&self.actor.hot);
        self.tasks.spawn(async move {
            loop {
                match hot.updates_after(&*store, after, LOG_PAGE).await {
                    Ok(slice) => return Done::Log(slice),
                    Err(error) if !error.is_retryable() => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(%flow, error, "the log cannot be read; the room gives up");
                        return Done::Unreadable;
                    }
                    Err(error) => {
                        tracing::warn!(%flow, error = &error as &dyn std::error::Error, "could not read the log; trying again");
                        sleep(RETRY_AFTER).await;
                    }
                }
            }
        });
    }

    fn reload(&mut self) {
        self.reloading = true;
        let (store, flow) = (Arc::clone(&self.actor.store), self.actor.flow);
        self.tasks.spawn(async move {
            let store: Arc<dyn flow_store::LogStore> = store;
            loop {
                match load::load(&store, flow).await {
                    Ok(loaded) => return Done::Reloaded(Box::new(loaded)),
                    Err(error) if !error.is_retryable() => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(%flow, error, "the flow cannot be read anew; the room gives up");
                        return Done::Unreadable;
                    }
                    Err(error) => {
                        tracing::error!(%flow, error = &error as &dyn std::error::Error, "could not read the flow anew; trying again");
                        sleep(RETRY_AFTER).await;
                    }
                }
            }
        });
    }
}

/// What became of a snapshot or projection; neither is part of what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stored,
    /// It is made again later.
    Later,
    /// Made again it would fail again, and hold the room open for ever. The store does not
    /// have it, so the cache must not.
    Never,
}

impl Outcome {
    const fn is_done(self) -> bool {
        !matches!(self, Self::Later)
    }
}

fn outcome(result: Result<bool, flow_store::StoreError>, flow: FlowId, what: &'static str) -> Outcome {
    match result {
        // Not written because a newer one is there is as good as written.
        Ok(_) => Outcome::Stored,
        Err(error) if error.is_retryable() => {
            tracing::warn!(%flow, what, error = &error as &dyn std::error::Error, "could not be stored");
            Outcome::Later
        }
        Err(error) => {
            tracing::error!(%flow, what, error = &error as &dyn std::error::Error, "cannot be stored");
            Outcome::Never
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_store::{Conflict, StoreError};

    use super::*;

    #[test]
    fn what_can_never_be_stored_is_done_with_and_not_taken_for_stored() {
        let of = |result| outcome(result, FlowId::generate(), "snapshot");
        let away = StoreError::Backend { action: "store", retryable: true, source: "away".into() };
        let refused = of(Err(StoreError::Conflict(Conflict::SnapshotAhead)));
        assert_eq!((refused, refused.is_done()), (Outcome::Never, true));
        assert_eq!((of(Err(away)), of(Ok(false))), (Outcome::Later, Outcome::Stored));
        assert!(!Outcome::Later.is_done());
    }
}
