use std::error::Error;
use std::time::Duration;

use flow_base::{Seq, Timestamp};
use flow_store::{FlowStore, LogStore, StoreError};
use flow_testing::{TestPostgres, eventually};
use tokio::time::{Instant, timeout};

use super::{TestStore, append, batch, flows, head, log, open};
use crate::PostgresOptions;
use crate::PostgresStore;

/// No call may take longer, whatever the server does; a little more than the deadline.
const PATIENCE: Duration = Duration::from_secs(12);

async fn fails_retryably(store: &PostgresStore, flow: flow_base::FlowId) {
    let load = timeout(PATIENCE, store.load(flow)).await.expect("the call ends");
    assert!(load.as_ref().is_err_and(StoreError::is_retryable), "{load:?}");
    let append = timeout(PATIENCE, append(store, &batch(flow, "lost"))).await.expect("the call ends");
    assert!(append.as_ref().is_err_and(StoreError::is_retryable), "{append:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_survives_the_death_of_postgres_and_calls_go_on_after_it() {
    let mut postgres = TestPostgres::start().await.unwrap();
    let store = open(&postgres.new_database().await.unwrap()).await;
    let flow = flows(&store, 1).await[0];
    append(&store, &batch(flow, "answered")).await.unwrap();

    postgres.kill().unwrap();
    fails_retryably(&store, flow).await;
    postgres.restart().await.unwrap();
    assert_eq!(log(&store, flow).await, ["answered"], "the first call after it succeeds");
    assert_eq!(append(&store, &batch(flow, "after")).await.unwrap().first, Seq(2));
}

/// As above, with calls under way: none hangs, and what one of them was told is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_postgres_amid_appends_loses_nothing_that_was_answered() {
    let mut postgres = TestPostgres::start().await.unwrap();
    let store = open(&postgres.new_database().await.unwrap()).await;
    let flow = flows(&store, 1).await[0];
    let appends = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut answered = 0;
            for number in 0.. {
                let batch = batch(flow, number.to_string());
                match timeout(PATIENCE, append(&store, &batch)).await.expect("the call ends") {
                    Ok(range) => answered = range.last.0,
                    Err(error) if error.is_retryable() => break,
                    Err(error) => panic!("{error:?}"),
                }
            }
            answered
        })
    };
    let grown = async || head(&store, flow).await;
    eventually("some appends", grown, |head| *head >= Seq(20)).await;
    postgres.kill().unwrap();
    let answered = appends.await.unwrap();
    postgres.restart().await.unwrap();
    let head = head(&store, flow).await.0;
    // The last one may have been stored without an answer.
    assert!((answered..=answered + 1).contains(&head), "answered {answered}, stored {head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_postgres_fails_calls_in_time_and_calls_go_on_when_it_speaks_again() {
    let postgres = TestPostgres::start().await.unwrap();
    let url = postgres.new_database().await.unwrap();
    let store = open(&url).await;
    let flow = flows(&store, 1).await[0];
    postgres.pause().unwrap();
    // More at once than there are connections, so that some wait for one.
    let calls = (0..15).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { timeout(PATIENCE, store.head(flow)).await.expect("the call ends") })
    });
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        assert!(answer.as_ref().is_err_and(StoreError::is_retryable), "{answer:?}");
    }
    fails_retryably(&store, flow).await;
    let options = PostgresOptions::new(url);
    let other = PostgresStore::connect(&options);
    timeout(PATIENCE, other).await.expect("nor does opening hang").unwrap_err();

    postgres.resume().unwrap();
    let head = head(&store, flow).await;
    // Postgres may yet have read what was given up.
    assert!(head <= Seq(1), "{head:?}");
    append(&store, &batch(flow, "after")).await.unwrap();

    postgres.pause().unwrap();
    timeout(PATIENCE, store.close()).await.expect("nor does closing");
}

/// Trying its flows singly would take as long for each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_postgres_fails_an_append_of_many_flows_as_soon_as_one_of_a_single_flow() {
    let postgres = TestPostgres::start().await.unwrap();
    let store = open(&postgres.new_database().await.unwrap()).await;
    let batches: Vec<_> = flows(&store, 20).await.into_iter().map(|flow| batch(flow, "lost")).collect();
    let fails_within = async |most: Duration| {
        let results = timeout(most, store.append(&batches)).await.expect("the call ends");
        assert_eq!(results.len(), batches.len());
        for result in results {
            assert!(result.as_ref().is_err_and(StoreError::is_retryable), "{result:?}");
        }
    };
    postgres.pause().unwrap();
    // On a connection that was good a moment ago, and then without one, which is known sooner.
    fails_within(PATIENCE).await;
    fails_within(Duration::from_secs(7)).await;
}

