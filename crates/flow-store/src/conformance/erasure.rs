use flow_base::{Credential, KeyId, Role, Scope, Scopes, UserId};

use super::Harness;
use super::fixture::{
    Person, at, batch, by, flow_of, log, new_flow, new_session, new_user, person, set_role, try_append,
    written_by,
};
use crate::{
    AuditEvent, AuditHead, AuditPage, Conflict, ERASED_WORKSPACE, NewKey, NewWorkspace, Origin, Personal,
    Quotas, Store, StoreError, WorkspaceMemberChange, Writer,
};

pub(super) async fn an_erased_account_is_gone_and_what_it_did_stays_without_its_name(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let session = new_session(ann.id, 1, 100);
    store.create_session(&session, &from(ann, 1)).await.expect("it is stored");
    let key = new_key(ann);
    store.create_key(&key, &from(ann, 2)).await.expect("it is stored");
    let bens = flow_of(store, ben).await;
    set_role(store, bens, ann.id, Some(Role::Editor)).await;
    let update = written_by(batch(bens, &["by ann"]), &[(7, ann.id)]);
    try_append(store, &update).await.expect("it is appended");
    join(store, ben, ann, Role::Viewer).await;

    assert!(store.erase_user(ann.id, None, &from(ann, 20)).await.expect("she is erased"));
    assert!(!store.erase_user(ann.id, None, &from(ann, 21)).await.expect("it answers"), "only once");
    assert_eq!(store.user(ann.id).await.expect("it reads"), None);
    assert_eq!(store.user_by_email("ann@example.org").await.expect("it reads"), None);
    assert!(store.users(None, 10).await.expect("it reads").iter().all(|user| user.id != ann.id));
    assert!(!store.session_is_live(session.id, at(21)).await.expect("it reads"));
    assert_eq!(store.live_key(&key.hash, at(21)).await.expect("it reads"), None);
    let asked = [Credential::Session(session.id), Credential::Key(key.id)];
    assert_eq!(store.revisions(&[], &asked, at(21)).await.expect("it reads").ended.len(), 2);
    assert_eq!(store.flow_access(bens, ann.id).await.expect("it reads"), None);
    assert_eq!(store.workspaces(ann.id).await.expect("it reads"), []);
    assert!(store.flow_members(bens).await.expect("it reads").iter().all(|member| member.user != ann.id));
    let names = store.all_workspaces(None, 10).await.expect("it reads");
    assert!(names.iter().any(|(id, name)| *id == ann.workspace && name == ERASED_WORKSPACE), "{names:?}");
    let refused = set(store, bens, ann).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");

    assert_eq!(log(store, bens).await, [(1, "by ann".to_owned())]);
    let writers = store.writers(bens).await.expect("it reads");
    assert_eq!(writers, [Writer { client_id: 7, user: ann.id }]);
    for workspace in [ann.workspace, ben.workspace] {
        let chain = store.audit(workspace, AuditPage::After(0), 100).await.expect("it reads");
        let whole = chain.iter().try_fold(AuditHead::default(), |head, event| event.verify_after(&head));
        assert!(whole.is_ok(), "{whole:?}");
        for event in chain.iter().filter(|event| event.user == Some(ann.id)) {
            assert_eq!(event.personal.as_ref().and_then(Personal::address), None, "{}", event.event);
        }
    }
    let last = store.audit(ann.workspace, AuditPage::Before(u64::MAX), 1).await.expect("it reads");
    let told: AuditEvent = serde_json::from_str(&last[0].event).expect("it is an event");
    assert_eq!(told, AuditEvent::AccountErased { user: ann.id });
}

pub(super) async fn without_an_heir_the_flows_of_an_erased_account_are_deleted(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let hers = flow_of(store, ann).await;
    set_role(store, hers, ben.id, Some(Role::Editor)).await;
    let in_bens = flow_of(store, Person { workspace: ben.workspace, ..ann }).await;
    assert!(store.erase_user(ann.id, None, &by(20)).await.expect("she is erased"));
    assert_eq!(store.flow_access(hers, ben.id).await.expect("it reads"), None);
    assert!(store.load(hers).await.expect("it reads").is_some(), "a deletion keeps the log");
    let kept = store.flow_access(in_bens, ben.id).await.expect("it reads");
    assert_eq!(kept.map(|access| access.role), Some(Role::Owner), "it is the workspace's");
}

