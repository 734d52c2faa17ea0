use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use flow_base::{ActorId, ConnId, FlowId, Role, Seq, UserId};
use flow_model::{FlowGraph, GraphDiff, diff, summary};
use flow_protocol::awareness::{self, GONE};
use flow_protocol::frame::{self, Message};
use flow_room::{EditDone, EditFailed, EditRequest, Inbound, PeerInfo, RoomClosed, RoomHandle, Taken};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use uuid::Uuid;

use super::ring::{Cursor, Ring};
use crate::app::App;
use crate::routes::VersionView;

/// Changes and presence are told together, at most so often.
const TOLD_EVERY: Duration = Duration::from_millis(100);
/// New versions are looked for so often, and whether anybody still listens.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A feed that nobody listens to goes on for so long, for who comes back.
const LINGER: Duration = Duration::from_secs(30);
/// Until a room that has ended is opened again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Versions that are told of at most, of those made between two looks.
const VERSIONS: u32 = 5;

/// The feeds of this node, one for each flow that somebody listens to.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    feeds: Arc<DashMap<FlowId, Arc<Feed>>>,
}

/// What is told of one flow.
#[derive(Debug)]
pub(crate) struct Feed {
    flow: FlowId,
    state: Mutex<State>,
    /// Counts what was told; who waits for more watches it.
    told: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// What the events so far come to; `None` before the flow was read.
    graph: Option<Arc<FlowGraph>>,
    seq: Seq,
    presence: BTreeMap<u64, Value>,
    listeners: usize,
    unheard_since: Instant,
    ended: bool,
}

/// Who listens; dropping it is not listening any more.
#[derive(Debug)]
pub(crate) struct Listener {
    feed: Arc<Feed>,
    told: watch::Receiver<u64>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Frames(Vec<Bytes>),
    /// The flow as it is, for which there are no bytes yet; then the rest.
    Whole(Whole),
    Nothing,
    /// The feed is over: come back.
    Ended,
}

/// The beginning of a stream.
#[derive(Debug)]
pub(super) struct Whole {
    graph: Arc<FlowGraph>,
    presence: Vec<ClientView>,
    seq: Seq,
    tag: Ring,
    pub(super) next: u64,
}

#[derive(Debug, Serialize)]
struct ResetView<'a> {
    seq: Seq,
    graph: &'a FlowGraph,
}

#[derive(Debug, Serialize)]
struct ChangeView<'a> {
    seq: Seq,
    summary: String,
    diff: &'a GraphDiff,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientView {
    client_id: u64,
    state: Value,
}

#[derive(Debug, Serialize)]
struct PresenceView<'a> {
    /// These are all there are; otherwise the others stay as they are.
    all: bool,
    clients: &'a [ClientView],
    gone: &'a [u64],
}

impl Feeds {
    /// Starts one if nobody listens to this flow yet.
    pub(crate) fn listen(&self, app: &App, flow: FlowId) -> Listener {
        let entry = self.feeds.entry(flow).or_insert_with(|| {
            let feed = Arc::new(Feed::new(flow));
            // Should it panic, its listeners are told that it is over, and come back.
            tokio::spawn(run(app.clone(), Arc::clone(&feed), Arc::clone(&self.feeds)));
            feed
        });
        let feed = Arc::clone(&entry);
        feed.state().listeners += 1;
        drop(entry);
        let told = feed.told.subscribe();
        Listener { feed, told }
    }
}

impl Feed {
    fn new(flow: FlowId) -> Self {
        let state = State {
            ring: Ring::new(Uuid::new_v4().as_fields().0),
            graph: None,
            seq: Seq::ZERO,
            presence: BTreeMap::new(),
            listeners: 0,
            unheard_since: Instant::now(),
            ended: false,
        };
        Self { flow, state: Mutex::new(state), told: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever panicked meanwhile, an event is in the ring or it is not.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.told.send_modify(|told| *told += 1);
    }

    /// Whether nobody has listened for a while.
    fn is_unheard(&self) -> bool {
        let state = self.state();
        state.listeners == 0 && state.unheard_since.elapsed() >= LINGER
    }
}

impl Listener {
    /// Where who had the event of this id last goes on.
    pub(super) fn resume(&self, id: &str) -> Cursor {
        self.feed.state().ring.resume(id)
    }

