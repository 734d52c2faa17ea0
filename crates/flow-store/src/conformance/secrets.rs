//! What [`SecretStore`](crate::SecretStore) promises.

use flow_base::{FlowId, Role, UserId, WorkspaceId};

use super::Harness;
use super::fixture::{Person, at, by, bytes, flow_of, person};
use crate::{
    AuditPage, Conflict, NewWorkspace, Origin, PurgePart, Quotas, SECRETS_PER_WORKSPACE, SealedSecret,
    SecretRecord, Store, StoreError, WorkspaceMemberChange,
};

fn sealed(workspace: WorkspaceId, name: &str, text: &str) -> SealedSecret {
    SealedSecret { workspace, name: name.to_owned(), sealed: bytes(text) }
}

async fn put(store: &dyn Store, secret: &SealedSecret, by: &Origin) -> SecretRecord {
    store.put_secret(secret, by).await.expect("there is room for it")
}

/// A workspace of the first, in which the second is something.
async fn shared(store: &dyn Store, owner: Person, member: Person, role: Role) -> WorkspaceId {
    let id = WorkspaceId::generate();
    let workspace = NewWorkspace { id, name: "Support".to_owned(), owner: owner.id };
    store.create_workspace(&workspace, &by(0)).await.expect("she may have one more");
    let change = WorkspaceMemberChange { workspace: id, user: member.id, role: Some(role) };
    store.change_workspace_member(change, &Quotas::UNBOUNDED, &by(1)).await.expect("there is room");
    id
}

pub(super) async fn a_secret_reads_back_in_its_workspace_alone(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (hers, his) = (sealed(ann.workspace, "crm", "hers"), sealed(ben.workspace, "crm", "his"));
    let record = put(store, &hers, &Origin::user(ann.id, at(10))).await;
    let expected = SecretRecord { name: "crm".to_owned(), changed_at: at(10), changed_by: Some(ann.id) };
    assert_eq!(record, expected);
    put(store, &his, &by(11)).await;
    assert_eq!(store.secrets(ann.workspace).await.expect("they read"), [expected]);
    assert_eq!(store.secret(ann.workspace, "crm").await.expect("it reads"), Some(hers.clone()));
    assert_eq!(store.secret(ben.workspace, "crm").await.expect("it reads"), Some(his));
    for name in ["CRM", "cr", "crm ", ""] {
        assert_eq!(store.secret(ann.workspace, name).await.expect("it reads"), None, "{name:?}");
    }
    // In place of the one before; and lists are in the order of bytes.
    let again = sealed(ann.workspace, "crm", "another");
    put(store, &again, &by(20)).await;
    put(store, &sealed(ann.workspace, "Z", "z"), &by(21)).await;
    let listed = store.secrets(ann.workspace).await.expect("they read");
    let shown = |record: &SecretRecord| (record.name.clone(), record.changed_at, record.changed_by);
    let expected = [("Z".to_owned(), at(21), None), ("crm".to_owned(), at(20), None)];
    assert_eq!(listed.iter().map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(store.secret(ann.workspace, "crm").await.expect("it reads"), Some(again));
    assert!(store.remove_secret(ann.workspace, "crm", &by(30)).await.expect("it answers"));
    assert!(!store.remove_secret(ann.workspace, "crm", &by(30)).await.expect("it answers"));
    assert_eq!(store.secret(ann.workspace, "crm").await.expect("it reads"), None);
    assert!(store.secret(ben.workspace, "crm").await.expect("it reads").is_some());
    let nowhere = store.put_secret(&sealed(WorkspaceId::generate(), "crm", "x"), &by(31)).await;
    assert!(matches!(nowhere, Err(StoreError::Conflict(Conflict::UnknownWorkspace))), "{nowhere:?}");
}

pub(super) async fn only_who_owns_the_workspace_changes_its_secrets(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let workspace = shared(store, ann, ben, Role::Editor).await;
    let secret = sealed(workspace, "crm", "hers");
    put(store, &secret, &Origin::user(ann.id, at(10))).await;
    for stranger in [ben.id, UserId::generate()] {
        let his = Origin::user(stranger, at(11));
        let refused = store.put_secret(&sealed(workspace, "crm", "his"), &his).await;
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::NotAllowed))), "{refused:?}");
        let refused = store.remove_secret(workspace, "crm", &his).await;
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::NotAllowed))), "{refused:?}");
    }
    assert_eq!(store.secret(workspace, "crm").await.expect("it reads"), Some(secret));
}

