use std::sync::Arc;
use std::time::Duration;

use flow_base::{FlowId, Seq, SeqRange};
use flow_store::{FlowBatch, LogStore, StoreError};
use flow_testing::eventually;
use sqlx::{Executor, PgConnection};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{TestStore, append, batch, flows, head, log};
use crate::PostgresStore;

/// Begins a transaction that holds the lock on the flow's head until it ends.
pub(super) async fn lock_head(connection: &mut PgConnection, flow: FlowId) {
    connection.execute("begin").await.unwrap();
    sqlx::query("select 1 from flow_heads where flow_id = $1 for update")
        .bind(flow.as_uuid())
        .execute(connection)
        .await
        .unwrap();
}

pub(super) async fn end(connection: &mut PgConnection) {
    connection.execute("commit").await.unwrap();
}

/// Returns once so many statements of this database wait for a lock.
pub(super) async fn waiting(connection: &mut PgConnection, expected: i64) {
    let count = async || {
        sqlx::query_scalar::<_, i64>(
            "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap()
    };
    eventually("statements that wait for a lock", count, |count| *count == expected).await;
}

/// Appends until nothing fails that may yet succeed, as the log writer does: who looks on
/// may be too slow for a single wait.
pub(super) async fn append_at_last(
    store: &PostgresStore,
    batches: &[FlowBatch],
) -> Vec<Result<SeqRange, StoreError>> {
    loop {
        let results = store.append(batches).await;
        if !results.iter().any(|result| result.as_ref().is_err_and(StoreError::is_retryable)) {
            return results;
        }
    }
}

/// Both nodes read the head before either has its lock, and neither sees in its statement
/// what the other commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_batch_from_two_nodes_at_once_is_stored_once() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    append(&test.store, &batch(flow, "before")).await.unwrap();
    let mut same = batch(flow, "same");
    same.updates.push(batch(flow, "and on").updates.remove(0));

    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    lock_head(&mut holder, flow).await;
    let mut appends = JoinSet::new();
    for node in [test.another().await, test.another().await, test.another().await] {
        let same = same.clone();
        appends.spawn(async move { append_at_last(&node, &[same]).await.remove(0) });
    }
    waiting(&mut watcher, 3).await;
    end(&mut holder).await;

    for answer in appends.join_all().await {
        let range = answer.unwrap();
        assert_eq!((range.first, range.last), (Seq(2), Seq(3)));
    }
    assert_eq!(log(&test.store, flow).await, ["before", "same", "and on"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_batches_from_two_nodes_at_once_follow_each_other() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    lock_head(&mut holder, flow).await;
    let mut appends = JoinSet::new();
    for (node, text) in
        [(test.another().await, "a"), (test.another().await, "b"), (test.another().await, "c")]
    {
        appends.spawn(async move {
            let mut batch = batch(flow, text);
            batch.updates = vec![batch.updates[0].clone(); 2];
            append_at_last(&node, &[batch]).await.remove(0)
        });
    }
    waiting(&mut watcher, 3).await;
    end(&mut holder).await;

    let ranges = appends.join_all().await.into_iter().map(Result::unwrap);
    let mut ranges: Vec<_> = ranges.map(|range| (range.first, range.last)).collect();
    ranges.sort_unstable();
    assert_eq!(ranges, [(Seq(1), Seq(2)), (Seq(3), Seq(4)), (Seq(5), Seq(6))]);
    let mut texts = log(&test.store, flow).await;
    texts.sort_unstable();
    assert_eq!(texts, ["a", "a", "b", "b", "c", "c"]);
    assert_eq!(test.store.growth(flow).await.unwrap().unwrap().update_bytes, 6);
}

/// An answer may be lost although its batch was stored, and another node's batch come
/// between it and its repetition.
#[tokio::test]
async fn a_batch_repeated_by_another_node_among_new_ones_keeps_its_positions() {
    let test = TestStore::start().await;
    let (node, other) = (&test.store, test.another().await);
    let [one, two] = flows(node, 2).await[..] else { unreachable!("two flows were asked for") };
    let again = batch(one, "again");
    append(node, &again).await.unwrap();
    append(&other, &batch(one, "between")).await.unwrap();
    let answers = other.append(&[again, batch(two, "new")]).await;
    let firsts: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().first).collect();
    assert_eq!(firsts, [Seq(1), Seq(1)]);
    assert_eq!(log(node, one).await, ["again", "between"]);
}

/// A head that is behind its log would give out positions a second time.
#[tokio::test]
async fn a_head_behind_its_log_is_refused_for_good_and_harms_no_other() {
    let test = TestStore::start().await;
    let [damaged, sound] = flows(&test.store, 2).await[..] else { unreachable!("two flows were asked for") };
    append(&test.store, &batch(damaged, "a")).await.unwrap();
    sqlx::query("update flow_heads set head_seq = 0 where flow_id = $1")
        .bind(damaged.as_uuid())
        .execute(&mut test.connection().await)
        .await
        .unwrap();
    let results = test.store.append(&[batch(damaged, "b"), batch(sound, "c")]).await;
    let refused = results[0].as_ref().unwrap_err();
    assert!(matches!(refused, StoreError::Backend { retryable: false, .. }), "{refused:?}");
    assert_eq!(results[1].as_ref().unwrap().last, Seq(1));
}

/// Nodes that append to the same flows at once, in groups of any order, and repeat what
/// they have appended before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_append_to_the_same_flows_leave_no_hole_and_no_double() {
    const NODES: usize = 4;
    const TURNS: usize = 40;
    let test = TestStore::start().await;
    let flows: Arc<[FlowId]> = flows(&test.store, 6).await.into();
    let mut nodes = JoinSet::new();
    for number in 0..NODES {
        let (node, flows) = (test.another().await, Arc::clone(&flows));
        nodes.spawn(async move { append_often(&node, &flows, number, TURNS).await });
    }
    nodes.join_all().await;

    for &flow in &*flows {
        assert_eq!(head(&test.store, flow).await, Seq(2 * (NODES * TURNS) as u64));
        let mut texts = log(&test.store, flow).await;
        let halves: Vec<_> = texts.chunks(2).map(|pair| (&pair[0], &pair[1])).collect();
        assert!(halves.iter().all(|(one, two)| one == two), "a batch's updates stay together");
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), NODES * TURNS, "every batch once");
    }
}

