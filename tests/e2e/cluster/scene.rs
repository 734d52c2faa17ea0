//! Several servers on one database, and many people who edit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_base::{FlowId, Role};
use flow_client::{NewFlow, Peer, PeerState};
use flow_model::FlowDoc;
use flow_store::LogStore;
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_testing::{TestCluster, TestRedis};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::PROGRAM;
use crate::people::{add, live, make, until};

pub(crate) async fn cluster(nodes: usize, redis: bool) -> TestCluster {
    cluster_with(nodes, redis, &[]).await
}

/// With these settings of each node.
pub(crate) async fn cluster_with(nodes: usize, redis: bool, settings: &[(&str, &str)]) -> TestCluster {
    let redis = if redis { Some(TestRedis::start().await.unwrap()) } else { None };
    TestCluster::start(PROGRAM, nodes, redis, settings).await.unwrap()
}

/// The database, read alone.
pub(crate) async fn store(cluster: &TestCluster) -> PostgresStore {
    PostgresStore::connect(&PostgresOptions::new(cluster.database_url())).await.unwrap()
}

/// The ids of a flow's nodes as they are stored.
pub(crate) async fn stored_nodes(store: &dyn LogStore, flow: FlowId) -> BTreeSet<String> {
    let stored = store.load(flow).await.unwrap().unwrap();
    let mut doc = FlowDoc::new(None);
    let snapshot = stored.snapshot.iter().map(|snapshot| &snapshot.state);
    for update in snapshot.chain(stored.tail.iter().map(|update| &update.bytes)) {
        doc.apply_update_v1(update).unwrap();
    }
    assert!(!doc.has_pending(), "the log has a hole");
    doc.graph().nodes.keys().map(ToString::to_string).collect()
}

/// How many people, in how many flows, and how often each edits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) people: usize,
    pub(crate) flows: usize,
    pub(crate) edit_every: Duration,
}

/// People who add nodes, each to one flow, wherever the balancer connects them.
pub(crate) struct Crowd {
    members: Vec<Arc<Member>>,
    editing: JoinSet<()>,
    stop: CancellationToken,
    watching: JoinSet<()>,
    /// How long each was not in step after it had been.
    outages: Arc<Mutex<Vec<Duration>>>,
}

struct Member {
    flow: FlowId,
    peer: Peer,
    made: Mutex<Vec<String>>,
}

/// Fewer than a user may have connections.
const PEERS_OF_ONE: usize = 20;

impl Crowd {
    pub(crate) async fn gather(cluster: &TestCluster, size: Size) -> Self {
        let owner = cluster.person("owner").await.unwrap();
        let mut people = Vec::new();
        for at in 0..size.people.div_ceil(PEERS_OF_ONE) {
            people.push(cluster.person(&format!("person-{at}")).await.unwrap());
        }
        let mut flows = Vec::new();
        for _ in 0..size.flows {
            let flow = owner.create_flow(&NewFlow::default()).await.unwrap().id;
            for at in 0..people.len() {
                let email = format!("person-{at}@example.org");
                owner.put_member(flow, &email, Role::Editor).await.unwrap();
            }
            flows.push(flow);
        }
        let mut members = Vec::new();
        for at in 0..size.people {
            let (flow, person) = (flows[at % size.flows], &people[at / PEERS_OF_ONE]);
            members.push(Arc::new(Member { flow, peer: live(person, flow).await, made: Mutex::default() }));
        }
        let (stop, outages) = (CancellationToken::new(), Arc::default());
        let (mut editing, mut watching) = (JoinSet::new(), JoinSet::new());
        for (at, member) in members.iter().enumerate() {
            editing.spawn(edit(Arc::clone(member), at, size, stop.clone()));
            watching.spawn(watch(Arc::clone(member), Arc::clone(&outages)));
        }
        Self { members, editing, stop, watching, outages }
    }

    /// What has been acknowledged by now, by flow.
    pub(crate) fn acknowledged(&self) -> BTreeMap<FlowId, BTreeSet<String>> {
        let mut all = BTreeMap::<FlowId, BTreeSet<String>>::new();
        for member in &self.members {
            all.entry(member.flow).or_default().extend(member.acknowledged());
        }
        all
    }

    /// Nobody edits any more; everybody comes to rest and has the same.
    pub(crate) async fn settle(mut self, store: &dyn LogStore) -> Settled {
        self.stop.cancel();
        while let Some(ended) = self.editing.join_next().await {
            ended.unwrap();
        }
        for member in &self.members {
            until(&member.peer, "everything saved", PeerState::is_saved).await;
        }
        let mut made = BTreeMap::<FlowId, BTreeSet<String>>::new();
        for member in &self.members {
            made.entry(member.flow).or_default().extend(member.made.lock().unwrap().iter().cloned());
        }
        for (&flow, made) in &made {
            let stored = stored_nodes(store, flow).await;
            assert_eq!(stored.symmetric_difference(made).collect::<Vec<_>>(), Vec::<&String>::new());
        }
        for member in &self.members {
            let made = &made[&member.flow];
            let all = |graph: &flow_model::FlowGraph| {
                graph.nodes.len() == made.len() && graph.nodes.keys().all(|id| made.contains(&**id))
            };
            crate::people::until_graph(&member.peer, "everybody has everything", all).await;
        }
        self.watching.shutdown().await;
        let mut outages = std::mem::take(&mut *self.outages.lock().unwrap());
        outages.sort_unstable();
        Settled { edits: made.values().map(BTreeSet::len).sum(), outages }
    }
}

/// What it came to.
pub(crate) struct Settled {
    pub(crate) edits: usize,
    /// From the shortest to the longest.
    pub(crate) outages: Vec<Duration>,
}

impl Settled {
    pub(crate) fn outage(&self, percent: usize) -> Duration {
        let at = (self.outages.len() * percent / 100).min(self.outages.len().saturating_sub(1));
        self.outages.get(at).copied().unwrap_or_default()
    }
}

impl Member {
    /// Edits are acknowledged in order.
    fn acknowledged(&self) -> Vec<String> {
        let made = self.made.lock().unwrap();
        let unsaved = usize::try_from(self.peer.state().borrow().unsaved()).unwrap();
        made[..made.len().saturating_sub(unsaved)].to_vec()
    }
}

async fn edit(member: Arc<Member>, at: usize, size: Size, stop: CancellationToken) {
    // Not all at once.
    let mut next = Instant::now() + size.edit_every.mul_f64(at as f64 / size.people as f64);
    for count in 0.. {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(next) => {}
        }
        next += size.edit_every;
        let id = format!("p{at}-{count}");
        make(&member.peer, add(&id)).await;
        // Only now: what is counted here and not yet there would pass for acknowledged.
        member.made.lock().unwrap().push(id);
    }
}

async fn watch(member: Arc<Member>, outages: Arc<Mutex<Vec<Duration>>>) {
    let mut state = member.peer.state();
    loop {
        let ended = "the peer lives as long as its member";
        state.wait_for(|state| !state.is_live()).await.expect(ended);
        let since = Instant::now();
        state.wait_for(PeerState::is_live).await.expect(ended);
        outages.lock().unwrap().push(since.elapsed());
    }
}

/// A pause of a test that says how much load there is, and not when something happens.
pub(crate) async fn load_for(time: Duration) {
    sleep(time).await;
}
