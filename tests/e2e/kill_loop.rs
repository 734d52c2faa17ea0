//! The server, or its database, is killed at random moments under load; whatever was
//! acknowledged must be in the database, with no client coming back to repair it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use flow_base::FlowId;
use flow_client::{Api, NewFlow, Peer, PeerState};
use flow_model::FlowDoc;
use flow_store::LogStore;
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_store_sqlite::SqliteStore;
use flow_testing::{TestPostgres, TestServer};

use crate::PROGRAM;
use crate::people::{add, live, make, until};

const FLOWS: usize = 3;
const WRITERS: usize = 2;

/// How often, unless `E2E_KILLS` says otherwise. A database takes longer to come back.
const SERVER_KILLS: usize = 20;
const POSTGRES_KILLS: usize = 10;

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

/// What is killed.
enum Victim {
    Server,
    /// With all its processes; the server goes on.
    Postgres,
}

struct Scene {
    server: TestServer,
    postgres: Option<TestPostgres>,
    ann: Api,
    /// What was acknowledged of each.
    flows: Vec<(FlowId, BTreeSet<String>)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    kill_loop(Scene::new(server, None).await, &Victim::Server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_a_server_on_postgres_is_killed() {
    let postgres = TestPostgres::start().await.unwrap();
    let server =
        TestServer::start_with(PROGRAM, &[("INTERFLOW_DATABASE_URL", &postgres.url())]).await.unwrap();
    kill_loop(Scene::new(server, Some(postgres)).await, &Victim::Server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_postgres_is_killed() {
    let postgres = TestPostgres::start().await.unwrap();
    let server =
        TestServer::start_with(PROGRAM, &[("INTERFLOW_DATABASE_URL", &postgres.url())]).await.unwrap();
    kill_loop(Scene::new(server, Some(postgres)).await, &Victim::Postgres).await;
}

#[expect(clippy::print_stdout, reason = "what a run came to, and how to run a seed again")]
async fn kill_loop(mut scene: Scene, victim: &Victim) {
    let usual = match victim {
        Victim::Server => SERVER_KILLS,
        Victim::Postgres => POSTGRES_KILLS,
    };
    let kills = std::env::var("E2E_KILLS").map_or(usual, |kills| kills.parse().unwrap());
    let seed: u64 = std::env::var("E2E_SEED").map_or_else(|_| random_seed(), |seed| seed.parse().unwrap());
    println!("seed {seed}; replay with E2E_SEED={seed} cargo nextest run --test e2e kill_loop");
    let mut random = seed | 1;
    let mut total = 0;
    for round in 0..kills {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let load = Duration::from_millis(20 + (random >> 33) % 300);
        total += scene.round(round, load, victim).await;
    }
    println!("{kills} kills, {total} acknowledged edits, none lost");
    assert!(total > kills, "the loop tested little: {total} edits acknowledged");
}

impl Scene {
    async fn new(server: TestServer, postgres: Option<TestPostgres>) -> Self {
        let (ann, _) = server.person("ann").await.unwrap();
        let mut flows = Vec::new();
        for _ in 0..FLOWS {
            flows.push((ann.create_flow(&NewFlow::default()).await.unwrap().id, BTreeSet::new()));
        }
        Self { server, postgres, ann, flows }
    }

    async fn round(&mut self, round: usize, load: Duration, victim: &Victim) -> usize {
        let mut writers = Vec::new();
        for (flow, _) in &self.flows {
            for _ in 0..WRITERS {
                writers.push(Writer { flow: *flow, peer: live(&self.ann, *flow).await, made: Vec::new() });
            }
        }
        let writing = writers.iter_mut().enumerate().map(|(at, writer)| writer.write(round, at));
        let writing = futures_util::future::join_all(writing);
        let killed = async {
            tokio::time::sleep(load).await;
            match victim {
                Victim::Server => self.server.kill().await.unwrap(),
                Victim::Postgres => {
                    self.postgres.as_mut().unwrap().kill().unwrap();
                    // Nothing of what is edited now can be stored.
                    tokio::time::sleep(load).await;
                }
            }
        };
        tokio::select! {
            _ = writing => unreachable!("writers write until they are dropped"),
            () = killed => {}
        }
        let mut count = 0;
        for writer in &writers {
            let acknowledged = writer.acknowledged();
            count += acknowledged.len();
            let (_, kept) = self.flows.iter_mut().find(|(flow, _)| *flow == writer.flow).unwrap();
            kept.extend(acknowledged.iter().cloned());
        }
        match victim {
            Victim::Server => {
                // Nobody comes back to repair what is missing.
                drop(writers);
                self.compare(round).await;
                self.server.restart().await.unwrap();
            }
            Victim::Postgres => {
                self.postgres.as_mut().unwrap().restart().await.unwrap();
                self.compare(round).await;
                // And whatever was applied meanwhile is stored by itself.
                for writer in writers {
                    until(&writer.peer, "saved", PeerState::is_saved).await;
                    let (_, kept) = self.flows.iter_mut().find(|(flow, _)| *flow == writer.flow).unwrap();
                    kept.extend(writer.made);
                }
                self.compare(round).await;
            }
        }
        count
    }

    /// What was acknowledged is in the database, read alone.
    async fn compare(&self, round: usize) {
        let store: Arc<dyn LogStore> = match &self.postgres {
            Some(postgres) => {
                let options = PostgresOptions::new(postgres.url());
                Arc::new(PostgresStore::connect(&options).await.unwrap())
            }
            None => Arc::new(SqliteStore::open(self.server.database()).await.unwrap()),
        };
        for (flow, kept) in &self.flows {
            let stored = stored_nodes(&*store, *flow).await;
            let lost: Vec<_> = kept.difference(&stored).collect();
            assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        }
    }
}

async fn stored_nodes(store: &dyn LogStore, flow: FlowId) -> BTreeSet<String> {
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