/// The group is refused at once; whatever is tried after it takes 3 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_of_many_flows_that_are_tried_singly_ends_by_its_deadline() {
    let test = TestStore::start().await;
    let batches: Vec<_> = flows(&test.store, 20).await.into_iter().map(|flow| batch(flow, "u")).collect();
    sqlx::raw_sql(
        "create sequence attempts;
        create function refuse_then_sleep() returns trigger language plpgsql as $$
        begin
            if nextval('attempts') = 1 then raise check_violation; end if;
            perform pg_sleep(3);
            return null;
        end $$;
        create trigger slow before insert on flow_updates
        for each statement execute function refuse_then_sleep()",
    )
    .execute(&mut test.connection().await)
    .await
    .unwrap();
    let results = timeout(PATIENCE, test.store.append(&batches)).await.expect("the call ends");
    assert_eq!(results[0].as_ref().unwrap().last, Seq(1));
    let last = results.last().unwrap();
    assert!(last.as_ref().is_err_and(StoreError::is_retryable), "{last:?}");
}

#[tokio::test]
async fn more_calls_than_connections_take_turns() {
    let test = TestStore::start().await;
    let options = PostgresOptions { connections: 2, ..PostgresOptions::new(test.database.url()) };
    let store = PostgresStore::connect(&options).await.unwrap();
    let flow = flows(&store, 1).await[0];
    let calls = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.head(flow).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let open: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity
        where datname = current_database() and application_name = 'interflow'",
    )
    .fetch_one(&mut test.connection().await)
    .await
    .unwrap();
    // The other store of this database has one or two of its own.
    assert!(open <= 4, "{open}");
}

/// As when everybody comes back at once and signs in.
#[tokio::test]
async fn while_all_other_connections_are_taken_updates_are_stored_and_access_is_watched() {
    let test = TestStore::start().await;
    let options = PostgresOptions { connections: 4, ..PostgresOptions::new(test.database.url()) };
    let store = PostgresStore::connect(&options).await.unwrap();
    let flow = flows(&store, 1).await[0];
    let taken = [store.session().await.unwrap(), store.session().await.unwrap()];
    let others = tokio::spawn({
        let store = store.clone();
        async move { store.head(flow).await }
    });
    assert_eq!(append(&store, &batch(flow, "stored")).await.unwrap().last, Seq(1));
    let revisions = store.revisions(&[flow], &[], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(revisions.flows[0].head, Seq(1));
    assert!(!others.is_finished(), "there was no connection for it");
    drop(taken);
    assert_eq!(others.await.unwrap().unwrap().unwrap().seq, Seq(1));
}

#[tokio::test]
async fn connections_take_no_shortcut() {
    let test = TestStore::start().await;
    let mut session = test.store.session().await.unwrap();
    for (name, value) in [
        ("synchronous_commit", "on"),
        ("application_name", "interflow"),
        ("default_transaction_isolation", "read committed"),
        ("lock_timeout", "2s"),
        ("statement_timeout", "8s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ] {
        let set: String = sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(&mut *session)
            .await
            .unwrap();
        assert_eq!(set, value, "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_postgres_has_closed_is_replaced() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let ended: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_one(&mut test.connection().await)
    .await
    .unwrap();
    assert!(ended >= 1);
    // The first call may meet the closed connection; it is the last to do so.
    let first = append(&test.store, &batch(flow, "a")).await;
    assert!(first.as_ref().err().is_none_or(StoreError::is_retryable), "{first:?}");
    append(&test.store, &batch(flow, "b")).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_answers_with_errors_and_not_with_absence() {
    let test = TestStore::start().await;
    let [one, two] = flows(&test.store, 2).await[..] else { unreachable!("two flows were asked for") };
    test.store.close().await;
    test.store.close().await;
    assert!(matches!(test.store.load(one).await, Err(StoreError::Backend { .. })));
    let results = test.store.append(&[batch(one, "a"), batch(two, "b")]).await;
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Backend { .. }))));
}

/// Postgres quotes the whole row of a check that fails, in the details of its error.
#[tokio::test]
async fn errors_do_not_show_what_was_to_be_stored() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    sqlx::raw_sql("alter table flow_updates add constraint none check (length(update) < 1) not valid")
        .execute(&mut test.connection().await)
        .await
        .unwrap();
    let failed = append(&test.store, &batch(flow, "hunter2")).await.unwrap_err();
    assert!(!failed.is_retryable());
    let mut chain = format!("{failed} {failed:?}");
    let mut source = failed.source();
    while let Some(error) = source {
        chain.push_str(&format!("{error} {error:?}"));
        source = error.source();
    }
    assert!(chain.contains("append to the log") && chain.contains("none"), "{chain}");
    assert!(!chain.contains("hunter2") && !chain.contains("68756e74"), "{chain}");
}

/// Deleting takes the flow's row and then its head's, appending only the head's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_and_changes_of_access_at_once_do_not_block_each_other() {
    let test = TestStore::start().await;
    let flows = flows(&test.store, 8).await;
    let started = Instant::now();
    for &flow in &flows {
        let (store, appended) = (test.store.clone(), batch(flow, "a"));
        let append = tokio::spawn(async move { append(&store, &appended).await });
        assert!(
            test.store.delete_flow(flow, &flow_store::Origin::operator(Timestamp::UNIX_EPOCH)).await.unwrap()
        );
        append.await.unwrap().unwrap();
    }
    assert!(started.elapsed() < PATIENCE);
}
