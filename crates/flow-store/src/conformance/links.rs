use flow_base::{Credential, FlowId, LinkId, LinkRole};

use super::Harness;
use super::fixture::{Person, at, by, flow_of, person};
use crate::{Conflict, LINKS_PER_FLOW, LinkRecord, NewLink, Revisions, StoreError};

pub(super) async fn a_link_is_found_by_its_hash_while_it_lives(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    let old = new_link(ann, flow, 1);
    let young = NewLink { role: LinkRole::Run, expires_at: Some(at(50)), ..new_link(ann, flow, 2) };
    store.create_link(&old, &by(1)).await.expect("it is stored");
    store.create_link(&young, &by(2)).await.expect("it is stored");
    store.create_link(&new_link(ann, other, 3), &by(3)).await.expect("it is stored");

    assert_eq!(store.links(flow).await.expect("it reads"), [record(&young, 2), record(&old, 1)]);
    let found = store.live_link(&[2; 32], at(49)).await.expect("it reads").expect("it lives");
    assert_eq!(found.link, record(&young, 2));
    let access = store.flow_access(flow, ann.id).await.expect("it reads").expect("she owns it");
    assert_eq!(found.access_rev, access.access_rev);
    assert_eq!(store.live_link(&[2; 32], at(50)).await.expect("it reads"), None);
    assert_eq!(store.live_link(&[9; 32], at(0)).await.expect("absence is no error"), None);

    assert!(!store.revoke_link(other, old.id, &by(60)).await.expect("it answers"), "it is not that flow's");
    assert!(store.revoke_link(flow, old.id, &by(60)).await.expect("it is revoked"));
    assert!(!store.revoke_link(flow, old.id, &by(60)).await.expect("it answers"), "only once");
    assert_eq!(store.live_link(&[1; 32], at(0)).await.expect("it reads"), None);
    assert_eq!(store.links(flow).await.expect("it reads"), [record(&young, 2)]);
}

pub(super) async fn a_link_of_a_deleted_flow_opens_nothing(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    store.create_link(&new_link(ann, flow, 1), &by(1)).await.expect("it is stored");
    store.delete_flow(flow, &by(20)).await.expect("it is deleted");
    assert_eq!(store.live_link(&[1; 32], at(30)).await.expect("it reads"), None);
    for flow in [flow, FlowId::generate()] {
        let refused = store.create_link(&new_link(ann, flow, 2), &by(30)).await;
        assert!(matches!(refused, Err(StoreError::UnknownFlow(_))), "{refused:?}");
    }
}

pub(super) async fn a_flow_has_so_many_links(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    for number in 0..LINKS_PER_FLOW {
        let number = u8::try_from(number).expect("there are fewer than 256");
        store.create_link(&new_link(ann, flow, number), &by(1)).await.expect("it is stored");
    }
    let refused = store.create_link(&new_link(ann, flow, 200), &by(1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::TooManyLinks))), "{refused:?}");
    let other = flow_of(store, ann).await;
    store.create_link(&new_link(ann, other, 201), &by(1)).await.expect("others have their own");
}

pub(super) async fn revisions_list_ended_links(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    let (live, revoked) = (new_link(ann, flow, 1), new_link(ann, flow, 2));
    let expired = NewLink { expires_at: Some(at(10)), ..new_link(ann, flow, 3) };
    for link in [&live, &revoked, &expired] {
        store.create_link(link, &by(1)).await.expect("it is stored");
    }
    store.revoke_link(flow, revoked.id, &by(2)).await.expect("it is revoked");
    let asked = [&live, &revoked, &expired].map(|link| Credential::Link(link.id));
    let ended = async |now| {
        let Revisions { mut ended, .. } = store.revisions(&[], &asked, at(now)).await.expect("it reads");
        ended.sort();
        ended
    };
    assert_eq!(ended(9).await, [asked[1]]);
    let mut both = vec![asked[1], asked[2]];
    both.sort();
    assert_eq!(ended(10).await, both);
}

fn new_link(by: Person, flow: FlowId, hash: u8) -> NewLink {
    NewLink {
        id: LinkId::generate(),
        flow,
        hash: [hash; 32],
        role: LinkRole::Viewer,
        created_by: by.id,
        expires_at: None,
    }
}

fn record(link: &NewLink, created: i64) -> LinkRecord {
    let NewLink { id, flow, role, created_by, expires_at, .. } = *link;
    LinkRecord { id, flow, role, created_by, created_at: at(created), expires_at }
}
