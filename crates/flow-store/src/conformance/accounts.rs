use std::sync::Arc;

use flow_base::{SessionId, UserId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{at, by, new_session, new_user, person};
use crate::{Conflict, RefreshOutcome, RefreshRotation, Store, StoreError, User};

/// How long after its replacement the suite still honours a token.
const GRACE_SECONDS: i64 = 10;

pub(super) async fn an_account_reads_back_by_id_and_by_address(harness: &dyn Harness) {
    let store = &*harness.store();
    let new = new_user("ann");
    store.create_user(&new).await.expect("it is created");
    person(store, "ben").await;
    let expected = User {
        is_installation_owner: true,
        id: new.id,
        email: new.email,
        name: new.name,
        password_hash: new.password_hash,
        workspace: new.workspace,
        created_at: new.created_at,
    };
    assert_eq!(store.user(new.id).await.expect("it reads").as_ref(), Some(&expected));
    assert_eq!(store.user_by_email("ann@example.org").await.expect("it reads").as_ref(), Some(&expected));
}

pub(super) async fn a_taken_address_is_refused_and_changes_nothing(harness: &dyn Harness) {
    let store = &*harness.store();
    let first = person(store, "ann").await;
    let second = new_user("ann");
    let refused = store.create_user(&second).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::EmailTaken))), "{refused:?}");
    assert_eq!(store.user(second.id).await.expect("it reads"), None);
    let kept = store.user_by_email("ann@example.org").await.expect("it reads").expect("it is there");
    assert_eq!((kept.id, kept.workspace), (first.id, first.workspace));
}

pub(super) async fn an_unknown_account_is_absent(harness: &dyn Harness) {
    let store = &*harness.store();
    person(store, "ann").await;
    assert_eq!(store.user(UserId::generate()).await.expect("absence is no error"), None);
    assert_eq!(store.user_by_email("ben@example.org").await.expect("absence is no error"), None);
}

pub(super) async fn a_session_needs_an_account(harness: &dyn Harness) {
    let store = &*harness.store();
    let session = new_session(UserId::generate(), 1, 100);
    let refused = store.create_session(&session, &by(0)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
    assert!(!store.session_is_live(session.id, at(0)).await.expect("it reads"));
}

pub(super) async fn a_refresh_token_is_exchanged_for_its_successor(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, user) = signed_in(store).await;
    let rotated = RefreshOutcome::Rotated { session, user };
    assert_eq!(exchange(store, 1, 2, 20).await, rotated);
    assert_eq!(exchange(store, 2, 3, 40).await, rotated);
    assert_eq!(exchange(store, 3, 4, 60).await, rotated);
}

pub(super) async fn a_token_just_replaced_is_still_honoured(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, user) = signed_in(store).await;
    let rotated = RefreshOutcome::Rotated { session, user };
    assert_eq!(exchange(store, 1, 2, 20).await, rotated);
    assert_eq!(exchange(store, 1, 3, 20 + GRACE_SECONDS - 1).await, rotated, "the other tab");
    assert_eq!(exchange(store, 2, 4, 50).await, rotated, "both successors count");
    assert_eq!(exchange(store, 3, 5, 51).await, rotated);
}

pub(super) async fn a_token_replaced_long_ago_ends_the_session(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, user) = signed_in(store).await;
    exchange(store, 1, 2, 20).await;
    // Honoured once more, which must not stretch the grace.
    exchange(store, 1, 3, 20 + GRACE_SECONDS - 1).await;
    assert_eq!(exchange(store, 1, 4, 20 + GRACE_SECONDS).await, RefreshOutcome::Reused { session, user });
    assert!(!store.session_is_live(session, at(31)).await.expect("it reads"));
    for token in 1..=4 {
        assert_eq!(exchange(store, token, 90 + token, 32).await, RefreshOutcome::Unknown, "token {token}");
    }
}

