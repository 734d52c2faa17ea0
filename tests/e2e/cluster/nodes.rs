//! Nodes that die, that are replaced one after the other, and that edit one flow together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flow_base::Seq;
use flow_client::{NewFlow, PeerState};
use flow_model::{Edit, FlowGraph};
use flow_store::{LogStore, PageSize};
use flow_testing::TestServer;

use super::scene::{Crowd, Size, cluster, load_for, store, stored_nodes};
use crate::PROGRAM;
use crate::people::{add, live, make, until, until_graph};

/// The size that the figures were taken at; the usual one is a tenth.
fn is_full() -> bool {
    std::env::var("E2E_CLUSTER").is_ok_and(|size| size == "full")
}

fn size() -> Size {
    let (people, flows) = if is_full() { (200, 40) } else { (24, 6) };
    Size { people, flows, edit_every: Duration::from_secs(1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_while_nodes_die() {
    let mut cluster = cluster(3, true).await;
    let store = store(&cluster).await;
    let crowd = Crowd::gather(&cluster, size()).await;
    let kills = if is_full() { 10 } else { 3 };
    let mut acknowledged = 0;
    for round in 0..kills {
        load_for(Duration::from_secs(3)).await;
        let node = round % cluster.len();
        let kept = crowd.acknowledged();
        cluster.node_mut(node).kill().await.unwrap();
        // Before many have come back, who could repair it.
        for (flow, kept) in &kept {
            let stored = stored_nodes(&store, *flow).await;
            let lost: Vec<_> = kept.difference(&stored).collect();
            assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        }
        acknowledged = kept.values().map(std::collections::BTreeSet::len).sum();
        load_for(Duration::from_secs(2)).await;
        cluster.node_mut(node).restart().await.unwrap();
    }
    let settled = crowd.settle(&store).await;
    println!(
        "{kills} kills; {} edits, of which {acknowledged} were acknowledged before the last kill; none lost; \
         to resume: p50 {:?}, p99 {:?}, {} times",
        settled.edits,
        settled.outage(50),
        settled.outage(99),
        settled.outages.len(),
    );
    assert!(acknowledged > kills && !settled.outages.is_empty(), "the test tested little");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rolling_restart_loses_nothing_and_brings_no_storm() {
    let mut cluster = cluster(3, true).await;
    let store = store(&cluster).await;
    let size = size();
    let crowd = Crowd::gather(&cluster, size).await;
    let second = Duration::from_secs(1);
    let joined = cluster.balancer().most_accepted_within(second);
    for node in 0..cluster.len() {
        load_for(second).await;
        cluster.node_mut(node).stop().await.unwrap();
        cluster.node_mut(node).restart().await.unwrap();
    }
    let most = cluster.balancer().most_accepted_within(second);
    let settled = crowd.settle(&store).await;
    println!(
        "{} people; {} edits, none lost; at most {most} connections within a second ({joined} when they \
         joined); to resume: p50 {:?}, p99 {:?}, {} times",
        size.people,
        settled.edits,
        settled.outage(50),
        settled.outage(99),
        settled.outages.len(),
    );
    assert!(settled.outages.len() >= size.people, "everybody was sent away at least once");
}

/// Clients come back as soon as they are closed: all of a node's at once would overrun the
/// others.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_stops_closes_its_sockets_in_waves() {
    let mut server = TestServer::start_with(PROGRAM, &[("INTERFLOW_DRAIN_SECONDS", "6")]).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let flow = ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let mut peers = Vec::new();
    for _ in 0..45 {
        peers.push(live(&ann, flow).await);
    }
    let closed: Vec<_> = peers.iter().map(|peer| tokio::spawn(when_closed(peer.state()))).collect();
    let stopped = tokio::spawn(async move {
        server.stop().await.unwrap();
        server
    });
    let mut times = Vec::new();
    for closed in closed {
        times.push(closed.await.unwrap());
    }
    times.sort_unstable();
    // Two at a time, a tenth of a second apart: 22 pauses within three seconds.
    assert!(times[44] - times[0] >= Duration::from_millis(1_500), "{:?}", times[44] - times[0]);
    let mut server = stopped.await.unwrap();
    for (at, peer) in peers.iter().enumerate() {
        make(peer, add(&format!("meanwhile-{at}"))).await;
    }
    server.restart().await.unwrap();
    for peer in &peers {
        until(peer, "everything saved", PeerState::is_saved).await;
    }
}

async fn when_closed(mut state: tokio::sync::watch::Receiver<PeerState>) -> Instant {
    state.wait_for(|state| !state.is_live()).await.unwrap();
    Instant::now()
}

/// How long an update takes to a peer of another node, each one's own.
struct Latencies {
    sent: Vec<Instant>,
    seen: Vec<Duration>,
}

impl Latencies {
    /// Everything up to this count has been seen by now.
    fn saw(&mut self, count: usize) {
        let now = Instant::now();
        let newly = self.seen.len()..count.min(self.sent.len());
        self.seen.extend(self.sent[newly].iter().map(|sent| now - *sent));
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.seen.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }
}

fn moved(id: &str, count: usize) -> Edit {
    Edit::MoveNode { id: id.into(), x: count as f64, y: 0.0, w: None, h: None, parent: None }
}

#[expect(clippy::cast_possible_truncation, reason = "it was a count")]
fn count_of(graph: &FlowGraph, id: &str) -> usize {
    graph.layout.get(id).map_or(0, |layout| layout.x as usize)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_edit_one_flow_at_once_and_the_log_stays_dense() {
    let cluster = cluster(2, true).await;
    let ann = cluster.person("ann").await.unwrap();
    let flow = ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let mut peers = Vec::new();
    for node in 0..2 {
        peers.push(live(&cluster.at(node, &ann).unwrap(), flow).await);
    }
    let ids = ["left", "right"];
    for (peer, id) in peers.iter().zip(ids) {
        make(peer, add(id)).await;
    }
    for peer in &peers {
        until_graph(peer, "both nodes are there", |graph| graph.nodes.len() == 2).await;
    }
    let seconds = if is_full() { 60 } else { 5 };
    let each = seconds * 100;
    let mut latencies = BTreeMap::new();
    let (left, right) = tokio::join!(
        edit_and_watch(&peers[0], &peers[1], ids[0], each),
        edit_and_watch(&peers[1], &peers[0], ids[1], each)
    );
    latencies.extend([(ids[0], left), (ids[1], right)]);
    for peer in &peers {
        until(peer, "everything saved", PeerState::is_saved).await;
    }
    let store = store(&cluster).await;
    // Dense, or this fails; nothing twice, or there were more.
    let log = store.updates_after(flow, Seq::ZERO, PageSize::WHOLE).await.unwrap();
    assert_eq!(log.len(), 1 + 2 + 2 * each);
    for (id, latencies) in latencies {
        println!(
            "{id}: {} moves in {seconds} s; to the peer of the other node: p50 {:?}, p99 {:?}",
            latencies.seen.len(),
            latencies.percentile(50),
            latencies.percentile(99)
        );
    }
}

/// Moves a node at 100 a second, whatever comes of it, and looks when the other sees it.
async fn edit_and_watch(
    from: &flow_client::Peer,
    to: &flow_client::Peer,
    id: &str,
    count: usize,
) -> Latencies {
    let mut latencies = Latencies { sent: Vec::new(), seen: Vec::new() };
    let mut graph = to.graph();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while latencies.seen.len() < count {
        tokio::select! {
            _ = ticks.tick(), if latencies.sent.len() < count => {
                latencies.sent.push(Instant::now());
                make(from, moved(id, latencies.sent.len())).await;
            }
            changed = graph.changed() => {
                changed.unwrap();
                let seen = count_of(&graph.borrow_and_update(), id);
                latencies.saw(seen);
            }
        }
    }
    latencies
}
