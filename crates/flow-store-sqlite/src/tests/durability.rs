use std::error::Error;

use flow_base::{FlowId, Seq};
use flow_store::{FlowBatch, LogStore, StoreError};

use super::{TestStore, batch};
use crate::SqliteStore;

async fn head(store: &SqliteStore, flow: FlowId) -> Seq {
    store.load(flow).await.unwrap().unwrap().head
}

async fn append(store: &SqliteStore, batch: &FlowBatch) -> Result<flow_base::SeqRange, StoreError> {
    store.append(std::slice::from_ref(batch)).await.remove(0)
}

async fn pragma(store: &SqliteStore, sql: &'static str) -> String {
    let row: (sqlx::types::Text<String>,) =
        sqlx::query_as(sql).fetch_one(&mut *store.write().await.unwrap()).await.unwrap();
    row.0.into_inner()
}

/// Lets the database grow by so many pages of 4 KiB, and not more.
async fn leave_pages(store: &SqliteStore, pages: i64) {
    let count: i64 =
        sqlx::query_scalar("pragma page_count").fetch_one(&mut *store.write().await.unwrap()).await.unwrap();
    let sql = format!("pragma max_page_count = {}", count + pages);
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *store.write().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_writing_connection_takes_no_shortcut() {
    let test = TestStore::start().await;
    assert_eq!(pragma(&test.store, "select cast(synchronous as text) from pragma_synchronous").await, "2");
    assert_eq!(pragma(&test.store, "select journal_mode from pragma_journal_mode").await, "wal");
    assert_eq!(pragma(&test.store, "select cast(foreign_keys as text) from pragma_foreign_keys").await, "1");
}

#[tokio::test]
async fn what_is_answered_is_in_the_file() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    append(&test.store, &batch(flow, "acknowledged")).await.unwrap();

    let second = SqliteStore::open(test.path()).await.unwrap();
    assert_eq!(head(&second, flow).await, Seq(1), "another connection sees it");

    // As the files are now, without the process that has them open.
    let folder = tempfile::tempdir().unwrap();
    for name in ["interflow.db", "interflow.db-wal"] {
        std::fs::copy(test.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    let after_crash = SqliteStore::open(folder.path().join("interflow.db")).await.unwrap();
    assert_eq!(head(&after_crash, flow).await, Seq(1), "the files alone have it");
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_passes() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    append(&test.store, &batch(flow, "before")).await.unwrap();
    let large = batch(flow, vec![7; 1 << 20]);

    leave_pages(&test.store, 8).await;
    let failed = append(&test.store, &large).await.unwrap_err();
    assert!(failed.is_retryable(), "{failed:?}");
    assert_eq!(head(&test.store, flow).await, Seq(1));

    leave_pages(&test.store, 1 << 20).await;
    assert_eq!(append(&test.store, &large).await.unwrap().last, Seq(2));
    assert_eq!(append(&test.store, &large).await.unwrap().last, Seq(2), "once, however often it is repeated");
    assert_eq!(head(&test.store, flow).await, Seq(2));
}

#[tokio::test]
async fn a_flow_that_does_not_fit_harms_no_other() {
    let test = TestStore::start().await;
    let [one, large, two] = test.flows(3).await[..] else { unreachable!("three flows were asked for") };
    leave_pages(&test.store, 8).await;
    let results =
        test.store.append(&[batch(one, "a"), batch(large, vec![7; 1 << 20]), batch(two, "b")]).await;
    assert_eq!(results[0].as_ref().unwrap().last, Seq(1));
    assert!(results[1].as_ref().unwrap_err().is_retryable());
    assert_eq!(results[2].as_ref().unwrap().last, Seq(1));
    assert_eq!(head(&test.store, large).await, Seq(0));
    // Answered is stored, also where the flows were retried one by one.
    for (flow, bytes) in [(one, "a"), (two, "b")] {
        let stored = test.store.load(flow).await.unwrap().unwrap();
        assert_eq!(
            stored.tail.iter().map(|update| &update.bytes[..]).collect::<Vec<_>>(),
            [bytes.as_bytes()]
        );
    }
}

/// SQLite ends the transaction itself on some errors; the driver does not
/// notice, and would refuse every later transaction on that connection.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_leaves_a_working_writer() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    let mut tx = test.store.begin_write().await.unwrap();
    sqlx::raw_sql("rollback").execute(&mut *tx).await.unwrap();
    drop(tx);
    append(&test.store, &batch(flow, "after")).await.unwrap();
}

#[tokio::test]
async fn a_call_dropped_midway_leaves_a_working_writer() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    for _ in 0..20 {
        let large = batch(flow, vec![7; 1 << 16]);
        let append = append(&test.store, &large);
        tokio::select! {
            biased;
            _ = append => {}
            () = tokio::task::yield_now() => {}
        }
    }
    let before = head(&test.store, flow).await;
    assert_eq!(append(&test.store, &batch(flow, "after")).await.unwrap().first, before.next());
}

#[tokio::test]
async fn a_closed_store_answers_with_errors_and_not_with_absence() {
    let test = TestStore::start().await;
    let [one, two] = test.flows(2).await[..] else { unreachable!("two flows were asked for") };
    test.store.close().await;
    assert!(matches!(test.store.load(one).await, Err(StoreError::Backend { .. })));
    let results = test.store.append(&[batch(one, "a"), batch(two, "b")]).await;
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Backend { .. }))));
}

#[tokio::test]
async fn errors_do_not_show_what_was_to_be_stored() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    leave_pages(&test.store, 0).await;
    let failed = append(&test.store, &batch(flow, "hunter2".repeat(1 << 16))).await.unwrap_err();
    let mut chain = format!("{failed} {failed:?}");
    let mut source = failed.source();
    while let Some(error) = source {
        chain.push_str(&error.to_string());
        source = error.source();
    }
    assert!(!chain.contains("hunter2") && !chain.contains("68756e74"), "{chain}");
}

#[tokio::test]
async fn thousands_of_updates_of_many_flows_are_stored_in_one_call() {
    let test = TestStore::start().await;
    let batches: Vec<_> = test
        .flows(50)
        .await
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

/// The connection that is kept for the log goes back to its pool in a task, and there is
/// no runtime for one any more.
#[test]
fn a_store_may_outlive_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(async {
        let test = TestStore::start().await;
        let flow = test.flows(1).await[0];
        for text in ["looked for first", "appended at once"] {
            append(&test.store, &batch(flow, text)).await.unwrap();
        }
        test
    });
    drop(runtime);
    drop(test);
}