pub(super) async fn a_workspace_has_so_many_secrets(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    for at in 0..SECRETS_PER_WORKSPACE {
        put(store, &sealed(ann.workspace, &format!("s{at}"), "x"), &by(10)).await;
    }
    let refused = store.put_secret(&sealed(ann.workspace, "more", "x"), &by(11)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::TooManySecrets))), "{refused:?}");
    put(store, &sealed(ann.workspace, "s7", "another"), &by(12)).await;
    put(store, &sealed(ben.workspace, "more", "x"), &by(12)).await;
    assert!(store.remove_secret(ann.workspace, "s7", &by(13)).await.expect("it answers"));
    put(store, &sealed(ann.workspace, "more", "x"), &by(14)).await;
}

pub(super) async fn secrets_are_sealed_anew_page_by_page(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let mut all = Vec::new();
    for workspace in [ann.workspace, ben.workspace] {
        for name in ["b", "B", "a"] {
            all.push(sealed(workspace, name, &format!("{name} before")));
        }
    }
    for secret in &all {
        put(store, secret, &by(10)).await;
    }
    all.sort_by(|a, b| (a.workspace, &a.name).cmp(&(b.workspace, &b.name)));
    let mut read: Vec<SealedSecret> = Vec::new();
    loop {
        let page = store.all_secrets(read.last(), 4).await.expect("they read");
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, all);

    let before = store.secrets(ann.workspace).await.expect("they read");
    let of_ann = read.iter().find(|secret| secret.workspace == ann.workspace).expect("she has some");
    assert!(store.reseal_secret(of_ann, &bytes("after")).await.expect("it answers"));
    assert!(!store.reseal_secret(of_ann, &bytes("late")).await.expect("it answers"), "it is another now");
    let now = store.secret(ann.workspace, &of_ann.name).await.expect("it reads").expect("it is there");
    assert_eq!(now.sealed, bytes("after"));
    assert_eq!(store.secrets(ann.workspace).await.expect("they read"), before, "it is the same secret");
}

pub(super) async fn secrets_are_recorded_by_their_names(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let secret = sealed(ann.workspace, "crm", "s3aled");
    put(store, &secret, &Origin::user(ann.id, at(10))).await;
    assert!(store.reseal_secret(&secret, &bytes("anew")).await.expect("it answers"));
    assert!(store.remove_secret(ann.workspace, "crm", &by(11)).await.expect("it answers"));
    assert!(!store.remove_secret(ann.workspace, "crm", &by(12)).await.expect("it answers"));
    let events = store.audit(ann.workspace, AuditPage::After(0), 100).await.expect("they read");
    let events: Vec<_> = events.iter().filter(|event| event.event.contains("secret.")).collect();
    let texts: Vec<_> = events.iter().map(|event| &*event.event).collect();
    assert_eq!(
        texts,
        [r#"{"type":"secret.changed","name":"crm"}"#, r#"{"type":"secret.removed","name":"crm"}"#]
    );
    assert_eq!(events[0].user, Some(ann.id));
}

pub(super) async fn secrets_go_with_who_leaves_for_good_unless_there_is_an_heir(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, cleo) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "cleo").await);
    for workspace in [ann.workspace, ben.workspace] {
        put(store, &sealed(workspace, "crm", "x"), &by(10)).await;
    }
    store.erase_user(ann.id, None, &by(20)).await.expect("she goes");
    store.erase_user(ben.id, Some(cleo.id), &by(20)).await.expect("he goes");
    assert_eq!(store.secret(ann.workspace, "crm").await.expect("it reads"), None);
    assert!(store.secret(ben.workspace, "crm").await.expect("it reads").is_some());
}

/// By which it is found out whose secrets its calls may use.
pub(super) async fn a_flows_workspace_is_known_until_the_flow_is_purged(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    let place = async || store.workspace_of(flow).await.expect("it reads");
    assert_eq!(place().await, Some(ann.workspace));
    let moved = store.move_flow(flow, ben.workspace, &Quotas::UNBOUNDED, &by(20)).await;
    assert!(moved.expect("there is room"));
    assert_eq!(place().await, Some(ben.workspace));
    store.delete_flow(flow, &by(50)).await.expect("it is there");
    assert_eq!(place().await, Some(ben.workspace), "it may be restored");
    let purges = harness.purges();
    assert_eq!(purges.begin_purge(at(60), &by(100)).await.expect("it answers"), Some(flow));
    loop {
        assert_eq!(place().await, None);
        if purges.purge_part(flow).await.expect("it is removed") == PurgePart::Emptied {
            break;
        }
    }
    assert_eq!(place().await, None);
    assert_eq!(store.workspace_of(FlowId::generate()).await.expect("it reads"), None);
}