pub(super) async fn concurrent_exchanges_of_one_token_all_succeed_within_the_grace(harness: &dyn Harness) {
    let store = harness.store();
    let (session, user) = signed_in(&*store).await;
    let mut tasks = JoinSet::new();
    for successor in 10..18 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { exchange(&*store, 1, successor, 20).await });
    }
    let rotated = RefreshOutcome::Rotated { session, user };
    assert!(tasks.join_all().await.into_iter().all(|outcome| outcome == rotated));
}

pub(super) async fn an_unknown_token_is_unknown(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, _) = signed_in(store).await;
    assert_eq!(exchange(store, 77, 78, 20).await, RefreshOutcome::Unknown);
    assert_eq!(exchange(store, 78, 79, 20).await, RefreshOutcome::Unknown, "it left no successor");
    assert!(store.session_is_live(session, at(20)).await.expect("it reads"));
}

pub(super) async fn a_revoked_session_is_over_at_once(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, user) = signed_in(store).await;
    assert!(store.session_is_live(session, at(20)).await.expect("it reads"));
    assert!(store.revoke_session(user, session, &by(20)).await.expect("it is revoked"));
    assert!(!store.session_is_live(session, at(20)).await.expect("it reads"));
    assert!(!store.revoke_session(user, session, &by(21)).await.expect("the store answers"), "only once");
    assert!(!store.revoke_session(user, SessionId::generate(), &by(21)).await.expect("the store answers"));
    assert_eq!(exchange(store, 1, 2, 22).await, RefreshOutcome::Unknown);
}

pub(super) async fn a_session_ends_when_it_expires(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, user) = signed_in(store).await;
    assert!(store.session_is_live(session, at(99)).await.expect("it reads"));
    assert!(!store.session_is_live(session, at(100)).await.expect("it reads"));
    assert_eq!(exchange(store, 1, 2, 100).await, RefreshOutcome::Unknown);
    assert!(!store.revoke_session(user, session, &by(100)).await.expect("the store answers"));
    assert!(!store.session_is_live(SessionId::generate(), at(0)).await.expect("it reads"));
}

pub(super) async fn an_exchange_prolongs_the_session(harness: &dyn Harness) {
    let store = &*harness.store();
    let (session, _) = signed_in(store).await;
    exchange(store, 1, 2, 90).await;
    assert!(store.session_is_live(session, at(189)).await.expect("it reads"));
    assert!(!store.session_is_live(session, at(190)).await.expect("it reads"));
}

pub(super) async fn a_new_sign_in_leaves_the_others_alone(harness: &dyn Harness) {
    let store = &*harness.store();
    let (first, user) = signed_in(store).await;
    let second = new_session(user, 50, 100);
    store.create_session(&second, &by(0)).await.expect("it is stored");
    assert!(store.revoke_session(user, second.id, &by(20)).await.expect("it is revoked"));
    assert!(store.session_is_live(first, at(20)).await.expect("it reads"));
    assert_eq!(exchange(store, 1, 2, 21).await, RefreshOutcome::Rotated { session: first, user });
}

/// A session that lasts to second 100, whose refresh token is number 1.
async fn signed_in(store: &dyn Store) -> (SessionId, UserId) {
    let ann = person(store, "ann").await;
    let session = new_session(ann.id, 1, 100);
    store.create_session(&session, &by(0)).await.expect("it is stored");
    (session.id, ann.id)
}

/// Exchanges token number `presented`; the session then lasts 100 seconds more.
async fn exchange(store: &dyn Store, presented: u8, successor: u8, now: i64) -> RefreshOutcome {
    let rotation = RefreshRotation {
        presented_hash: [presented; 32],
        successor_hash: [successor; 32],
        now: at(now),
        expires_at: at(now + 100),
        honour_replaced_after: at(now - GRACE_SECONDS),
    };
    store.rotate_refresh(&rotation, &by(0)).await.expect("the store answers")
}
