//! Runs on the canvas: where a run stands is shown to everybody in its flow's room.
//!
//! It is presence, like a cursor: a run that is shown is a peer of the room, and its state has
//! `run` in it (`docs/protocol.md`). Nothing of it is stored. Previews are shown from their
//! first turn on, runs of versions while a member watches them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;
use flow_base::{ConnId, FlowId, Role, RunId, UserId};
use flow_executor::runner::{Turned, WatchNext, Watching};
use flow_protocol::awareness::Entry;
use flow_room::{Inbound, Outbox, PeerInfo, RoomClosed, RoomHandle, Taken};
use flow_store::{RunKind, RunSummary};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::App;

mod position;

use position::Position;

/// A run that has ended stays to be seen for so long.
const LINGER: Duration = Duration::from_secs(5);
/// A preview that nobody moves on is shown for so long; when it goes on, it is shown again.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// While more runs are shown by this node, they are shown only in rooms that are open on it
/// anyway; up to then also to people at other nodes.
const OPENING_MAX: usize = 100;
/// Until a room that has ended is joined again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Of one flow so many are shown by this node; further ones are not, until one of them ends.
const SHOWN_PER_FLOW: usize = 16;

/// The runs that this node shows.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    runs: Arc<DashMap<RunId, Display>>,
}

#[derive(Debug)]
struct Display {
    flow: FlowId,
    /// How many watch it; it is told to the task that shows the run.
    watchers: watch::Sender<usize>,
}

/// What does not change of a run that is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Showable {
    pub(crate) run: RunId,
    pub(crate) flow: FlowId,
    pub(crate) kind: RunKind,
    pub(crate) user: Option<UserId>,
}

/// Somebody watches a run: it is shown while this lives.
#[derive(Debug)]
pub(crate) struct Watcher {
    runs: Arc<DashMap<RunId, Display>>,
    run: RunId,
}

impl Canvas {
    /// Shows a preview that has begun or was moved on here; nothing is done for other runs.
    pub(crate) fn show(&self, app: &App, run: Showable, turn: &Turned) {
        if run.kind == RunKind::Preview {
            self.add(app, run, Some(turn), 0);
        }
    }

    /// Shows any run while it is watched.
    pub(crate) fn watch(&self, app: &App, run: &RunSummary) -> Option<Watcher> {
        let is_shown = !run.status.is_over() && self.add(app, run.into(), None, 1);
        is_shown.then(|| Watcher { runs: Arc::clone(&self.runs), run: run.id })
    }

    /// Whether it is shown.
    fn add(&self, app: &App, run: Showable, turn: Option<&Turned>, watchers: usize) -> bool {
        // Looked at before the entry is held: it looks at all of them.
        let of_flow = self.runs.iter().filter(|shown| shown.flow == run.flow).count();
        match self.runs.entry(run.run) {
            Slot::Occupied(shown) => shown.get().watchers.send_modify(|count| *count += watchers),
            Slot::Vacant(_) if of_flow >= SHOWN_PER_FLOW => return false,
            Slot::Vacant(free) => {
                let (watchers, watched) = watch::channel(watchers);
                free.insert(Display { flow: run.flow, watchers });
                let mut position = Position::of(run.run, run.kind);
                turn.into_iter().for_each(|turn| position.take(turn));
                // Before anything more can happen to the run.
                let watching = app.runs().watch(run.run);
                let (app, runs) = (app.clone(), Arc::clone(&self.runs));
                let showing = Showing { app, runs, run, position, watching, watched, until: None };
                // Should it panic, the run is shown no more; nothing else depends on it.
                tokio::spawn(async move {
                    let mut over = Over { runs: Arc::clone(&showing.runs), run: Some(showing.run.run) };
                    showing.show(&mut over).await;
                });
            }
        }
        true
    }
}

impl From<&RunSummary> for Showable {
    fn from(run: &RunSummary) -> Self {
        Self { run: run.id, flow: run.flow, kind: run.kind, user: run.user }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(shown) = self.runs.get(&self.run) {
            shown.watchers.send_modify(|count| *count = count.saturating_sub(1));
        }
    }
}

/// However showing it ends.
struct Over {
    runs: Arc<DashMap<RunId, Display>>,
    /// None where it was removed already.
    run: Option<RunId>,
}

impl Over {
    const fn disarm(&mut self) {
        self.run = None;
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        if let Some(run) = self.run {
            self.runs.remove(&run);
        }
    }
}

/// A run that is shown, from room to room.
struct Showing {
    app: App,
    runs: Arc<DashMap<RunId, Display>>,
    run: Showable,
    position: Position,
    watching: Watching,
    watched: watch::Receiver<usize>,
    /// It is shown until then, if nothing happens; `None`: as long as it is watched.
    until: Option<Instant>,
}

/// Its place in a room.
struct Place {
    room: RoomHandle,
    conn: ConnId,
    outbox: Outbox,
    /// Of the entry by which it shows itself, and the entry's clock.
    client: u64,
    clock: u64,
}

