use std::sync::Arc;

use flow_base::{Credential, Secret, SessionId, UserId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{at, by, flow_of, new_session, new_user, person};
use crate::{
    AccountStore, Conflict, Entry, PasswordChange, RefreshOutcome, RefreshRotation, Store, StoreError, User,
    UserChange,
};

pub(super) async fn the_first_account_owns_the_installation(harness: &dyn Harness) {
    let store = &*harness.store();
    assert!(!store.has_users().await.expect("it reads"));
    let (ann, ben, cid) = (new_user("ann"), new_user("ben"), new_user("cid"));
    assert!(store.admit_user(&ann, Entry::Open, &by(0)).await.expect("it is created"));
    assert!(store.has_users().await.expect("it reads"));
    assert!(!store.admit_user(&ben, Entry::Open, &by(0)).await.expect("it is created"));
    assert!(store.admit_user(&cid, Entry::AsOwner, &by(0)).await.expect("it is created"));
    let is_owner = async |user: UserId| account(store, user).await.is_installation_owner;
    assert!(is_owner(ann.id).await && !is_owner(ben.id).await && is_owner(cid.id).await);
}

pub(super) async fn only_the_first_is_let_in_where_nobody_else_is(harness: &dyn Harness) {
    let store = &*harness.store();
    assert!(store.admit_user(&new_user("ann"), Entry::FirstOnly, &by(0)).await.expect("it is the first"));
    let ben = new_user("ben");
    // Whose address is taken is not told there.
    for late in [&ben, &new_user("ann")] {
        let refused = store.admit_user(late, Entry::FirstOnly, &by(0)).await;
        let closed = matches!(refused, Err(StoreError::Conflict(Conflict::RegistrationClosed)));
        assert!(closed, "{refused:?}");
        assert_eq!(store.user(late.id).await.expect("it reads"), None);
    }
    assert!(!store.admit_user(&ben, Entry::Open, &by(0)).await.expect("it left nothing behind"));
}

pub(super) async fn of_accounts_made_at_once_one_is_the_first(harness: &dyn Harness) {
    let store = harness.store();
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&store);
        let entry = if number % 2 == 0 { Entry::Open } else { Entry::FirstOnly };
        tasks.spawn(async move { store.admit_user(&new_user(&format!("p{number}")), entry, &by(0)).await });
    }
    let mut owners = 0;
    for admitted in tasks.join_all().await {
        match admitted {
            Ok(is_owner) => owners += u32::from(is_owner),
            Err(StoreError::Conflict(Conflict::RegistrationClosed)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(owners, 1);
    let users = store.users(None, 100).await.expect("it reads");
    assert_eq!(users.iter().filter(|user| user.is_installation_owner).count(), 1);
}

pub(super) async fn accounts_are_listed_page_by_page(harness: &dyn Harness) {
    let store = &*harness.store();
    let mut made = Vec::new();
    for name in ["ann", "ben", "cid"] {
        made.push(person(store, name).await.id);
    }
    made.sort();
    let page = async |after| {
        let users = store.users(after, 2).await.expect("it reads");
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, made[..2]);
    assert_eq!(page(Some(made[1])).await, made[2..]);
    assert_eq!(page(Some(made[2])).await, []);
}

pub(super) async fn what_is_changed_of_an_account_reads_back_and_the_rest_stays(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    person(store, "ben").await;
    let before = account(store, ann.id).await;
    let nothing = store.change_user(ann.id, &UserChange::default(), &by(0)).await.expect("it is changed");
    assert_eq!(nothing.as_ref(), Some(&before));

    let name = UserChange { name: Some("Ann Größe".to_owned()), email: None };
    let expected = User { name: "Ann Größe".to_owned(), ..before };
    assert_eq!(
        store.change_user(ann.id, &name, &by(0)).await.expect("it is changed").as_ref(),
        Some(&expected)
    );
    let email = UserChange { name: None, email: Some("anna@example.org".to_owned()) };
    let expected = User { email: "anna@example.org".to_owned(), ..expected };
    assert_eq!(
        store.change_user(ann.id, &email, &by(0)).await.expect("it is changed").as_ref(),
        Some(&expected)
    );
    assert_eq!(store.user_by_email("anna@example.org").await.expect("it reads"), Some(expected));
    assert_eq!(store.user_by_email("ann@example.org").await.expect("it reads"), None);
}

pub(super) async fn an_address_is_not_taken_from_another_account(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let bens = UserChange { name: Some("Ben".to_owned()), email: Some("ben@example.org".to_owned()) };
    let refused = store.change_user(ann.id, &bens, &by(0)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::EmailTaken))), "{refused:?}");
    let kept = account(store, ann.id).await;
    assert_eq!((kept.name.as_str(), kept.email.as_str()), ("ann", "ann@example.org"));
    assert!(store.change_user(ben.id, &bens, &by(0)).await.expect("its own is no other's").is_some());
    assert_eq!(
        store.change_user(UserId::generate(), &bens, &by(0)).await.expect("absence is no error"),
        None
    );
}

