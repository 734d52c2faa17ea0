//! What [`SlugStore`](crate::SlugStore) promises.

use flow_base::{FlowId, Slug};

use super::Harness;
use super::fixture::{at, by, flow_of, person, some_flow};
use crate::{AuditPage, Conflict, PurgePart, Quotas, Store, StoreError};

fn slug(text: &str) -> Slug {
    text.parse().expect("the suite's slugs are slugs")
}

async fn set(store: &dyn Store, flow: FlowId, text: Option<&str>) -> Result<bool, StoreError> {
    store.set_slug(flow, text.map(slug).as_ref(), &by(40)).await
}

async fn called(store: &dyn Store, text: &str) -> Option<FlowId> {
    store.flow_called(&slug(text)).await.expect("it reads")
}

fn is_taken(result: &Result<bool, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict(Conflict::SlugTaken)))
}

pub(super) async fn a_flow_is_found_by_its_slug(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    let shown = async |flow| {
        let record = store.flow(flow, ann.id).await.expect("it reads").expect("it is there");
        let listed = store.flows(&super::flows::all(ann, 10)).await.expect("they list").flows;
        let listed = listed.into_iter().find(|listed| listed.id == flow).expect("it is listed");
        let seen = store.flow_as(flow, record.role).await.expect("it reads").expect("it is there");
        assert_eq!((&listed.slug, &seen.slug), (&record.slug, &record.slug));
        record.slug
    };
    assert_eq!((shown(flow).await, called(store, "orders").await), (None, None));
    assert!(set(store, flow, Some("orders")).await.expect("it is free"));
    assert!(!set(store, flow, Some("orders")).await.expect("it is its own"), "nothing has changed");
    assert_eq!((shown(flow).await, called(store, "orders").await), (Some(slug("orders")), Some(flow)));
    assert_eq!(shown(other).await, None);
    assert!(is_taken(&set(store, other, Some("orders")).await));
    assert_eq!(called(store, "orders").await, Some(flow), "a refusal changes nothing");

    assert!(set(store, flow, Some("help-desk")).await.expect("it is free"));
    assert_eq!((called(store, "orders").await, called(store, "help-desk").await), (None, Some(flow)));
    assert!(set(store, other, Some("orders")).await.expect("it is free again"));
    assert!(set(store, flow, None).await.expect("it is there"));
    assert!(!set(store, flow, None).await.expect("it is there"), "nothing has changed");
    assert_eq!((shown(flow).await, called(store, "help-desk").await), (None, None));
    // Any number of flows have none.
    assert!(set(store, other, None).await.expect("it is there"));
}

pub(super) async fn a_deleted_flow_keeps_its_slug_until_it_is_purged(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    assert!(set(store, flow, Some("orders")).await.expect("it is free"));
    store.delete_flow(flow, &by(50)).await.expect("it is there");
    assert_eq!(called(store, "orders").await, None, "it leads to no deleted flow");
    assert!(is_taken(&set(store, other, Some("orders")).await), "nor to another meanwhile");
    let late = set(store, flow, Some("later")).await;
    assert!(matches!(late, Err(StoreError::UnknownFlow(unknown)) if unknown == flow), "{late:?}");
    let unknown = set(store, FlowId::generate(), Some("later")).await;
    assert!(matches!(unknown, Err(StoreError::UnknownFlow(_))), "{unknown:?}");
    assert!(store.restore_flow(flow, ann.id, at(0), &Quotas::UNBOUNDED, &by(51)).await.expect("it answers"));
    assert_eq!(called(store, "orders").await, Some(flow));

    store.delete_flow(flow, &by(60)).await.expect("it is there");
    let purges = harness.purges();
    assert_eq!(purges.begin_purge(at(60), &by(100)).await.expect("it answers"), Some(flow));
    assert!(set(store, other, Some("orders")).await.expect("it is free"));
    while purges.purge_part(flow).await.expect("it is removed") == PurgePart::More {}
    assert_eq!(called(store, "orders").await, Some(other));
}

pub(super) async fn of_flows_that_want_one_slug_at_once_one_has_it(harness: &dyn Harness) {
    let store = harness.store();
    let mut wanting = Vec::new();
    for _ in 0..8 {
        let (store, flow) = (harness.store(), some_flow(&*store).await);
        wanting.push(tokio::spawn(async move { (flow, set(&*store, flow, Some("orders")).await) }));
    }
    let mut given = Vec::new();
    for wanting in wanting {
        match wanting.await.expect("no panic") {
            (flow, Ok(true)) => given.push(flow),
            (_, refused) => assert!(is_taken(&refused)),
        }
    }
    assert_eq!(given, Vec::from_iter(called(&*store, "orders").await));
}

pub(super) async fn slugs_are_recorded_without_their_words(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    for text in [Some("orders"), Some("orders"), None, None] {
        set(store, flow, text).await.expect("it is free");
    }
    assert!(set(store, other, Some("orders")).await.expect("it is free"));
    assert!(is_taken(&set(store, flow, Some("orders")).await));
    let events = store.audit(ann.workspace, AuditPage::After(0), 100).await.expect("they read");
    let events: Vec<_> =
        events.into_iter().map(|event| event.event).filter(|event| event.contains("flow.slug")).collect();
    let event = |flow, has| format!(r#"{{"type":"flow.slugChanged","flow":"{flow}","hasSlug":{has}}}"#);
    assert_eq!(events, [event(flow, true), event(flow, false), event(other, true)]);
}