    pub(super) fn next(&self, cursor: Cursor) -> (Next, Cursor) {
        let state = self.feed.state();
        if state.ended {
            return (Next::Ended, cursor);
        }
        let Some(graph) = &state.graph else { return (Next::Nothing, cursor) };
        let place = match cursor {
            Cursor::At(place) => state.ring.get(place).map(|frame| (place, frame)),
            Cursor::Reset => Err(Cursor::Reset),
        };
        match place {
            Ok((_, None)) => (Next::Nothing, cursor),
            Ok((place, Some(frame))) => (Next::Frames(vec![frame]), Cursor::At(place + 1)),
            Err(_) => {
                let next = state.ring.end();
                let whole = Whole {
                    graph: Arc::clone(graph),
                    presence: all(&state.presence),
                    seq: state.seq,
                    tag: state.ring.empty(),
                    next,
                };
                (Next::Whole(whole), Cursor::At(next))
            }
        }
    }

    /// Waits until more was told. Cancel safe.
    pub(super) async fn more(&mut self) {
        // The feed lives as long as its listeners.
        drop(self.told.changed().await);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.feed.state();
        state.listeners -= 1;
        state.unheard_since = Instant::now();
    }
}

impl Whole {
    /// Long work, without waiting.
    pub(super) fn frames(self) -> Vec<Bytes> {
        let Self { graph, presence, seq, tag, next } = self;
        let presence = PresenceView { all: true, clients: &presence, gone: &[] };
        vec![
            tag.frame("reset", seq, next, &ResetView { seq, graph: &graph }),
            tag.frame("presence", seq, next, &presence),
        ]
    }
}

fn all(presence: &BTreeMap<u64, Value>) -> Vec<ClientView> {
    presence.iter().map(|(client, state)| ClientView { client_id: *client, state: state.clone() }).collect()
}

/// A feed, from room to room, until nobody listens or the server stops.
async fn run(app: App, feed: Arc<Feed>, feeds: Arc<DashMap<FlowId, Arc<Feed>>>) {
    /// However this ends.
    struct Over(Arc<Feed>, Arc<DashMap<FlowId, Arc<Feed>>>);
    impl Drop for Over {
        fn drop(&mut self) {
            self.1.remove_if(&self.0.flow, |_, there| Arc::ptr_eq(there, &self.0));
            self.0.tell(|state| state.ended = true);
        }
    }
    let over = Over(feed, feeds);
    let (feed, feeds) = (&over.0, &over.1);
    let stopping = app.stopping().clone();
    loop {
        match Follower::join(&app, feed).await {
            Ok(follower) => follower.follow(&app).await,
            Err(error) => {
                tracing::debug!(flow = %feed.flow, error = &*error, "a feed could not join its room");
            }
        }
        if stopping.is_cancelled() {
            return;
        }
        // In one step with looking: nobody begins to listen to what ends.
        let ends = |_: &FlowId, there: &Arc<Feed>| Arc::ptr_eq(there, feed) && feed.is_unheard();
        if feeds.remove_if(&feed.flow, ends).is_some() {
            return;
        }
        sleep(AGAIN_AFTER).await;
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<Box<EditDone>, EditFailed>> + Send>>;

/// A feed's place in a room.
struct Follower<'a> {
    feed: &'a Feed,
    room: RoomHandle,
    conn: ConnId,
    outbox: flow_room::Outbox,
    /// Something has changed that was not told.
    dirty: bool,
    /// What everybody has come to since presence was told; `None`: gone.
    presence: BTreeMap<u64, Option<Value>>,
    /// All of it is told, because it is another room.
    anew: bool,
    last_version: Option<u32>,
}

impl<'a> Follower<'a> {
    async fn join(app: &App, feed: &'a Feed) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let room = app.room(feed.flow).await?;
        let conn = ConnId::next();
        let nobody =
            PeerInfo { user: UserId::generate(), name: String::new(), role: Role::Viewer, may_edit: false };
        let outbox = room.join(conn, nobody).await?;
        // Updates come only to who has asked; what they say is read from the room.
        room.receive(conn, Inbound::Step1 { state_vector: Bytes::from_static(&[0]) }).await?;
        let presence = BTreeMap::new();
        Ok(Self { feed, room, conn, outbox, dirty: true, presence, anew: true, last_version: None })
    }

    /// Until the room ends or nobody listens.
    async fn follow(mut self, app: &App) {
        let (mut due, mut asked): (_, Option<Asked>) = (Instant::now(), None);
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let waits = self.dirty && asked.is_none() || self.anew || !self.presence.is_empty();
            tokio::select! {
                taken = self.outbox.take() => {
                    if !self.take(taken).await {
                        break;
                    }
                }
                () = sleep_until(due), if waits => {
                    due = Instant::now() + TOLD_EVERY;
                    self.tell_presence();
                    if self.dirty && asked.is_none() {
                        self.dirty = false;
                        asked = Some(self.ask());
                    }
                }
                done = async { asked.as_mut().expect("looked at").await }, if asked.is_some() => {
                    asked = None;
                    match done {
                        Ok(done) => self.tell_change(*done).await,
                        // Tried again; what is not stored is not told.
                        Err(_) => (self.dirty, due) = (true, Instant::now() + AGAIN_AFTER),
                    }
                }
                _ = looks.tick() => {
                    let stops = app.stopping().is_cancelled() && self.feed.state().listeners == 0;
                    if stops || self.feed.is_unheard() {
                        break;
                    }
                    self.look_for_versions(app).await;
                }
            }
        }
        // A room that has ended has let go of its peers by itself.
        drop(self.room.leave(self.conn).await);
    }

    /// The flow as it is, once all of that is stored.
    fn ask(&self) -> Asked {
        let room = self.room.clone();
        Box::pin(async move { room.edit(EditRequest::edits(ActorId::Server, Vec::new())).await })
    }

    /// `false` when the room is gone.
    async fn take(&mut self, taken: Taken) -> bool {
        match taken {
            Taken::Frames(frames) => {
                for message in frames.into_iter().flat_map(frame::messages).flatten() {
                    match message {
                        Message::Update { .. } | Message::Step2 { .. } => self.dirty = true,
                        Message::Awareness { update } => self.note_presence(&update),
                        _ => {}
                    }
                }
                true
            }
            Taken::AskSince(position) => {
                !matches!(self.room.drained(self.conn, position).await, Err(RoomClosed))
            }
            Taken::Close(_) | Taken::Ended => false,
        }
    }

    fn note_presence(&mut self, update: &Bytes) {
        // Written by the room, which writes what we read.
        let Ok(entries) = awareness::decode(update) else { return };
        for entry in entries {
            let state = (entry.state != GONE).then(|| serde_json::from_slice(&entry.state).ok()).flatten();
            self.presence.insert(entry.client, state);
        }
    }

    fn tell_presence(&mut self) {
        if !self.anew && self.presence.is_empty() {
            return;
        }
        let (news, anew) = (std::mem::take(&mut self.presence), std::mem::take(&mut self.anew));
        self.feed.tell(|state| {
            if anew {
                state.presence.clear();
            }
            let (mut clients, mut gone) = (Vec::new(), Vec::new());
            for (client_id, now) in news {
                match now {
                    Some(now) => {
                        state.presence.insert(client_id, now.clone());
                        clients.push(ClientView { client_id, state: now });
                    }
                    None if state.presence.remove(&client_id).is_some() => gone.push(client_id),
                    None => {}
                }
            }
            let view = PresenceView { all: anew, clients: &clients, gone: &gone };
            state.ring.push("presence", state.seq, &view);
        });
    }

    async fn tell_change(&self, done: EditDone) {
        let EditDone { graph, seq, .. } = done;
        let (after, before) = (Arc::new(graph), self.feed.state().graph.clone());
        let Some(before) = before else {
            return self.feed.tell(|state| (state.graph, state.seq) = (Some(after), seq));
        };
        let compared = tokio::task::spawn_blocking({
            let after = Arc::clone(&after);
            move || {
                let diff = diff(&before, &after);
                (summary(&diff, &after), diff)
            }
        });
        let Ok((summary, diff)) = compared.await else { return };
        self.feed.tell(|state| {
            (state.graph, state.seq) = (Some(after), seq);
            if !diff.is_empty() {
                state.ring.push("change", seq, &ChangeView { seq, summary, diff: &diff });
            }
        });
    }

    async fn look_for_versions(&mut self, app: &App) {
        // The next look finds what this one does not.
        let Ok(mut newest) = app.store().versions(self.feed.flow, None, VERSIONS).await else { return };
        let before = self.last_version.replace(newest.first().map_or(0, |version| version.number));
        let Some(before) = before else { return };
        newest.retain(|version| version.number > before);
        for version in newest.into_iter().rev() {
            let view = VersionView::from(version);
            self.feed.tell(|state| state.ring.push("version", state.seq, &view));
        }
    }
}
