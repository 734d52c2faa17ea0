use std::sync::Arc;

use flow_base::{Credential, FlowId, KeyId, LinkId, LinkRole, Role, Scope, Scopes, UserId, WorkspaceId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{at, by, flow_of, new_flow, new_session, person, set_role};
use crate::{
    AuditEvent, AuditHead, AuditPage, AuditRecord, Conflict, MemberChange, NewKey, NewLink, NewVersion,
    NewWorkspace, Origin, PasswordChange, Personal, Quotas, Store, StoreError, UserChange, VersionCause,
};

pub(super) async fn what_is_done_is_recorded_in_a_chain(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let workspace = WorkspaceId::generate();
    let key = KeyId::generate();
    let from = Origin {
        user: Some(ann.id),
        credential: Some(Credential::Key(key)),
        address: Some([192, 0, 2, 7].into()),
        at: at(5),
    };
    let new = NewWorkspace { id: workspace, name: "Team".to_owned(), owner: ann.id };
    store.create_workspace(&new, &from).await.expect("it is created");
    let mut flow = new_flow(ann);
    flow.workspace = workspace;
    store.create_flow(&flow, &Quotas::UNBOUNDED, &by(6)).await.expect("it is created");
    let flow = flow.id;
    let change = MemberChange { flow, user: ben.id, role: Some(Role::Viewer) };
    store.change_member(change, &by(7)).await.expect("it is changed");
    let link = NewLink {
        id: LinkId::generate(),
        flow,
        hash: [1; 32],
        role: LinkRole::Run,
        created_by: ann.id,
        expires_at: None,
    };
    store.create_link(&link, &by(8)).await.expect("it is stored");
    store.revoke_link(flow, link.id, &by(9)).await.expect("it is revoked");
    for cause in [VersionCause::Named, VersionCause::Activation] {
        store.create_version(&version(flow, cause), &by(10)).await.expect("it is kept");
    }
    store.deactivate(flow, &by(11)).await.expect("it is deactivated");
    store.delete_flow(flow, &by(12)).await.expect("it is deleted");
    let restored = store.restore_flow(flow, ann.id, at(0), &Quotas::UNBOUNDED, &by(13)).await;
    assert!(restored.expect("it is restored"));

    let told = [
        AuditEvent::WorkspaceCreated,
        AuditEvent::FlowCreated { flow },
        AuditEvent::FlowMemberChanged { flow, user: ben.id, role: Some(Role::Viewer) },
        AuditEvent::LinkCreated { flow, link: link.id, role: LinkRole::Run },
        AuditEvent::LinkRevoked { flow, link: link.id },
        AuditEvent::FlowActivated { flow, version: 2 },
        AuditEvent::FlowDeactivated { flow },
        AuditEvent::FlowDeleted { flow },
        AuditEvent::FlowRestored { flow },
    ];
    let chain = chain(store, workspace).await;
    assert_eq!(events(&chain), told);
    let first = &chain[0];
    assert_eq!((first.user, first.at, &*first.credential), (Some(ann.id), at(5), &*format!("key:{key}")));
    assert_eq!(first.personal.as_ref().and_then(Personal::address), Some([192, 0, 2, 7].into()));
    assert_eq!((chain[1].user, &*chain[1].credential), (None, ""));
}

pub(super) async fn what_an_account_does_to_itself_is_in_its_personal_workspace(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let session = new_session(ann.id, 1, 100);
    store.create_session(&session, &by(1)).await.expect("it is stored");
    let change = UserChange { name: Some("Anna".to_owned()), email: None };
    store.change_user(ann.id, &change, &by(2)).await.expect("it is changed");
    let key = NewKey {
        id: KeyId::generate(),
        user: ann.id,
        name: "Bot".to_owned(),
        hash: [1; 32],
        scopes: Scopes::from_iter([Scope::Read]),
        created_at: at(3),
        expires_at: None,
    };
    store.create_key(&key, &by(3)).await.expect("it is stored");
    store.revoke_key(ann.id, key.id, &by(4)).await.expect("it is revoked");
    store.revoke_session(ann.id, session.id, &by(5)).await.expect("it is ended");
    let password_hash = session.password_hash.clone();
    let change = PasswordChange { user: ann.id, password_hash, keep: None, now: at(6) };
    store.change_password(&change, &by(6)).await.expect("it is changed");
    let told = [
        AuditEvent::AccountCreated { user: ann.id },
        AuditEvent::SessionOpened { session: session.id },
        AuditEvent::AccountChanged { email: false, name: true },
        AuditEvent::KeyCreated { key: key.id, scopes: key.scopes },
        AuditEvent::KeyRevoked { key: key.id },
        AuditEvent::SessionEnded { session: session.id },
        AuditEvent::PasswordChanged { user: ann.id },
    ];
    assert_eq!(events(&chain(store, ann.workspace).await), told);
}

pub(super) async fn what_is_refused_is_not_recorded(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    let before = store.audit_head(ann.workspace).await.expect("it reads");
    let owner = MemberChange { flow, user: ann.id, role: None };
    store.change_member(owner, &by(30)).await.expect_err("she is the last owner");
    let same = MemberChange { role: Some(Role::Owner), ..owner };
    assert!(!store.change_member(same, &by(30)).await.expect("nothing changes"));
    assert!(!store.deactivate(flow, &by(30)).await.expect("nothing is active"));
    assert!(!store.revoke_key(ben.id, KeyId::generate(), &by(30)).await.expect("there is none"));
    assert!(!store.revoke_link(flow, LinkId::generate(), &by(30)).await.expect("there is none"));
    assert!(!store.delete_flow(FlowId::generate(), &by(30)).await.expect("there is none"));
    assert_eq!(store.audit_head(ann.workspace).await.expect("it reads"), before);
    let nowhere = store.record(WorkspaceId::generate(), &AuditEvent::AuditExported, &by(30)).await;
    assert!(matches!(nowhere, Err(StoreError::Conflict(Conflict::UnknownWorkspace))), "{nowhere:?}");
    assert_eq!(store.audit_head(WorkspaceId::generate()).await.expect("it reads"), AuditHead::default());
}

pub(super) async fn events_recorded_at_once_make_one_chain(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let flow = flow_of(&*store, ann).await;
    let mut tasks = JoinSet::new();
    for number in 0..12 {
        let ben = person(&*store, &format!("ben-{number}")).await;
        let store = Arc::clone(&store);
        tasks.spawn(async move { set_role(&*store, flow, ben.id, Some(Role::Viewer)).await });
        let (store, workspace) = (harness.store(), ann.workspace);
        tasks.spawn(async move {
            store.record(workspace, &AuditEvent::AuditExported, &by(1)).await.expect("it is recorded");
            true
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|changed| changed));
    assert_eq!(chain(&*store, ann.workspace).await.len(), 2 + 24);
}

pub(super) async fn events_are_read_in_both_directions(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    for _ in 0..4 {
        store.record(ann.workspace, &AuditEvent::AuditExported, &by(1)).await.expect("it is recorded");
    }
    let read = async |page, limit| {
        let events = store.audit(ann.workspace, page, limit).await.expect("it reads");
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(AuditPage::After(0), 3).await, [1, 2, 3]);
    assert_eq!(read(AuditPage::After(3), 3).await, [4, 5]);
    assert_eq!(read(AuditPage::Before(u64::MAX), 2).await, [5, 4]);
    assert_eq!(read(AuditPage::Before(4), 9).await, [3, 2, 1]);
    let nobodys = store.audit(WorkspaceId::generate(), AuditPage::After(0), 9).await;
    assert_eq!(nobodys.expect("it reads"), []);
}

pub(super) async fn a_moved_flow_is_in_both_chains(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    assert!(store.move_flow(flow, ben.workspace, &Quotas::UNBOUNDED, &by(1)).await.expect("it is moved"));
    let moved = AuditEvent::FlowMoved { flow, from: ann.workspace, to: ben.workspace };
    for workspace in [ann.workspace, ben.workspace] {
        assert_eq!(events(&chain(store, workspace).await).last(), Some(&moved));
    }
}

/// All events of a workspace, each of which is what came after the one before.
async fn chain(store: &dyn Store, workspace: WorkspaceId) -> Vec<AuditRecord> {
    let chain = store.audit(workspace, AuditPage::After(0), 1_000).await.expect("it reads");
    let verify = |head, event: &AuditRecord| event.verify_after(&head);
    let end = chain.iter().try_fold(AuditHead::default(), verify).expect("it is whole");
    assert_eq!(store.audit_head(workspace).await.expect("it reads"), end);
    chain
}

fn events(chain: &[AuditRecord]) -> Vec<AuditEvent> {
    let read = |event: &AuditRecord| serde_json::from_str(&event.event).expect("it is an event");
    chain.iter().map(read).collect()
}

fn version(flow: FlowId, cause: VersionCause) -> NewVersion {
    NewVersion {
        flow,
        name: "First".to_owned(),
        description: String::new(),
        cause,
        seq: flow_base::Seq::ZERO,
        content_hash: "00".to_owned(),
        content: super::fixture::bytes("content"),
        author: Some(UserId::generate()).into(),
        created_at: at(10),
    }
}