async fn append_often(node: &PostgresStore, flows: &[FlowId], number: usize, turns: usize) {
    let mut last = Vec::new();
    for turn in 0..turns {
        let mut batches: Vec<_> = flows
            .iter()
            .map(|&flow| {
                let mut batch = batch(flow, format!("{number}.{turn}"));
                batch.updates = vec![batch.updates[0].clone(); 2];
                batch
            })
            .collect();
        // Each node in an order of its own; every third call repeats the one before.
        batches.rotate_left((turn + number) % flows.len());
        if number % 2 == 1 {
            batches.reverse();
        }
        let answers = append_at_last(node, &batches).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        if turn % 3 == 0 {
            let again = append_at_last(node, &batches).await;
            let again: Vec<_> = again.into_iter().map(Result::unwrap).collect();
            assert_eq!(again, answers);
        }
        last = answers;
    }
    assert_eq!(last.len(), flows.len());
}

#[tokio::test]
async fn a_call_dropped_midway_leaves_a_working_store() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    for _ in 0..30 {
        let large = batch(flow, vec![7; 1 << 16]);
        let append = append(&test.store, &large);
        // Too short for some, long enough for others.
        drop(timeout(Duration::from_micros(1_500), append).await);
    }
    // A statement that was given up may still be under way, and then comes before this one.
    let range = append(&test.store, &batch(flow, "after")).await.unwrap();
    assert_eq!(head(&test.store, flow).await, range.last);
    assert_eq!(test.store.load(flow).await.unwrap().unwrap().tail.last().unwrap().bytes, "after");
}

#[tokio::test]
async fn thousands_of_updates_of_many_flows_are_stored_in_one_call() {
    let test = TestStore::start().await;
    let flows = flows(&test.store, 50).await;
    let batches: Vec<_> = flows
        .into_iter()
        .map(|flow| {
            let mut batch = batch(flow, vec![1; 60]);
            batch.updates = vec![batch.updates[0].clone(); 100];
            batch
        })
        .collect();
    for result in test.store.append(&batches).await {
        assert_eq!(result.unwrap().last, Seq(100));
    }
}

/// A head's new version beside the old one, on the same page: an append that had to touch
/// the index of heads would cost more with every flow there is.
#[tokio::test]
async fn an_append_moves_the_head_in_place() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    for _ in 0..50 {
        append(&test.store, &batch(flow, "a")).await.unwrap();
    }
    // A backend counts what it has done when it ends.
    test.store.close().await;
    let mut connection = test.connection().await;
    let counts = async || {
        sqlx::query_as::<_, (i64, i64)>(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'flow_heads'",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap()
    };
    let (all, in_place) = eventually("fifty updates are counted", counts, |(all, _)| *all >= 50).await;
    assert_eq!(in_place, all);
}
