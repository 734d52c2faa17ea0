use std::time::Duration;

use flow_base::{FlowId, Seq, SeqRange};
use flow_store::{LogStore, StoreError};
use sqlx::{Executor, PgConnection};
use tokio::time::Instant;

use super::append::{append_at_last, end, lock_head, waiting};
use super::{TestStore, append, batch, create, flows, head, log};

/// Far more than an append takes however many of its flows are locked, on a machine that
/// does other things as well, and less than it took when each was waited for.
const SOON: Duration = Duration::from_secs(3);

/// Connections that hold the heads of these flows.
async fn holders(test: &TestStore, flows: &[FlowId]) -> Vec<PgConnection> {
    let mut holders = Vec::new();
    for &flow in flows {
        let mut holder = test.connection().await;
        lock_head(&mut holder, flow).await;
        holders.push(holder);
    }
    holders
}

/// Appends a batch to each flow and answers how they fared, and when.
async fn append_to_all(test: &TestStore, flows: &[FlowId]) -> (Vec<Result<SeqRange, StoreError>>, Duration) {
    let batches: Vec<_> = flows.iter().map(|&flow| batch(flow, "u")).collect();
    let began = Instant::now();
    (test.store.append(&batches).await, began.elapsed())
}

/// As a lock that is not to be had: nothing is wrong with the flow.
fn is_locked(result: &Result<SeqRange, StoreError>) -> bool {
    result.as_ref().is_err_and(StoreError::is_retryable)
}

/// In ascending order, however they were created.
fn ids(count: usize) -> Vec<FlowId> {
    let mut ids: Vec<_> = std::iter::repeat_with(FlowId::generate).take(count).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_locked_harms_no_other() {
    let test = TestStore::start().await;
    let [one, stuck, two] = flows(&test.store, 3).await[..] else {
        unreachable!("three flows were asked for")
    };
    let mut holder = test.connection().await;
    lock_head(&mut holder, stuck).await;
    let batches = [batch(one, "a"), batch(stuck, "s"), batch(two, "b")];
    let results = test.store.append(&batches).await;
    assert_eq!(results[0].as_ref().unwrap().last, Seq(1));
    assert!(is_locked(&results[1]), "{:?}", results[1]);
    assert_eq!(results[2].as_ref().unwrap().last, Seq(1));

    end(&mut holder).await;
    for result in test.store.append(&batches).await {
        assert_eq!(result.unwrap().last, Seq(1), "once, however often it is repeated");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_locked_flow_does_not_hold_up_a_free_one() {
    let test = TestStore::start().await;
    let all = flows(&test.store, 2).await;
    let _holders = holders(&test, &all[..1]).await;
    let (results, took) = append_to_all(&test, &all).await;
    assert!(is_locked(&results[0]), "{:?}", results[0]);
    assert_eq!(results[1].as_ref().unwrap().last, Seq(1));
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_locked_flows_delay_a_free_one_no_longer_than_one_does() {
    let test = TestStore::start().await;
    let all = flows(&test.store, 7).await;
    let _holders = holders(&test, &all[..6]).await;
    let (results, took) = append_to_all(&test, &all).await;
    for locked in &results[..6] {
        assert!(is_locked(locked), "{locked:?}");
    }
    assert_eq!(results[6].as_ref().unwrap().last, Seq(1));
    assert!(took < SOON, "{took:?}");
}

/// The free flow is there before anybody waits: it is not held up by the locked one, and
/// holds up nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_append_waits_for_a_locked_flow_the_free_ones_are_stored() {
    let test = TestStore::start().await;
    let all = flows(&test.store, 2).await;
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    lock_head(&mut holder, all[0]).await;
    let both = tokio::spawn({
        let (store, batches) = (test.store.clone(), [batch(all[0], "locked"), batch(all[1], "free")]);
        async move { append_at_last(&store, &batches).await }
    });
    waiting(&mut watcher, 1).await;
    assert_eq!(log(&test.store, all[1]).await, ["free"]);
    assert_eq!(head(&test.store, all[0]).await, Seq(0));
    end(&mut holder).await;
    for result in both.await.unwrap() {
        assert_eq!(result.unwrap().last, Seq(1));
    }
}

/// A flow that was locked for a moment beside one that stays locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_stays_locked_keeps_back_none_that_becomes_free() {
    let test = TestStore::start().await;
    let all = ids(3);
    create(&test.store, &all).await;
    // Before the one that stays locked and after it, since locks are taken in an order.
    let mut stuck = test.connection().await;
    lock_head(&mut stuck, all[1]).await;
    let mut passing = holders(&test, &[all[0], all[2]]).await;
    let mut watcher = test.connection().await;
    let appended = tokio::spawn({
        let (store, batches) =
            (test.store.clone(), all.iter().map(|&flow| batch(flow, "u")).collect::<Vec<_>>());
        async move { store.append(&batches).await }
    });
    waiting(&mut watcher, 1).await;
    for holder in &mut passing {
        end(holder).await;
    }
    let results = appended.await.unwrap();
    assert_eq!(results[0].as_ref().unwrap().last, Seq(1));
    assert!(is_locked(&results[1]), "{:?}", results[1]);
    assert_eq!(results[2].as_ref().unwrap().last, Seq(1));
}

#[tokio::test]
async fn an_unknown_flow_beside_a_locked_one_is_told_from_it() {
    let test = TestStore::start().await;
    let [locked, free] = flows(&test.store, 2).await[..] else { unreachable!("two flows were asked for") };
    let unknown = FlowId::generate();
    let _holders = holders(&test, &[locked]).await;
    let (results, _) = append_to_all(&test, &[unknown, locked, free]).await;
    assert!(matches!(results[0], Err(StoreError::UnknownFlow(flow)) if flow == unknown), "{:?}", results[0]);
    assert!(is_locked(&results[1]), "{:?}", results[1]);
    assert_eq!(results[2].as_ref().unwrap().last, Seq(1));
}

/// Where it is does not change any more, whoever holds the flow.
#[tokio::test]
async fn a_batch_that_is_there_already_is_found_although_its_flow_is_locked() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let stored = batch(flow, "stored");
    let range = append(&test.store, &stored).await.unwrap();
    let _holders = holders(&test, &[flow]).await;
    assert_eq!(append(&test.store, &stored).await.unwrap(), range);
}

/// A flow that cannot be stored to among locked ones: it fails for what it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_flow_that_was_locked_fails_for_good_and_harms_no_other() {
    let test = TestStore::start().await;
    let all = flows(&test.store, 2).await;
    append(&test.store, &batch(all[0], "a")).await.unwrap();
    test.connection().await.execute("update flow_heads set head_seq = 0").await.unwrap();
    let mut holders = holders(&test, &all).await;
    let mut watcher = test.connection().await;
    let appended = tokio::spawn({
        let (store, batches) = (test.store.clone(), [batch(all[0], "b"), batch(all[1], "c")]);
        async move { append_at_last(&store, &batches).await }
    });
    waiting(&mut watcher, 1).await;
    for holder in &mut holders {
        end(holder).await;
    }
    let results = appended.await.unwrap();
    assert!(matches!(results[0], Err(StoreError::Backend { retryable: false, .. })), "{:?}", results[0]);
    assert_eq!(results[1].as_ref().unwrap().last, Seq(1));
}

