//! Who may do something is found out before a transaction and looked at again in it: whoever
//! has lost the role in between does nothing any more.

use flow_base::{FlowId, InvitationId, LinkId, LinkRole, Role, UserId, WorkspaceId};

use super::Harness;
use super::fixture::{Person, at, by, flow_of, new_flow, person, set_role};
use crate::{
    Conflict, MemberChange, NewInvitation, NewLink, NewWorkspace, Origin, Quotas, Store, StoreError,
    WorkspaceMemberChange,
};

pub(super) async fn whoever_owns_a_flow_no_more_changes_nothing_of_who_may(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let flow = flow_of(store, ann).await;
    set_role(store, flow, ben.id, Some(Role::Owner)).await;
    store.create_link(&link(ben, flow, 1), &from(ben)).await.expect("he owns it");
    assert!(give(store, flow, eve.id, Some(Role::Viewer), ben).await.expect("he owns it"));

    for left in [Some(Role::Editor), None] {
        set_role(store, flow, ben.id, left).await;
        let refused = store.create_link(&link(ben, flow, 2), &from(ben)).await;
        assert_not_allowed(&refused);
        for (whom, role) in [(eve.id, Some(Role::Owner)), (eve.id, None), (ben.id, Some(Role::Owner))] {
            assert_not_allowed(&give(store, flow, whom, role, ben).await);
        }
    }
    assert!(give(store, flow, eve.id, None, eve).await.expect("everybody may leave"));
    assert_eq!(store.links(flow).await.expect("it reads"), [], "his link went with him");
}

pub(super) async fn an_owner_of_the_workspace_owns_its_flows_as_long(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let flow = flow_of(store, ann).await;
    join(store, ann.workspace, ben, Some(Role::Owner), by(20)).await.expect("an operator may");
    store.create_link(&link(ben, flow, 1), &from(ben)).await.expect("he owns its workspace");
    assert!(give(store, flow, eve.id, Some(Role::Viewer), ben).await.expect("he owns its workspace"));
    join(store, ann.workspace, ben, Some(Role::Editor), by(21)).await.expect("an operator may");
    assert_not_allowed(&store.create_link(&link(ben, flow, 2), &from(ben)).await);
    assert_not_allowed(&give(store, flow, eve.id, None, ben).await);
}

pub(super) async fn whoever_owns_a_workspace_no_more_lets_nobody_in(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let team = NewWorkspace { id: WorkspaceId::generate(), name: "Team".to_owned(), owner: ann.id };
    store.create_workspace(&team, &by(5)).await.expect("it is created");
    join(store, team.id, ben, Some(Role::Owner), from(ann)).await.expect("she owns it");
    store.create_invitation(&invitation(ben, team.id, 1), &from(ben)).await.expect("he owns it");
    join(store, team.id, eve, Some(Role::Viewer), from(ben)).await.expect("he owns it");

    for left in [Some(Role::Editor), None] {
        join(store, team.id, ben, left, from(ann)).await.expect("she owns it");
        assert_not_allowed(&store.create_invitation(&invitation(ben, team.id, 2), &from(ben)).await);
        for (whom, role) in [(eve, Some(Role::Owner)), (eve, None), (ben, Some(Role::Owner))] {
            assert_not_allowed(&join(store, team.id, whom, role, from(ben)).await);
        }
    }
    join(store, team.id, eve, None, from(eve)).await.expect("everybody may leave");
    assert_eq!(store.invitations(team.id).await.expect("it reads"), [], "his went with him");
}

pub(super) async fn whoever_may_edit_no_more_makes_no_flow(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let create = async || {
        let flow = new_flow(Person { workspace: ann.workspace, ..ben });
        store.create_flow(&flow, &Quotas::UNBOUNDED, &from(ben)).await
    };
    join(store, ann.workspace, ben, Some(Role::Editor), from(ann)).await.expect("she owns it");
    create().await.expect("he may");
    for left in [Some(Role::Commenter), None] {
        join(store, ann.workspace, ben, left, from(ann)).await.expect("she owns it");
        assert_not_allowed(&create().await);
    }
}

pub(super) async fn whoever_may_no_more_moves_no_flow(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    let moved = async |to| store.move_flow(flow, to, &Quotas::UNBOUNDED, &from(ben)).await;
    set_role(store, flow, ben.id, Some(Role::Editor)).await;
    assert_not_allowed(&moved(ben.workspace).await);
    set_role(store, flow, ben.id, Some(Role::Owner)).await;
    let team = NewWorkspace { id: WorkspaceId::generate(), name: "Team".to_owned(), owner: ann.id };
    store.create_workspace(&team, &by(5)).await.expect("it is created");
    for role in [None, Some(Role::Commenter)] {
        join(store, team.id, ben, role, from(ann)).await.expect("she owns it");
        assert_not_allowed(&moved(team.id).await);
    }
    join(store, team.id, ben, Some(Role::Editor), from(ann)).await.expect("she owns it");
    assert!(moved(team.id).await.expect("he owns it, and may make flows there"));
    assert!(moved(ben.workspace).await.expect("he still owns it"));
}

fn from(person: Person) -> Origin {
    Origin::user(person.id, at(30))
}

#[track_caller]
fn assert_not_allowed<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict(Conflict::NotAllowed))), "{result:?}");
}

async fn give(
    store: &dyn Store,
    flow: FlowId,
    user: UserId,
    role: Option<Role>,
    by: Person,
) -> Result<bool, StoreError> {
    store.change_member(MemberChange { flow, user, role }, &from(by)).await
}

async fn join(
    store: &dyn Store,
    workspace: WorkspaceId,
    person: Person,
    role: Option<Role>,
    by: Origin,
) -> Result<bool, StoreError> {
    let change = WorkspaceMemberChange { workspace, user: person.id, role };
    store.change_workspace_member(change, &Quotas::UNBOUNDED, &by).await
}

fn link(by: Person, flow: FlowId, hash: u8) -> NewLink {
    NewLink {
        id: LinkId::generate(),
        flow,
        hash: [hash; 32],
        role: LinkRole::Viewer,
        created_by: by.id,
        expires_at: None,
    }
}

fn invitation(by: Person, workspace: WorkspaceId, hash: u8) -> NewInvitation {
    NewInvitation {
        id: InvitationId::generate(),
        workspace,
        hash: [hash; 32],
        role: Role::Viewer,
        created_by: by.id,
        expires_at: at(1_000),
        uses_max: None,
    }
}
