//! Runs that several nodes are at, in an order that the test decides.

use std::time::Duration;

use bytes::Bytes;
use flow_base::{FlowId, NodeId, RunId, Timestamp};
use flow_store::{
    FlowStore, NewRun, Origin, PurgePart, PurgeStore, RunCommit, RunCommitted, RunEvent, RunKind, RunStatus,
    RunStore, StoreError,
};
use sqlx::{Executor, PgConnection};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::append::{end, waiting};
use super::races::hold;
use super::{PostgresStore, TestStore, flows};

const GRAPH: [u8; 32] = [7; 32];
const HOLD: &str = "select 1 from runs where id = $1 for update";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn next(run: RunId, expected: u64) -> RunCommit {
    RunCommit {
        run,
        id: Uuid::now_v7(),
        expected,
        new: None,
        at: at(200),
        status: RunStatus::Waiting,
        state: Bytes::from_static(b"state"),
        entries: Bytes::from_static(b"entries"),
        entry_count: 1,
        wake_at: None,
        lease: None,
        outcome: None,
        event: None,
    }
}

fn begin(flow: FlowId) -> RunCommit {
    let new = NewRun {
        flow,
        kind: RunKind::Published,
        flow_version: None,
        graph_hash: GRAPH,
        graph: Bytes::from_static(b"graph"),
        user: None,
        runs_per_day: None,
    };
    RunCommit { new: Some(new), ..next(RunId::generate(), 0) }
}

async fn commit(store: &PostgresStore, commit: &RunCommit) -> RunCommitted {
    store.commit_runs(std::slice::from_ref(commit)).await.unwrap()[0]
}

fn committing(store: PostgresStore, commit: RunCommit) -> JoinHandle<RunCommitted> {
    tokio::spawn(async move { self::commit(&store, &commit).await })
}

/// So many runs that wait, in the order of their ids.
async fn begun(store: &PostgresStore, flow: FlowId, count: usize) -> Vec<RunId> {
    let begins: Vec<_> = std::iter::repeat_with(|| begin(flow)).take(count).collect();
    let committed = store.commit_runs(&begins).await.unwrap();
    assert_eq!(committed, vec![RunCommitted::Stored; count]);
    let mut runs: Vec<_> = begins.iter().map(|begin| begin.run).collect();
    runs.sort_unstable();
    runs
}

/// Both have read the run before either has its lock, and neither sees in its statement what
/// the other commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_move_a_run_on_at_once_one_does() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let run = begun(&test.store, flow, 1).await[0];
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    hold(&mut holder, HOLD, run.as_uuid()).await;
    let event = |key: &str| Some(RunEvent { key: key.to_owned(), answer: Bytes::from_static(b"a") });
    let one = committing(test.another().await, RunCommit { event: event("one"), ..next(run, 1) });
    let two = committing(test.another().await, RunCommit { event: event("two"), ..next(run, 1) });
    waiting(&mut watcher, 2).await;
    end(&mut holder).await;
    let came = [one.await.unwrap(), two.await.unwrap()];
    assert!(came.contains(&RunCommitted::Stored) && came.contains(&RunCommitted::Stale), "{came:?}");
    assert_eq!(test.store.run(run).await.unwrap().unwrap().version, 2);
    assert_eq!(test.store.run_journal(run, 0, 10).await.unwrap().len(), 2);
    for (key, came) in ["one", "two"].into_iter().zip(came) {
        let stored = test.store.run_event(run, key).await.unwrap();
        assert_eq!(stored.is_some(), came == RunCommitted::Stored, "{key}");
    }
}

/// As after an answer that was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_commit_from_two_nodes_at_once_is_stored_once() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let run = begun(&test.store, flow, 1).await[0];
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    hold(&mut holder, HOLD, run.as_uuid()).await;
    let same = next(run, 1);
    let one = committing(test.another().await, same.clone());
    let two = committing(test.another().await, same);
    waiting(&mut watcher, 2).await;
    end(&mut holder).await;
    assert_eq!([one.await.unwrap(), two.await.unwrap()], [RunCommitted::Stored; 2]);
    assert_eq!(test.store.run(run).await.unwrap().unwrap().version, 2);
}

