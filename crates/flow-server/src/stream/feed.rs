use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use flow_base::{FlowId, Seq};
use flow_model::{FlowGraph, GraphDiff};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::follow::Follower;
use super::ring::{Cursor, Ring, without_id};
use crate::app::App;

/// A feed that nobody listens to goes on for so long, for who comes back.
const LINGER: Duration = Duration::from_secs(30);
/// Until a room that has ended is opened again.
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The feeds of this node, one for each flow that somebody listens to.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    feeds: Arc<DashMap<FlowId, Arc<Feed>>>,
}

/// What is told of one flow.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(super) flow: FlowId,
    state: Mutex<State>,
    /// Counts what was told; who waits for more watches it.
    told: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ring: Ring,
    /// What the events so far come to; `None` before the flow was read.
    pub(super) graph: Option<Arc<FlowGraph>>,
    pub(super) seq: Seq,
    pub(super) presence: BTreeMap<u64, Value>,
    /// The newest that was told of, or was there before; `None` before the first look.
    pub(super) last_version: Option<u32>,
    pub(super) listeners: usize,
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
pub(super) struct ChangeView<'a> {
    pub(super) seq: Seq,
    pub(super) summary: String,
    pub(super) diff: &'a GraphDiff,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientView {
    pub(super) client_id: u64,
    pub(super) state: Value,
}

#[derive(Debug, Serialize)]
pub(super) struct PresenceView<'a> {
    /// These are all there are; otherwise the others stay as they are.
    pub(super) all: bool,
    pub(super) clients: &'a [ClientView],
    pub(super) gone: &'a [u64],
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
    pub(super) fn new(flow: FlowId) -> Self {
        let state = State {
            ring: Ring::new(Uuid::new_v4().as_fields().0),
            graph: None,
            seq: Seq::ZERO,
            presence: BTreeMap::new(),
            last_version: None,
            listeners: 0,
            unheard_since: Instant::now(),
            ended: false,
        };
        Self { flow, state: Mutex::new(state), told: watch::Sender::new(0) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Whatever panicked meanwhile, an event is in the ring or it is not.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.told.send_modify(|told| *told += 1);
    }

    /// Whether nobody has listened for a while.
    pub(super) fn is_unheard(&self) -> bool {
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
            // Only with what follows has somebody the whole.
            without_id("reset", &ResetView { seq, graph: &graph }),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has the flow and does not know who is there has to begin anew, and does: there is
    /// no id to go on behind.
    #[tokio::test]
    async fn the_beginning_of_a_stream_is_done_with_as_a_whole() {
        let feed = Arc::new(Feed::new(FlowId::generate()));
        feed.tell(|state| state.graph = Some(Arc::default()));
        let told = feed.told.subscribe();
        let listener = Listener { feed, told };
        listener.feed.state().listeners += 1;
        let (Next::Whole(whole), _) = listener.next(Cursor::Reset) else { panic!("it begins") };
        let frames: Vec<_> =
            whole.frames().iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect();
        let [reset, presence] = &frames[..] else { panic!("two events: {frames:?}") };
        assert!(reset.starts_with("event: reset\n"), "{reset}");
        let id = presence.lines().next().and_then(|line| line.strip_prefix("id: ")).expect("it has one");
        assert_ne!(listener.resume(id), Cursor::Reset);
    }
}
