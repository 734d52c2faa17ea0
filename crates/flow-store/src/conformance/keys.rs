use std::sync::Arc;

use flow_base::{Credential, KeyId, Scope, Scopes, SessionId, UserId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{at, by, flow_of, new_session, new_user, person};
use crate::{Conflict, KEYS_PER_USER, KeyRecord, NewKey, StoreError};

pub(super) async fn a_key_reads_back_by_its_hash_and_in_its_owners_list(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let old = NewKey { scopes: [Scope::Run, Scope::Read].into_iter().collect(), ..new_key(ann.id, 1) };
    let young = NewKey { created_at: at(2), expires_at: Some(at(50)), ..new_key(ann.id, 2) };
    for key in [&old, &young, &new_key(ben.id, 3)] {
        store.create_key(key, &by(1)).await.expect("it is stored");
    }
    assert_eq!(store.keys(ann.id).await.expect("it reads"), [record(&young), record(&old)]);
    assert_eq!(store.live_key(&[1; 32], at(10)).await.expect("it reads"), Some(record(&old)));
    assert_eq!(store.live_key(&[9; 32], at(10)).await.expect("absence is no error"), None);
}

pub(super) async fn a_key_needs_an_account(harness: &dyn Harness) {
    let store = &*harness.store();
    let refused = store.create_key(&new_key(UserId::generate(), 1), &by(1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
    assert_eq!(store.live_key(&[1; 32], at(0)).await.expect("it reads"), None);
}

pub(super) async fn a_revoked_key_is_gone_at_once(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let key = new_key(ann.id, 1);
    store.create_key(&key, &by(1)).await.expect("it is stored");
    assert!(!store.revoke_key(ben.id, key.id, &by(1)).await.expect("the store answers"), "it is not his");
    assert!(store.live_key(&key.hash, at(10)).await.expect("it reads").is_some());
    assert!(store.revoke_key(ann.id, key.id, &by(1)).await.expect("it is revoked"));
    assert_eq!(store.live_key(&key.hash, at(10)).await.expect("it reads"), None);
    assert_eq!(store.keys(ann.id).await.expect("it reads"), []);
    assert!(!store.revoke_key(ann.id, key.id, &by(1)).await.expect("the store answers"), "only once");
}

pub(super) async fn an_expired_key_is_listed_and_opens_nothing(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let key = NewKey { expires_at: Some(at(50)), ..new_key(ann.id, 1) };
    store.create_key(&key, &by(1)).await.expect("it is stored");
    assert!(store.live_key(&key.hash, at(49)).await.expect("it reads").is_some());
    assert_eq!(store.live_key(&key.hash, at(50)).await.expect("it reads"), None);
    assert_eq!(store.keys(ann.id).await.expect("it reads"), [record(&key)]);
}

pub(super) async fn the_last_use_of_a_key_never_goes_back(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (key, other) = (new_key(ann.id, 1), new_key(ann.id, 2));
    for key in [&key, &other] {
        store.create_key(key, &by(1)).await.expect("it is stored");
    }
    let last_used = async |key: &NewKey| {
        let key = store.live_key(&key.hash, at(99)).await.expect("it reads");
        key.expect("it is there").last_used_at
    };
    assert_eq!(last_used(&key).await, None);
    for (told, known) in [(10, 10), (30, 30), (20, 30)] {
        store.key_used(key.id, at(told)).await.expect("it is noted");
        assert_eq!(last_used(&key).await, Some(at(known)));
    }
    assert_eq!(last_used(&other).await, None);
    store.key_used(KeyId::generate(), at(10)).await.expect("a key that is gone is no error");
}

pub(super) async fn a_user_has_so_many_keys(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    for number in 1..KEYS_PER_USER {
        let number = u8::try_from(number).expect("there are fewer than 256");
        store.create_key(&new_key(ann.id, number), &by(1)).await.expect("it is stored");
    }
    // Of those that come at once for the last place one gets it.
    let mut tasks = JoinSet::new();
    for number in 200..204 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.create_key(&new_key(ann.id, number), &by(1)).await });
    }
    let mut stored = 0;
    for created in tasks.join_all().await {
        match created {
            Ok(()) => stored += 1,
            Err(StoreError::Conflict(Conflict::TooManyKeys)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(stored, 1);
    let keys = store.keys(ann.id).await.expect("it reads");
    assert_eq!(keys.len(), KEYS_PER_USER as usize);
    store.revoke_key(ann.id, keys[0].id, &by(1)).await.expect("it is revoked");
    store.create_key(&new_key(ann.id, 210), &by(1)).await.expect("there is a place again");
    let ben = person(&*store, "ben").await;
    store.create_key(&new_key(ben.id, 211), &by(1)).await.expect("others have their own");
}

pub(super) async fn revisions_list_ended_keys_beside_sessions(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    flow_of(store, ann).await;
    let (live, revoked) = (new_key(ann.id, 1), new_key(ann.id, 2));
    let expired = NewKey { expires_at: Some(at(10)), ..new_key(ann.id, 3) };
    for key in [&live, &revoked, &expired] {
        store.create_key(key, &by(1)).await.expect("it is stored");
    }
    let mut session = new_session(ann.id, 1, 100);
    session.password_hash = new_user("ann").password_hash;
    store.create_session(&session, &by(0)).await.expect("it is stored");
    store.revoke_key(ann.id, revoked.id, &by(1)).await.expect("it is revoked");
    // An id is of one kind: a key's is no session's.
    let confused = Credential::Session(SessionId::from_uuid(live.id.as_uuid()));
    let keys = [&live, &revoked, &expired].map(|key| Credential::Key(key.id));
    let asked = [&[Credential::Session(session.id), confused][..], &keys].concat();
    let ended = async |now| {
        let mut ended = store.revisions(&[], &asked, at(now)).await.expect("it reads").ended;
        ended.sort();
        ended
    };
    let sorted = |mut credentials: Vec<Credential>| {
        credentials.sort();
        credentials
    };
    assert_eq!(ended(9).await, sorted(vec![confused, keys[1]]));
    assert_eq!(ended(10).await, sorted(vec![confused, keys[1], keys[2]]));
    assert_eq!(
        store.revisions(&[], &[keys[0]], at(10)).await.expect("it reads"),
        crate::Revisions::default()
    );
}

fn new_key(user: UserId, hash: u8) -> NewKey {
    NewKey {
        id: KeyId::generate(),
        user,
        name: format!("Key {hash}"),
        hash: [hash; 32],
        scopes: Scopes::from_iter([Scope::Edit]),
        created_at: at(1),
        expires_at: None,
    }
}

fn record(key: &NewKey) -> KeyRecord {
    KeyRecord {
        id: key.id,
        user: key.user,
        name: key.name.clone(),
        scopes: key.scopes,
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: None,
    }
}