/// The key decides even where the version does not: who has not read what it moves on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_being_stored_is_not_stored_again() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let run = begun(&test.store, flow, 1).await[0];
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    hold(&mut holder, HOLD, run.as_uuid()).await;
    let event = Some(RunEvent { key: "k".to_owned(), answer: Bytes::from_static(b"first") });
    let after = committing(test.another().await, RunCommit { event, ..next(run, 2) });
    waiting(&mut watcher, 1).await;
    for statement in [
        "update runs set version = 2 where id = $1",
        "insert into run_events (run_id, key, answer) values ($1, 'k', 'there')",
    ] {
        sqlx::query(statement).bind(run.as_uuid()).execute(&mut holder).await.unwrap();
    }
    end(&mut holder).await;
    assert_eq!(after.await.unwrap(), RunCommitted::Stale);
    assert_eq!(test.store.run(run).await.unwrap().unwrap().version, 2);
    assert_eq!(test.store.run_event(run, "k").await.unwrap().unwrap(), "there");
}

/// Two calls that wait in different orders would wait for each other, until Postgres ends
/// one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_runs_in_the_order_of_their_ids() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let runs = begun(&test.store, flow, 5).await;
    let (mut first, mut watcher) = (test.connection().await, test.connection().await);
    hold(&mut first, HOLD, runs[0].as_uuid()).await;
    let commits: Vec<_> = runs.iter().rev().map(|run| next(*run, 1)).collect();
    let store = test.another().await;
    let all = tokio::spawn(async move { store.commit_runs(&commits).await.unwrap() });
    waiting(&mut watcher, 1).await;
    // It waits for the first and so holds none of the others.
    let free = sqlx::query("select id from runs where id = any($1) for update skip locked")
        .bind(runs[1..].iter().map(|run| run.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&mut watcher)
        .await
        .unwrap();
    assert_eq!(free.len(), 4);
    end(&mut first).await;
    assert_eq!(all.await.unwrap(), [RunCommitted::Stored; 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_being_moved_on_is_claimed_by_nobody() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let due = RunCommit { wake_at: Some(at(110)), ..begin(flow) };
    assert_eq!(commit(&test.store, &due).await, RunCommitted::Stored);
    let claim = async || {
        let claimed = test.store.claim_runs(NodeId::generate(), Duration::from_secs(60), 10).await.unwrap();
        claimed.into_iter().map(|claimed| claimed.run).collect::<Vec<_>>()
    };
    let mut holder = test.connection().await;
    hold(&mut holder, "update runs set state = '2' where id = $1", due.run.as_uuid()).await;
    assert_eq!(claim().await, [], "it waits for nobody");
    end(&mut holder).await;
    assert_eq!(claim().await, [due.run]);
    // Whoever has it already and comes after the claim is not hindered.
    hold(&mut holder, "update runs set lease_until = now() where id = $1", due.run.as_uuid()).await;
    let late = committing(test.another().await, next(due.run, 1));
    waiting(&mut test.connection().await, 1).await;
    end(&mut holder).await;
    assert_eq!(late.await.unwrap(), RunCommitted::Stored);
    assert_eq!(claim().await, [], "it waits for no moment any more");
}

/// Lets a run begin that has all it needs and waits for one thing: that a run of its id,
/// which is like another one, is given up. See [`give_way`].
async fn beginning(
    test: &TestStore,
    in_its_way: &mut PgConnection,
    like: RunId,
    flow: FlowId,
) -> (RunId, JoinHandle<RunCommitted>) {
    let begin = begin(flow);
    in_its_way.execute("begin").await.unwrap();
    sqlx::query(
        "insert into runs (id, flow_id, kind, graph_hash, status, version, last_commit, state, entries,
            lease_until, started_at, updated_at)
        select $1, flow_id, kind, graph_hash, status, version, last_commit, state, entries,
            lease_until, started_at, updated_at
        from runs where id = $2",
    )
    .bind(begin.run.as_uuid())
    .bind(like.as_uuid())
    .execute(in_its_way)
    .await
    .unwrap();
    let run = begin.run;
    let beginning = committing(test.another().await, begin);
    waiting(&mut test.connection().await, 1).await;
    (run, beginning)
}

async fn give_way(in_its_way: &mut PgConnection) {
    in_its_way.execute("rollback").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_begins_keeps_the_graph_that_another_is_about_to_leave() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let old = begun(&test.store, flow, 1).await[0];
    let over = RunCommit { status: RunStatus::Completed, ..next(old, 1) };
    assert_eq!(commit(&test.store, &over).await, RunCommitted::Stored);
    let mut in_its_way = test.connection().await;
    let (run, beginning) = beginning(&test, &mut in_its_way, old, flow).await;
    let forgetting = tokio::spawn({
        let store = test.another().await;
        async move { store.forget_runs(at(900), 10).await }
    });
    waiting(&mut test.connection().await, 2).await;
    give_way(&mut in_its_way).await;
    assert_eq!(beginning.await.unwrap(), RunCommitted::Stored);
    assert_eq!(forgetting.await.unwrap().unwrap(), 1);
    assert!(test.store.run(run).await.unwrap().is_some());
    assert_eq!(test.store.run_graph(&GRAPH).await.unwrap().unwrap(), "graph");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_begins_brings_a_graph_that_is_being_removed() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let old = begun(&test.store, flow, 1).await[0];
    let mut forgetter = test.connection().await;
    hold(&mut forgetter, "delete from runs where id = $1", old.as_uuid()).await;
    forgetter.execute("delete from run_graphs").await.unwrap();
    let begin = begin(flow);
    let beginning = committing(test.another().await, begin.clone());
    waiting(&mut test.connection().await, 1).await;
    end(&mut forgetter).await;
    assert_eq!(beginning.await.unwrap(), RunCommitted::Stored);
    assert_eq!(test.store.run_graph(&GRAPH).await.unwrap().unwrap(), "graph");
}

/// It has found the flow there before that was deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_waits_for_a_run_that_begins_and_takes_it_along() {
    let test = TestStore::start().await;
    let [flow, other] = flows(&test.store, 2).await[..] else { unreachable!("two were asked for") };
    let like = begun(&test.store, other, 1).await[0];
    let mut in_its_way = test.connection().await;
    let (run, beginning) = beginning(&test, &mut in_its_way, like, flow).await;
    assert!(test.store.delete_flow(flow, &Origin::operator(at(50))).await.unwrap());
    let begun = test.store.begin_purge(at(60), &Origin::operator(at(60))).await.unwrap();
    assert_eq!(begun, Some(flow));
    let purging = tokio::spawn({
        let store = test.another().await;
        async move {
            while store.purge_part(flow).await? == PurgePart::More {}
            Ok::<_, StoreError>(())
        }
    });
    waiting(&mut test.connection().await, 2).await;
    give_way(&mut in_its_way).await;
    assert_eq!(beginning.await.unwrap(), RunCommitted::Stored);
    purging.await.unwrap().unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from runs where id = $1")
        .bind(run.as_uuid())
        .fetch_one(&mut test.connection().await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_run_of_a_day_is_begun_by_one_node() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    begun(&test.store, flow, 1).await;
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    holder.execute("begin; select 1 from run_days for update").await.unwrap();
    let last = || {
        let mut begin = begin(flow);
        begin.new.as_mut().unwrap().runs_per_day = Some(2);
        begin
    };
    let one = committing(test.another().await, last());
    let two = committing(test.another().await, last());
    waiting(&mut watcher, 2).await;
    end(&mut holder).await;
    let came = [one.await.unwrap(), two.await.unwrap()];
    assert!(came.contains(&RunCommitted::Stored) && came.contains(&RunCommitted::TooMany), "{came:?}");
    let began: i64 = sqlx::query_scalar("select began from run_days").fetch_one(&mut watcher).await.unwrap();
    assert_eq!(began, 2);
}