impl Showing {
    async fn show(mut self, over: &mut Over) {
        // Who tries a flow is seen; who talks to a version is nobody's business here.
        let name = match self.run.user.filter(|_| self.run.kind == RunKind::Preview) {
            // Whose name cannot be read is shown without it.
            Some(user) => self.app.store().user(user).await.ok().flatten().map(|user| user.name),
            None => None,
        };
        self.position.by = name;
        if self.position.is_unknown() {
            self.read().await;
        }
        self.set_until();
        let stopping = self.app.stopping().clone();
        while !stopping.is_cancelled() {
            if self.ends() {
                // The entry is gone, and another of this run may be there by now.
                return over.disarm();
            }
            match self.join().await {
                Ok(mut place) => {
                    let shown = self.show_in(&mut place, &stopping).await;
                    // A room that has ended has let go of its peers by itself.
                    drop(place.room.leave(place.conn).await);
                    if shown.is_ok() {
                        continue;
                    }
                }
                Err(error) => {
                    tracing::debug!(run = %self.run.run, error = &*error, "a run could not join its room");
                }
            }
            // Whether or not it is shown anywhere, it ends with the run and with who watches.
            tokio::select! {
                () = sleep(AGAIN_AFTER) => {}
                next = self.watching.next() => self.moved(next).await,
                Ok(()) = self.watched.changed() => self.set_until(),
            }
        }
    }

    async fn moved(&mut self, next: WatchNext) {
        match next {
            WatchNext::Turn(told) => self.position.take(&told.entries),
            WatchNext::Look => self.read().await,
        }
        self.set_until();
    }

    /// In one step with looking whether somebody watches: nobody begins to watch what ends.
    fn ends(&self) -> bool {
        if !self.runs.contains_key(&self.run.run) {
            return true;
        }
        let is_done = || self.until.is_some_and(|until| until <= Instant::now());
        let ended = self.runs.remove_if(&self.run.run, |_, shown| {
            is_done() && (self.position.status.is_over() || *shown.watchers.borrow() == 0)
        });
        ended.is_some()
    }

    async fn join(&self) -> Result<Place, Box<dyn std::error::Error + Send + Sync>> {
        let room = match self.app.open_room(self.run.flow) {
            Some(room) => room,
            None if self.opens() => self.app.room(self.run.flow).await?,
            None => return Err("nobody has it open here".into()),
        };
        let conn = ConnId::next();
        let name = self.position.by.as_ref().map_or_else(|| "A run".to_owned(), |by| format!("Run of {by}"));
        let peer = PeerInfo { user: UserId::generate(), name, role: Role::Viewer, may_edit: false };
        let outbox = room.join(conn, peer).await?;
        let client = u64::from(Uuid::new_v4().as_fields().0);
        Ok(Place { room, conn, outbox, client, clock: 0 })
    }

    /// Whether a room is opened to show the run there: who tries a flow mostly has it open, perhaps
    /// at another node. A program may try and watch very many flows.
    fn opens(&self) -> bool {
        let elsewhere = self.run.kind == RunKind::Preview || self.app.has_other_nodes();
        elsewhere && self.runs.len() <= OPENING_MAX
    }

    /// Until there is nothing more to show; `Err` when the room ends before.
    async fn show_in(&mut self, place: &mut Place, stopping: &CancellationToken) -> Result<(), RoomClosed> {
        place.say(&self.position).await?;
        loop {
            let until = self.until;
            tokio::select! {
                taken = place.outbox.take() => place.take(taken).await?,
                next = self.watching.next() => {
                    self.moved(next).await;
                    place.say(&self.position).await?;
                }
                Ok(()) = self.watched.changed() => self.set_until(),
                () = async { sleep_until(until.expect("looked at")).await }, if until.is_some() => return Ok(()),
                () = stopping.cancelled() => return Ok(()),
            }
        }
    }

    /// Where another node has brought it.
    async fn read(&mut self) {
        match self.app.runs().view(self.run.run).await {
            Ok(view) => self.position.read(&view),
            // It stays where it was; the next turn says more.
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(run = %self.run.run, error, "could not look where a run stands");
            }
        }
    }

    fn set_until(&mut self) {
        let left = if self.position.status.is_over() {
            Some(LINGER)
        } else if *self.watched.borrow_and_update() > 0 {
            None
        } else if self.run.kind == RunKind::Preview {
            Some(IDLE)
        } else {
            // Whoever loads their page anew watches it again.
            Some(LINGER)
        };
        self.until = left.map(|left| Instant::now() + left);
    }
}

impl Place {
    async fn say(&mut self, position: &Position) -> Result<(), RoomClosed> {
        self.clock += 1;
        let state = Bytes::from(position.to_state().to_string());
        let entry = Entry { client: self.client, clock: self.clock, state };
        self.room.receive(self.conn, Inbound::RunShown { entry }).await
    }

    /// What others do is nothing to it.
    async fn take(&self, taken: Taken) -> Result<(), RoomClosed> {
        match taken {
            Taken::Frames(_) => Ok(()),
            Taken::AskSince(position) => self.room.drained(self.conn, position).await,
            Taken::Close(_) | Taken::Ended => Err(RoomClosed),
        }
    }
}
