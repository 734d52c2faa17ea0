//! What [`TestResultStore`](crate::TestResultStore) promises.

use bytes::Bytes;
use flow_base::{ActorId, FlowId, TestResultId, UserId};

use super::Harness;
use super::fixture::{at, by, flow_of, person, some_flow};
use crate::{PurgePart, RESULTS_PER_CONTENT, RESULTS_PER_FLOW, Store, StoreError, TestResult};

fn result(content: &str) -> TestResult {
    TestResult {
        id: TestResultId::generate(),
        content_hash: format!("{content:0>64}"),
        version: None,
        passed: 3,
        failed: 2,
        errors: 1,
        author: ActorId::Server,
        created_at: at(40),
    }
}

async fn put(store: &dyn Store, flow: FlowId, result: &TestResult) {
    let report = Bytes::from(format!("\u{1}{}", result.id));
    store.put_test_result(flow, result, &report).await.expect("it is kept");
}

async fn listed(store: &dyn Store, flow: FlowId, content: Option<&str>, limit: u32) -> Vec<TestResult> {
    let hash = content.map(|content| format!("{content:0>64}"));
    store.test_results(flow, hash.as_deref(), limit).await.expect("they are listed")
}

pub(super) async fn results_are_read_back_as_they_were_newest_first(harness: &dyn Harness) {
    let store = &*harness.store();
    let (flow, other) = (some_flow(store).await, some_flow(store).await);
    let first = TestResult { version: Some(7), author: ActorId::User(UserId::generate()), ..result("a") };
    let second = TestResult { passed: u32::MAX, failed: 0, errors: 0, ..result("b") };
    let third = result("a");
    for result in [&first, &second, &third] {
        put(store, flow, result).await;
    }
    put(store, other, &result("a")).await;
    assert_eq!(listed(store, flow, None, 10).await, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(listed(store, flow, None, 2).await, [third.clone(), second]);
    assert_eq!(listed(store, flow, Some("a"), 10).await, [third, first.clone()]);
    assert_eq!(listed(store, flow, Some("c"), 10).await, []);
    let (read, report) = store.test_result(flow, first.id).await.expect("it reads").expect("it is there");
    assert_eq!((read, report), (first.clone(), Bytes::from(format!("\u{1}{}", first.id))));
    assert_eq!(store.test_result(other, first.id).await.expect("it reads"), None, "it is another flow's");
    assert_eq!(store.test_result(flow, TestResultId::generate()).await.expect("it reads"), None);
}

pub(super) async fn only_the_newest_results_are_kept(harness: &dyn Harness) {
    let store = &*harness.store();
    let (flow, other) = (some_flow(store).await, some_flow(store).await);
    put(store, other, &result("a")).await;
    let rare = result("rare");
    put(store, flow, &rare).await;
    let mut last = Vec::new();
    for _ in 0..=RESULTS_PER_CONTENT {
        let result = result("a");
        put(store, flow, &result).await;
        last.insert(0, result);
    }
    last.pop();
    assert_eq!(listed(store, flow, Some("a"), 100).await, last, "the oldest of this content went");
    assert_eq!(listed(store, flow, Some("rare"), 100).await, [rare], "and no other");
    for number in 0..RESULTS_PER_FLOW {
        put(store, flow, &result(&format!("{number}"))).await;
    }
    assert_eq!(listed(store, flow, None, 1_000).await.len(), RESULTS_PER_FLOW as usize);
    assert_eq!(listed(store, flow, Some("a"), 100).await, [], "older ones than that went");
    assert_eq!(listed(store, other, None, 10).await.len(), 1);
}

pub(super) async fn results_go_with_their_flow(harness: &dyn Harness) {
    let (store, purges) = (&*harness.store(), harness.purges());
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    let kept = result("a");
    put(store, flow, &kept).await;
    put(store, other, &result("b")).await;
    store.delete_flow(flow, &by(50)).await.expect("it is there");
    let refused = store.put_test_result(flow, &result("a"), &Bytes::new()).await;
    assert!(matches!(refused, Err(StoreError::UnknownFlow(of)) if of == flow), "{refused:?}");
    assert_eq!(purges.begin_purge(at(50), &by(100)).await.expect("it begins"), Some(flow));
    while purges.purge_part(flow).await.expect("it goes on") == PurgePart::More {}
    assert_eq!(listed(store, flow, None, 10).await, []);
    assert_eq!(store.test_result(flow, kept.id).await.expect("it reads"), None);
    assert_eq!(listed(store, other, None, 10).await.len(), 1);
    let unknown = FlowId::generate();
    let refused = store.put_test_result(unknown, &result("a"), &Bytes::new()).await;
    assert!(matches!(refused, Err(StoreError::UnknownFlow(of)) if of == unknown), "{refused:?}");
    assert_eq!(listed(store, unknown, None, 10).await, []);
}
