//! Many clients, several nodes, one store and one seed: edits, cuts, delays,
//! repetitions, messages of the relay lost and out of order, rooms that close, nodes
//! that die before and after a commit and around a snapshot, a cache that forgets,
//! clients with holes in their documents. In the end every document, the log and a
//! flow opened anew are equal, and whatever was acknowledged was in the log when it
//! was.
//!
//! The room, the protocol, the outboxes, the store's and the cluster's contracts are
//! the real ones; only the sockets and the clock are the test's. Nothing here
//! depends on anything but the seed.
//!
//! `cargo xtask simulate 20000` runs more seeds, `cargo xtask simulate 1 17` seed 17
//! alone.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]
#![expect(clippy::print_stdout, reason = "what a run came to, and how to run a seed again")]

#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/content.rs"]
mod content;
mod fixture;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/shared.rs"]
mod shared;
#[path = "simulation/world.rs"]
mod world;

use std::panic::catch_unwind;
use std::sync::Arc;

use flow_store::Store;
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_testing::TestPostgres;

pub(crate) use shared::Shared;
use world::Tally;
pub(crate) use world::World;

/// Seeds of a usual run, all parts together.
const SEEDS: u64 = 2_400;
/// Tests run beside each other, so the seeds are dealt out to several.
const PARTS: u64 = 8;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// Waits for something that a node would wait for in a task of its own.
fn now<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is to be a number, not {value:?}")))
}

/// Every seed of this part.
fn part(part: u64) {
    let (seeds, from) =
        (setting("SIMULATION_SEEDS").unwrap_or(SEEDS), setting("SIMULATION_FROM").unwrap_or(1));
    let mut sum = Tally::default();
    let mut runs = 0;
    for seed in (from..from + seeds).filter(|seed| seed % PARTS == part) {
        sum = sum.plus(run(seed));
        runs += 1;
    }
    println!("{runs} runs: {sum:?}");
}

fn run(seed: u64) -> Tally {
    match catch_unwind(|| World::new(seed).run()) {
        Ok(tally) => tally,
        Err(panic) => {
            println!("seed {seed} failed; again: cargo xtask simulate 1 {seed}");
            std::panic::resume_unwind(panic)
        }
    }
}

/// A peer whose queue had been dropped while the document was read anew got the
/// updates since, and not what other nodes' updates had come in with the reading. A seed
/// means another run once the simulation changes; `tests/room/spoiled.rs` keeps the
/// symptom itself.
#[test]
fn a_peer_that_is_behind_when_the_document_is_read_anew_misses_nothing() {
    run(828);
}

/// Seeds with the log in Postgres, unless `SIMULATION_POSTGRES_SEEDS` says otherwise:
/// each takes a few thousand statements.
const POSTGRES_SEEDS: u64 = 12;

#[test]
fn documents_end_equal_with_the_log_in_postgres() {
    let database = now(TestPostgres::shared_database()).unwrap();
    let store = now(PostgresStore::connect(&PostgresOptions::new(database.url()))).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let seeds = setting("SIMULATION_POSTGRES_SEEDS").unwrap_or(POSTGRES_SEEDS);
    let from = setting("SIMULATION_FROM").unwrap_or(1);
    let mut sum = Tally::default();
    for seed in from..from + seeds {
        println!("seed {seed}");
        sum = sum.plus(World::on(Arc::clone(&store), seed).run());
    }
    println!("{seeds} runs: {sum:?}");
}

macro_rules! parts {
    ($($name:ident $part:literal),*) => {
        $(#[test]
        fn $name() {
            part($part);
        })*
    };
}

parts! {
    documents_end_equal_and_nothing_acknowledged_is_lost_0 0,
    documents_end_equal_and_nothing_acknowledged_is_lost_1 1,
    documents_end_equal_and_nothing_acknowledged_is_lost_2 2,
    documents_end_equal_and_nothing_acknowledged_is_lost_3 3,
    documents_end_equal_and_nothing_acknowledged_is_lost_4 4,
    documents_end_equal_and_nothing_acknowledged_is_lost_5 5,
    documents_end_equal_and_nothing_acknowledged_is_lost_6 6,
    documents_end_equal_and_nothing_acknowledged_is_lost_7 7
}