pub(super) async fn a_new_password_ends_all_other_sign_ins(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (kept, other, bens) =
        (new_session(ann.id, 1, 100), new_session(ann.id, 2, 100), new_session(ben.id, 3, 100));
    sign_in_as(store, "ann", &kept).await;
    sign_in_as(store, "ann", &other).await;
    sign_in_as(store, "ben", &bens).await;
    assert!(
        store.change_password(&new_password(ann.id, Some(kept.id)), &by(0)).await.expect("it is changed")
    );
    let is_live = async |session| store.session_is_live(session, at(21)).await.expect("it reads");
    assert!(is_live(kept.id).await && !is_live(other.id).await && is_live(bens.id).await);
    assert_eq!(exchange(store, 2).await, RefreshOutcome::Unknown, "its tokens are over as well");
    assert_eq!(account(store, ann.id).await.password_hash, Secret::new("$argon2id$new".to_owned()));

    flow_of(store, ann).await;
    let asked = [kept.id, other.id].map(Credential::Session);
    let ended = store.revisions(&[], &asked, at(21)).await.expect("it reads").ended;
    assert_eq!(ended, [Credential::Session(other.id)], "sockets hear of it");

    assert!(store.change_password(&new_password(ann.id, None), &by(0)).await.expect("it is changed"));
    assert!(!is_live(kept.id).await, "a reset keeps none");
    let nobody = new_password(UserId::generate(), None);
    assert!(!store.change_password(&nobody, &by(0)).await.expect("absence is no error"));
}

pub(super) async fn a_password_that_was_changed_meanwhile_signs_nobody_in(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let mut session = new_session(ann.id, 1, 100);
    session.password_hash = account(store, ann.id).await.password_hash;
    store.change_password(&new_password(ann.id, None), &by(0)).await.expect("it is changed");
    let refused = store.create_session(&session, &by(0)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::PasswordChanged))), "{refused:?}");
    assert!(!store.session_is_live(session.id, at(1)).await.expect("it reads"));
    assert_eq!(exchange(store, 1).await, RefreshOutcome::Unknown);
}

/// Whichever comes first: no sign-in with the old password outlives its change.
pub(super) async fn a_sign_in_beside_a_change_of_the_password_does_not_outlive_it(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let hash = account(&*store, ann.id).await.password_hash;
    let mut tasks = JoinSet::new();
    let mut sessions = Vec::new();
    for token in 1..=8 {
        let mut session = new_session(ann.id, token, 100);
        session.password_hash = hash.clone();
        sessions.push(session.id);
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            match store.create_session(&session, &by(0)).await {
                Ok(()) | Err(StoreError::Conflict(Conflict::PasswordChanged)) => {}
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    store.change_password(&new_password(ann.id, None), &by(0)).await.expect("it is changed");
    tasks.join_all().await;
    for session in sessions {
        assert!(!store.session_is_live(session, at(30)).await.expect("it reads"));
    }
}

pub(super) async fn sign_ins_are_listed_last_used_first_while_they_live(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    person(store, "ben").await;
    let mut sessions = Vec::new();
    for (token, agent) in [(1, Some("Firefox on Ubuntu")), (2, None), (3, Some("größe"))] {
        let mut session = new_session(ann.id, token, 100);
        session.created_at = at(i64::from(token));
        session.user_agent = agent.map(str::to_owned);
        sign_in_as(store, "ann", &session).await;
        sessions.push(session.id);
    }
    let bens = store.user_by_email("ben@example.org").await.expect("it reads").expect("it is there");
    let other = new_session(bens.id, 4, 100);
    sign_in_as(store, "ben", &other).await;

    let listed = async |now, limit| store.sessions(ann.id, at(now), limit).await.expect("it reads");
    let ids = async |now, limit| listed(now, limit).await.into_iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(5, 10).await, [sessions[2], sessions[1], sessions[0]]);
    exchange(store, 1).await;
    assert_eq!(ids(21, 10).await, [sessions[0], sessions[2], sessions[1]]);
    assert_eq!(ids(21, 2).await, [sessions[0], sessions[2]]);
    let first = listed(21, 10).await.remove(0);
    assert_eq!((first.created_at, first.last_used_at), (at(1), at(20)));
    assert_eq!(first.user_agent.as_deref(), Some("Firefox on Ubuntu"));
    assert_eq!(listed(21, 10).await[2].last_used_at, at(2), "not used since it was made");

    store.revoke_session(ann.id, sessions[2], &by(22)).await.expect("it is revoked");
    assert_eq!(ids(23, 10).await, [sessions[0], sessions[1]]);
    assert_eq!(ids(100, 10).await, [sessions[0]], "one has expired");
}

pub(super) async fn nobody_ends_anothers_sign_in(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let session = new_session(ann.id, 1, 100);
    sign_in_as(store, "ann", &session).await;
    assert!(!store.revoke_session(ben.id, session.id, &by(5)).await.expect("the store answers"));
    assert!(store.session_is_live(session.id, at(5)).await.expect("it reads"));
}

async fn account(store: &dyn Store, user: UserId) -> User {
    store.user(user).await.expect("it reads").expect("it is there")
}

async fn sign_in_as(store: &dyn Store, name: &str, session: &crate::NewSession) {
    let mut session = session.clone();
    session.password_hash = new_user(name).password_hash;
    store.create_session(&session, &by(0)).await.expect("it is stored");
}

fn new_password(user: UserId, keep: Option<SessionId>) -> PasswordChange {
    PasswordChange { user, password_hash: Secret::new("$argon2id$new".to_owned()), keep, now: at(20) }
}

/// Exchanges a token for one that nobody uses, at second 20.
async fn exchange(store: &dyn AccountStore, presented: u8) -> RefreshOutcome {
    let rotation = RefreshRotation {
        presented_hash: [presented; 32],
        successor_hash: [presented + 100; 32],
        now: at(20),
        expires_at: at(120),
        honour_replaced_after: at(10),
    };
    store.rotate_refresh(&rotation, &by(0)).await.expect("the store answers")
}
