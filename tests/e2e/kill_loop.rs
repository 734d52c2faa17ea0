//! The server is killed at random moments under load; whatever it had
//! acknowledged must be in its database, with no client coming back to repair it.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_base::FlowId;
use flow_client::{Api, NewFlow, Peer};
use flow_model::FlowDoc;
use flow_store::LogStore;
use flow_store_sqlite::SqliteStore;
use flow_testing::TestServer;

use crate::PROGRAM;
use crate::people::{add, live, make};

const FLOWS: usize = 3;
const WRITERS: usize = 2;

/// How often, unless `E2E_KILLS` says otherwise.
const KILLS: usize = 30;

/// One peer that adds nodes as fast as it can, and the ids of those it added.
struct Writer {
    flow: FlowId,
    peer: Peer,
    made: Vec<String>,
}

impl Writer {
    async fn write(&mut self, round: usize, writer: usize) {
        loop {
            let id = format!("r{round}-w{writer}-{}", self.made.len());
            make(&self.peer, add(&id)).await;
            self.made.push(id);
            // Not always one edit a batch, not always one batch an edit.
            if self.made.len().is_multiple_of(7) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    /// What the server has acknowledged: edits are acknowledged in order.
    fn acknowledged(&self) -> &[String] {
        let unsaved = usize::try_from(self.peer.state().borrow().unsaved()).unwrap();
        &self.made[..self.made.len() - unsaved.min(self.made.len())]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let kills = std::env::var("E2E_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed: u64 = std::env::var("E2E_SEED").map_or_else(|_| random_seed(), |seed| seed.parse().unwrap());
    println!("seed {seed}; replay with E2E_SEED={seed} cargo nextest run --test e2e kill_loop");
    let mut random = seed | 1;
    let mut server = TestServer::start(PROGRAM).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let mut flows = Vec::new();
    for _ in 0..FLOWS {
        flows.push((ann.create_flow(&NewFlow::default()).await.unwrap().id, BTreeSet::new()));
    }
    let mut total = 0;
    for round in 0..kills {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let load = Duration::from_millis(20 + (random >> 33) % 300);
        total += one_round(&mut server, &ann, &mut flows, round, load).await;
        server.restart().await.unwrap();
    }
    println!("{kills} kills, {total} acknowledged edits, none lost");
    assert!(total > kills, "the loop tested little: {total} edits acknowledged");
}

async fn one_round(
    server: &mut TestServer,
    ann: &Api,
    flows: &mut [(FlowId, BTreeSet<String>)],
    round: usize,
    load: Duration,
) -> usize {
    let mut writers = Vec::new();
    for (flow, _) in flows.iter() {
        for _ in 0..WRITERS {
            writers.push(Writer { flow: *flow, peer: live(ann, *flow).await, made: Vec::new() });
        }
    }
    let writing = writers.iter_mut().enumerate().map(|(at, writer)| writer.write(round, at));
    let writing = futures_util::future::join_all(writing);
    let killed = async {
        tokio::time::sleep(load).await;
        server.kill().await.unwrap();
    };
    tokio::select! {
        _ = writing => unreachable!("writers write until they are dropped"),
        () = killed => {}
    }
    let mut count = 0;
    for writer in &writers {
        let acknowledged = writer.acknowledged();
        count += acknowledged.len();
        let (_, kept) = flows.iter_mut().find(|(flow, _)| *flow == writer.flow).unwrap();
        kept.extend(acknowledged.iter().cloned());
    }
    drop(writers);
    let store = SqliteStore::open(server.database()).await.unwrap();
    for (flow, kept) in flows.iter() {
        let stored = stored_nodes(&store, *flow).await;
        let lost: Vec<_> = kept.difference(&stored).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
    }
    store.close().await;
    count
}

async fn stored_nodes(store: &SqliteStore, flow: FlowId) -> BTreeSet<String> {
    let stored = store.load(flow).await.unwrap().unwrap();
    let mut doc = FlowDoc::new(None);
    let snapshot = stored.snapshot.iter().map(|snapshot| &snapshot.state);
    for update in snapshot.chain(stored.tail.iter().map(|update| &update.bytes)) {
        doc.apply_update_v1(update).unwrap();
    }
    assert!(!doc.has_pending(), "the log has a hole");
    doc.graph().nodes.keys().map(ToString::to_string).collect()
}

fn random_seed() -> u64 {
    // An id's random part: tests need no generator of their own.
    let bytes = FlowId::generate().as_uuid().into_bytes();
    u64::from_le_bytes(bytes[8..].try_into().unwrap())
}