/// Wherever the heads lie. Two appends that wait in different orders would wait for each
/// other, until Postgres ends one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_waits_for_locked_flows_in_the_order_of_their_ids() {
    let test = TestStore::start().await;
    let ids = ids(5);
    let last_first: Vec<_> = ids.iter().rev().copied().collect();
    create(&test.store, &last_first).await;
    let mut first = test.connection().await;
    lock_head(&mut first, ids[0]).await;
    let mut others = holders(&test, &ids[1..]).await;
    let mut watcher = test.connection().await;
    let node = test.another().await;
    let batches: Vec<_> = last_first.iter().map(|&flow| batch(flow, "all")).collect();
    let all = tokio::spawn(async move { append_at_last(&node, &batches).await });
    waiting(&mut watcher, 1).await;
    for holder in &mut others {
        end(holder).await;
    }

    // It waits for the first and so holds none of the others.
    let free = sqlx::query("select flow_id from flow_heads where flow_id = any($1) for update skip locked")
        .bind(ids[1..].iter().map(|flow| flow.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&mut watcher)
        .await
        .unwrap();
    assert_eq!(free.len(), 4);
    end(&mut first).await;
    for answer in all.await.unwrap() {
        answer.unwrap();
    }
}

/// What is set for the wait must not last on the connection, nor in the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_wait_statements_have_their_time_again() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    test.connection()
        .await
        .execute(
            "create sequence attempts;
            create function slow() returns trigger language plpgsql as
            $$ begin perform nextval('attempts'), pg_sleep(0.7); return null; end $$;
            create trigger slow before insert on flow_updates for each statement execute function slow()",
        )
        .await
        .unwrap();
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    lock_head(&mut holder, flow).await;
    let appended = tokio::spawn({
        let (store, batch) = (test.store.clone(), batch(flow, "u"));
        async move { append(&store, &batch).await }
    });
    waiting(&mut watcher, 1).await;
    end(&mut holder).await;
    assert_eq!(appended.await.unwrap().unwrap().last, Seq(1));
    let attempts: i64 =
        sqlx::query_scalar("select last_value from attempts").fetch_one(&mut watcher).await.unwrap();
    assert_eq!(attempts, 2, "the one that left the flow out, and the one that had waited");
    let mut session = test.store.session_first().await.unwrap();
    let timeout: String =
        sqlx::query_scalar("show statement_timeout").fetch_one(&mut *session).await.unwrap();
    assert_eq!(timeout, "8s");
}
