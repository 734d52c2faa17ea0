//! What [`VersionStore`](crate::VersionStore) promises.

use bytes::Bytes;
use flow_base::{ActorId, FlowId, Seq, UserId};

use super::Harness;
use super::fixture::{Person, at, by, flow_of, person, some_flow};
use crate::{AuditPage, NewVersion, Store, StoreError, VersionCause, VersionRecord};

fn version(flow: FlowId, name: &str) -> NewVersion {
    NewVersion {
        flow,
        name: name.to_owned(),
        description: format!("{name}, described"),
        cause: VersionCause::Named,
        seq: Seq(7),
        content_hash: format!("{name:0>64}"),
        content: Bytes::from(format!("\u{1}{name}")),
        author: ActorId::Server,
        created_at: at(40),
    }
}

async fn active(store: &dyn Store, flow: FlowId, owner: Person) -> Option<u32> {
    let record = store.flow(flow, owner.id).await.expect("the flow reads").expect("it is there");
    let filter = crate::FlowFilter::default();
    let page = crate::FlowQuery { filter, ..super::flows::all(owner, 10) };
    let listed = store.flows(&page).await.expect("the list reads").flows;
    let listed = listed.iter().find(|listed| listed.id == flow).expect("it is listed");
    assert_eq!(listed.active_version, record.active_version);
    record.active_version
}

pub(super) async fn versions_are_numbered_and_read_back_as_they_were(harness: &dyn Harness) {
    let store = harness.store();
    let (flow, other) = (some_flow(&*store).await, some_flow(&*store).await);
    let first = NewVersion { author: ActorId::User(UserId::generate()), ..version(flow, "one") };
    let second = NewVersion { seq: Seq(9), created_at: at(41), ..version(flow, "größe") };
    for (number, version) in [(1, &first), (2, &second)] {
        let created = store.create_version(version, &by(40)).await.expect("it is kept");
        assert_eq!(created, VersionRecord::new(number, version));
        let read = store.version(flow, number).await.expect("it reads");
        assert_eq!(read, Some((created, version.content.clone())));
    }
    let elsewhere = store.create_version(&version(other, "one"), &by(40)).await.expect("it is kept");
    assert_eq!(elsewhere.number, 1, "each flow counts for itself");
    for number in [0, 3, u32::MAX] {
        assert_eq!(store.version(flow, number).await.expect("it reads"), None);
    }
}