/// A flow made beside an erasure would have outlived it: nobody's, and reached by nobody.
pub(super) async fn whoever_is_erased_makes_no_flow(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    assert!(store.erase_user(ann.id, None, &by(20)).await.expect("she is erased"));
    for place in [ann, Person { workspace: ben.workspace, ..ann }] {
        let refused = store.create_flow(&new_flow(place), &Quotas::UNBOUNDED, &by(21)).await;
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
    }
}

pub(super) async fn an_heir_gets_what_nobody_else_owns(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let hers = flow_of(store, ann).await;
    let team =
        NewWorkspace { id: flow_base::WorkspaceId::generate(), name: "Team".to_owned(), owner: ann.id };
    store.create_workspace(&team, &by(1)).await.expect("it is created");
    let shared = Person { workspace: team.id, ..ann };
    join(store, shared, eve, Role::Owner).await;
    for nobody in [ann.id, UserId::generate()] {
        let refused = store.erase_user(ann.id, Some(nobody), &by(20)).await;
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
    }
    assert!(store.erase_user(ann.id, Some(ben.id), &by(20)).await.expect("she is erased"));
    let role = store.flow_access(hers, ben.id).await.expect("it reads").map(|access| access.role);
    assert_eq!(role, Some(Role::Owner));
    let workspace = store.workspace(ann.workspace, ben.id).await.expect("it reads").expect("it is his");
    assert!(!workspace.is_personal, "nobody's any more");
    let change = WorkspaceMemberChange { workspace: ann.workspace, user: eve.id, role: Some(Role::Owner) };
    assert!(store.change_workspace_member(change, &Quotas::UNBOUNDED, &by(21)).await.expect("he may"));
    assert_eq!(store.workspace(team.id, ben.id).await.expect("it reads"), None, "another owns it");
}

pub(super) async fn what_others_use_is_not_erased_from_under_them(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let hers = flow_of(store, ann).await;
    join(store, ann, ben, Role::Viewer).await;
    let refused = store.erase_user(ann.id, None, &by(20)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::OwnsShared))), "{refused:?}");
    assert!(store.user(ann.id).await.expect("it reads").is_some());
    assert!(store.flow_access(hers, ben.id).await.expect("it reads").is_some());
    assert!(store.erase_user(ann.id, Some(ben.id), &by(20)).await.expect("with an heir she is"));
}

pub(super) async fn an_erased_address_is_free_again(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    for erased in [ann, ben] {
        assert!(store.erase_user(erased.id, None, &by(20)).await.expect("they are erased"));
    }
    assert!(!store.erase_user(UserId::generate(), None, &by(20)).await.expect("it answers"));
    let again = new_user("ann");
    store.create_user(&again).await.expect("the address is free");
    let found = store.user_by_email("ann@example.org").await.expect("it reads").expect("it is hers");
    assert_eq!(found.id, again.id);
    assert!(!found.is_installation_owner, "the first account was another");
}

fn from(person: Person, second: i64) -> Origin {
    Origin { address: Some([192, 0, 2, 9].into()), ..Origin::user(person.id, at(second)) }
}

async fn join(store: &dyn Store, owner: Person, guest: Person, role: Role) {
    let change = WorkspaceMemberChange { workspace: owner.workspace, user: guest.id, role: Some(role) };
    let joined = store.change_workspace_member(change, &Quotas::UNBOUNDED, &by(8)).await;
    assert!(joined.expect("the change is allowed"));
}

async fn set(store: &dyn Store, flow: flow_base::FlowId, person: Person) -> Result<bool, StoreError> {
    let change = crate::MemberChange { flow, user: person.id, role: Some(Role::Viewer) };
    store.change_member(change, &by(30)).await
}

fn new_key(person: Person) -> NewKey {
    NewKey {
        id: KeyId::generate(),
        user: person.id,
        name: "Bot".to_owned(),
        hash: [1; 32],
        scopes: Scopes::from_iter([Scope::Edit]),
        created_at: at(2),
        expires_at: None,
    }
}