pub(super) async fn versions_come_newest_first_page_by_page(harness: &dyn Harness) {
    let store = harness.store();
    let flow = some_flow(&*store).await;
    for name in ["a", "b", "c", "d", "e"] {
        store.create_version(&version(flow, name), &by(40)).await.expect("it is kept");
    }
    let page = async |before, limit| {
        let versions = store.versions(flow, before, limit).await.expect("they read");
        versions.into_iter().map(|version| (version.number, version.name)).collect::<Vec<_>>()
    };
    let named = |numbers: &[(u32, &str)]| {
        numbers.iter().map(|&(number, name)| (number, name.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, named(&[(5, "e"), (4, "d")]));
    assert_eq!(page(Some(4), 2).await, named(&[(3, "c"), (2, "b")]));
    assert_eq!(page(Some(2), 2).await, named(&[(1, "a")]));
    assert_eq!(page(Some(1), 2).await, []);
}

pub(super) async fn versions_made_at_once_get_numbers_of_their_own(harness: &dyn Harness) {
    let store = harness.store();
    let flow = some_flow(&*store).await;
    let made = (0..16).map(|at| {
        let store = harness.store();
        tokio::spawn(async move { store.create_version(&version(flow, &format!("v{at}")), &by(40)).await })
    });
    let mut numbers = Vec::new();
    for made in made.collect::<Vec<_>>() {
        numbers.push(made.await.expect("no panic").expect("it is kept").number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
}

pub(super) async fn an_activation_makes_its_version_the_active_one(harness: &dyn Harness) {
    let store = harness.store();
    let owner = person(&*store, "ann").await;
    let flow = flow_of(&*store, owner).await;
    assert_eq!(active(&*store, flow, owner).await, None);
    let activation = |name| NewVersion { cause: VersionCause::Activation, ..version(flow, name) };
    store.create_version(&version(flow, "kept"), &by(40)).await.expect("it is kept");
    assert_eq!(active(&*store, flow, owner).await, None, "what is only kept does not run");
    let created = store.create_version(&activation("runs"), &by(40)).await.expect("it is kept");
    assert_eq!((created.number, created.cause), (2, VersionCause::Activation));
    assert_eq!(active(&*store, flow, owner).await, Some(2));
    store.create_version(&version(flow, "kept"), &by(40)).await.expect("it is kept");
    assert_eq!(active(&*store, flow, owner).await, Some(2));
    store.create_version(&activation("runs"), &by(40)).await.expect("it is kept");
    assert_eq!(active(&*store, flow, owner).await, Some(4));
}

pub(super) async fn an_older_activation_does_not_replace_a_newer(harness: &dyn Harness) {
    let store = harness.store();
    let owner = person(&*store, "ann").await;
    let flow = flow_of(&*store, owner).await;
    let activation =
        |name, seq| NewVersion { cause: VersionCause::Activation, seq: Seq(seq), ..version(flow, name) };
    let newer = store.create_version(&activation("newer", 9), &by(40)).await.expect("it is kept");
    let late = store.create_version(&activation("older", 8), &by(41)).await.expect("it is answered");
    assert_eq!(late, newer, "what runs");
    assert_eq!(active(&*store, flow, owner).await, Some(1));
    assert_eq!(store.versions(flow, None, 10).await.expect("they read").len(), 1);
    let events = store.audit(owner.workspace, AuditPage::Before(u64::MAX), 10).await.expect("they read");
    let activated = events.iter().filter(|event| event.event.contains("flow.activated")).count();
    assert_eq!(activated, 1, "nothing was done the second time");
    // What is only kept, what is as new, and what comes after a deactivation is kept.
    let named = NewVersion { cause: VersionCause::Named, ..activation("named", 8) };
    assert_eq!(store.create_version(&named, &by(42)).await.expect("it is kept").number, 2);
    let again = store.create_version(&activation("again", 9), &by(42)).await.expect("it is kept");
    assert_eq!((again.number, active(&*store, flow, owner).await), (3, Some(3)));
    assert!(store.deactivate(flow, &by(43)).await.expect("it is there"));
    let older = store.create_version(&activation("older", 8), &by(44)).await.expect("it is kept");
    assert_eq!((older.number, active(&*store, flow, owner).await), (4, Some(4)));
}

pub(super) async fn of_activations_at_once_the_newest_stays(harness: &dyn Harness) {
    let store = harness.store();
    let owner = person(&*store, "ann").await;
    let flow = flow_of(&*store, owner).await;
    for round in 0..5 {
        let seqs = (1..=8).map(|place| round * 10 + place);
        let made: Vec<_> = seqs
            .map(|seq| {
                let (store, version) = (harness.store(), version(flow, &format!("v{seq}")));
                let version = NewVersion { cause: VersionCause::Activation, seq: Seq(seq), ..version };
                tokio::spawn(async move { store.create_version(&version, &by(40)).await })
            })
            .collect();
        for (place, made) in (1..).zip(made) {
            let published = made.await.expect("no panic").expect("it is answered");
            assert!(published.seq >= Seq(round * 10 + place), "what is answered is as new, or newer");
        }
        let number = active(&*store, flow, owner).await.expect("one is active");
        let (record, _) = store.version(flow, number).await.expect("it reads").expect("it is there");
        assert_eq!(record.seq, Seq(round * 10 + 8));
    }
}

pub(super) async fn a_flow_is_deactivated_once(harness: &dyn Harness) {
    let store = harness.store();
    let owner = person(&*store, "ann").await;
    let flow = flow_of(&*store, owner).await;
    assert!(!store.deactivate(flow, &by(60)).await.expect("it is there"));
    let activation = NewVersion { cause: VersionCause::Activation, ..version(flow, "runs") };
    store.create_version(&activation, &by(40)).await.expect("it is kept");
    assert!(store.deactivate(flow, &by(60)).await.expect("it is there"));
    assert_eq!(active(&*store, flow, owner).await, None);
    assert!(!store.deactivate(flow, &by(60)).await.expect("it is there"));
    assert_eq!(store.versions(flow, None, 10).await.expect("they read").len(), 1, "its version is kept");
}

pub(super) async fn a_flow_that_is_not_there_has_no_versions(harness: &dyn Harness) {
    let store = harness.store();
    let deleted = some_flow(&*store).await;
    store.create_version(&version(deleted, "kept"), &by(40)).await.expect("it is kept");
    store.delete_flow(deleted, &by(50)).await.expect("it is there");
    for flow in [deleted, FlowId::generate()] {
        let made = store.create_version(&version(flow, "late"), &by(40)).await;
        assert!(matches!(made, Err(StoreError::UnknownFlow(unknown)) if unknown == flow), "{made:?}");
        let made = store.deactivate(flow, &by(60)).await;
        assert!(matches!(made, Err(StoreError::UnknownFlow(unknown)) if unknown == flow), "{made:?}");
    }
    assert_eq!(store.versions(FlowId::generate(), None, 10).await.expect("nothing"), []);
}
