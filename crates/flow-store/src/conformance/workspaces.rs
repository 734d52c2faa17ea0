use std::sync::Arc;

use flow_base::{FlowId, InvitationId, LinkId, LinkRole, Role, Seq, UserId, WorkspaceId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{Person, append, at, batch, by, flow_of, new_flow, person, set_role};
use crate::{
    Conflict, INVITATIONS_PER_WORKSPACE, InvitationRecord, NewInvitation, NewLink, NewVersion, NewWorkspace,
    OwnQuotas, Quota, Quotas, Store, StoreError, VersionCause, WORKSPACES_PER_OWNER, WorkspaceMemberChange,
    WorkspaceRecord, WorkspaceUsage,
};

pub(super) async fn a_workspace_is_seen_by_its_members_as_what_they_are(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let team = team_of(store, ann).await;
    assert!(join(store, team, ben, Some(Role::Commenter)).await);
    let seen = |role| WorkspaceRecord {
        id: team,
        name: "Team".to_owned(),
        role,
        is_personal: false,
        created_at: at(5),
    };
    let read = async |person: Person| store.workspace(team, person.id).await.expect("it reads");
    assert_eq!(read(ann).await, Some(seen(Role::Owner)));
    assert_eq!(read(ben).await, Some(seen(Role::Commenter)));
    assert_eq!(read(eve).await, None);
    assert_eq!(store.workspace(WorkspaceId::generate(), ann.id).await.expect("it reads"), None);

    let members = store.workspace_members(team).await.expect("it reads");
    let told: Vec<_> = members.iter().map(|member| (&*member.name, member.role)).collect();
    assert_eq!(told, [("ann", Role::Owner), ("ben", Role::Commenter)]);
    assert_eq!(store.workspace_members(WorkspaceId::generate()).await.expect("it reads"), []);

    assert!(store.rename_workspace(team, "Crew", &by(9)).await.expect("it is renamed"));
    assert_eq!(read(ben).await.expect("he sees it").name, "Crew");
    assert!(!store.rename_workspace(WorkspaceId::generate(), "Crew", &by(9)).await.expect("it answers"));
}

pub(super) async fn personal_workspaces_come_first_and_say_so(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (second, first) = (team_named(store, ann, "Zoo").await, team_named(store, ann, "Alphabet").await);
    assert!(join(store, ben.workspace, ann, Some(Role::Viewer)).await);
    let told: Vec<_> = store
        .workspaces(ann.id)
        .await
        .expect("it reads")
        .into_iter()
        .map(|seen| (seen.id, seen.is_personal, seen.role))
        .collect();
    let expected = [
        (ann.workspace, true, Role::Owner),
        (ben.workspace, true, Role::Viewer),
        (first, false, Role::Owner),
        (second, false, Role::Owner),
    ];
    assert_eq!(told, expected);
    assert_eq!(store.workspaces(UserId::generate()).await.expect("it reads"), []);
}

pub(super) async fn a_user_owns_so_many_workspaces(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    for _ in 1..WORKSPACES_PER_OWNER {
        team_of(store, ann).await;
    }
    let refused = store.create_workspace(&new_team(ann, "One more"), &by(5)).await;
    assert_conflict(refused, Conflict::TooManyWorkspaces);
    let nobody = Person { id: UserId::generate(), ..ann };
    let refused = store.create_workspace(&new_team(nobody, "Nobody's"), &by(5)).await;
    assert_conflict(refused, Conflict::UnknownUser);
}

pub(super) async fn a_role_in_the_workspace_is_one_on_all_its_flows(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let team = team_of(store, ann).await;
    let flow = flow_of(store, Person { workspace: team, ..ann }).await;
    let role = async || store.flow_access(flow, ben.id).await.expect("it reads").map(|access| access.role);
    assert_eq!(role().await, None);
    assert!(join(store, team, ben, Some(Role::Editor)).await);
    assert_eq!(role().await, Some(Role::Editor));
    assert!(join(store, team, ben, Some(Role::Viewer)).await);
    set_role(store, flow, ben.id, Some(Role::Commenter)).await;
    assert_eq!(role().await, Some(Role::Commenter), "the greater counts");
    assert!(join(store, team, ben, None).await);
    assert_eq!(role().await, None, "whoever is removed keeps nothing in the workspace");
    set_role(store, flow, ben.id, Some(Role::Commenter)).await;
    assert_eq!(role().await, Some(Role::Commenter), "who was never a member has a role of their own");
}

pub(super) async fn whoever_becomes_less_keeps_nothing_beyond_it(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let team = team_of(store, ann).await;
    assert!(join(store, team, ben, Some(Role::Owner)).await);
    let bens = flow_of(store, Person { workspace: team, ..ben }).await;
    let elsewhere = flow_of(store, ben).await;
    store.create_invitation(&new_invitation(ben, team, 1), &by(9)).await.expect("it is stored");
    store.create_invitation(&new_invitation(ann, team, 2), &by(9)).await.expect("it is stored");
    for (flow, hash) in [(bens, 1), (elsewhere, 2)] {
        let link = NewLink {
            id: LinkId::generate(),
            flow,
            hash: [hash; 32],
            role: LinkRole::Editor,
            created_by: ben.id,
            expires_at: None,
        };
        store.create_link(&link, &by(9)).await.expect("it is stored");
    }
    let role = async || store.flow_access(bens, ben.id).await.expect("it reads").map(|access| access.role);
    let lives = async |hash| store.live_link(&[hash; 32], at(10)).await.expect("it reads").is_some();

    assert!(join(store, team, ben, Some(Role::Viewer)).await);
    assert_eq!(role().await, Some(Role::Viewer), "he made it, and it is the workspace's");
    assert_eq!(store.live_invitation(&[1; 32], at(10)).await.expect("it reads"), None);
    assert!(store.live_invitation(&[2; 32], at(10)).await.expect("it reads").is_some());
    assert!(lives(1).await, "a viewer's link is the owners' to revoke");
    assert!(join(store, team, ben, None).await);
    assert_eq!(role().await, None);
    assert!(!lives(1).await && lives(2).await);
    let own = store.flow_access(elsewhere, ben.id).await.expect("it reads").map(|access| access.role);
    assert_eq!(own, Some(Role::Owner));
    set_role(store, bens, ben.id, Some(Role::Owner)).await;
    set_role(store, elsewhere, ann.id, Some(Role::Owner)).await;
    set_role(store, elsewhere, ben.id, None).await;
    assert!(!lives(2).await, "a flow that one is removed from keeps no link of one's own");
}

pub(super) async fn every_change_of_a_workspaces_members_raises_its_flows_revisions(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let team = team_of(store, ann).await;
    let flow = flow_of(store, Person { workspace: team, ..ann }).await;
    let other = flow_of(store, ann).await;
    let (mut last, others) = (revision(store, flow).await, revision(store, other).await);
    for role in [Some(Role::Viewer), Some(Role::Owner), None] {
        assert!(join(store, team, ben, role).await);
        let now = revision(store, flow).await;
        assert!(now > last, "{role:?}");
        let access = store.flow_access(flow, ann.id).await.expect("it reads").expect("she owns it");
        assert_eq!(access.access_rev, now, "both ways of reading it agree");
        last = now;
    }
    assert!(!join(store, team, ben, None).await, "nothing changes");
    assert_eq!(revision(store, flow).await, last);
    assert_eq!(revision(store, other).await, others);
}

pub(super) async fn a_workspace_keeps_an_owner(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let team = team_of(store, ann).await;
    for role in [None, Some(Role::Editor)] {
        assert_conflict(try_join(store, team, ann, role).await, Conflict::LastOwner);
    }
    assert!(join(store, team, ben, Some(Role::Owner)).await);
    assert!(join(store, team, ann, None).await);
    assert_eq!(store.workspace_members(team).await.expect("it reads").len(), 1);
    let nobody = Person { id: UserId::generate(), ..ann };
    assert_conflict(try_join(store, team, nobody, Some(Role::Viewer)).await, Conflict::UnknownUser);
    let nowhere = try_join(store, WorkspaceId::generate(), ann, Some(Role::Viewer)).await;
    assert_conflict(nowhere, Conflict::UnknownWorkspace);
}

pub(super) async fn a_personal_workspace_stays_its_accounts(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    assert!(join(store, ann.workspace, ben, Some(Role::Owner)).await);
    for role in [None, Some(Role::Viewer)] {
        assert_conflict(try_join(store, ann.workspace, ann, role).await, Conflict::PersonalWorkspace);
    }
    let handed = store.transfer_workspace(ann.workspace, ann.id, ben.id, &by(9)).await;
    assert_conflict(handed, Conflict::PersonalWorkspace);
    assert!(join(store, ann.workspace, ben, None).await, "others come and go");
}

pub(super) async fn a_workspace_is_handed_over(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let team = team_of(store, ann).await;
    let flow = flow_of(store, Person { workspace: team, ..ann }).await;
    assert!(join(store, team, ben, Some(Role::Viewer)).await);
    let before = revision(store, flow).await;
    let hand = async |from: Person, to: Person| {
        store.transfer_workspace(team, from.id, to.id, &by(9)).await.expect("it answers")
    };
    assert!(!hand(ann, eve).await, "she is no member");
    assert!(!hand(ben, ann).await, "it is not his");
    assert!(!hand(ann, ann).await);
    assert_eq!(revision(store, flow).await, before);
    assert!(hand(ann, ben).await);
    assert!(revision(store, flow).await > before);
    let role = async |person: Person| store.workspace(team, person.id).await.expect("it reads");
    assert_eq!(role(ann).await.map(|seen| seen.role), Some(Role::Editor));
    assert_eq!(role(ben).await.map(|seen| seen.role), Some(Role::Owner));
}

pub(super) async fn a_workspace_has_so_many_members(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let team = team_of(store, ann).await;
    let quotas = Quotas { members: Some(2), ..Quotas::UNBOUNDED };
    let (ben, eve) = (person(store, "ben").await, person(store, "eve").await);
    let change = |person: Person, role| WorkspaceMemberChange { workspace: team, user: person.id, role };
    let put = async |change| store.change_workspace_member(change, &quotas, &by(9)).await;
    assert!(put(change(ben, Some(Role::Viewer))).await.expect("there is room"));
    assert_conflict(put(change(eve, Some(Role::Viewer))).await, Conflict::QuotaReached(Quota::Members));
    assert!(put(change(ben, Some(Role::Editor))).await.expect("he is there already"));
    let invitation = new_invitation(ann, team, 1);
    store.create_invitation(&invitation, &by(9)).await.expect("it is stored");
    let refused = store.accept_invitation(&invitation.hash, eve.id, &quotas, &by(10)).await;
    assert_conflict(refused, Conflict::QuotaReached(Quota::Members));
    assert_eq!(store.invitations(team).await.expect("it reads")[0].uses, 0);
}

pub(super) async fn a_workspace_has_so_many_flows(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let quotas = Quotas { flows: Some(2), ..Quotas::UNBOUNDED };
    let create = async || {
        let flow = new_flow(ann);
        store.create_flow(&flow, &quotas, &by(9)).await.map(|()| flow.id)
    };
    let full = Conflict::QuotaReached(Quota::Flows);
    let first = create().await.expect("there is room");
    create().await.expect("there is room");
    assert_conflict(create().await, full);
    store.delete_flow(first, &by(20)).await.expect("it is deleted");
    create().await.expect("there is room again");
    assert_conflict(store.restore_flow(first, ann.id, at(0), &quotas, &by(21)).await, full);
    let bens = flow_of(store, ben).await;
    assert_conflict(store.move_flow(bens, ann.workspace, &quotas, &by(22)).await, full);
    assert_eq!(store.flow(bens, ben.id).await.expect("it reads").expect("it stays").workspace, ben.workspace);
}

pub(super) async fn flows_made_at_once_do_not_pass_the_quota(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        let quotas = Quotas { flows: Some(3), ..Quotas::UNBOUNDED };
        tasks.spawn(async move { store.create_flow(&new_flow(ann), &quotas, &by(9)).await.is_ok() });
    }
    let created = tasks.join_all().await.into_iter().filter(|created| *created).count();
    assert_eq!(created, 3);
}

pub(super) async fn usage_counts_what_the_workspace_has(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let usage =
        async || store.workspace_usage(ann.workspace).await.expect("it reads").expect("it is there").0;
    assert_eq!(usage().await, WorkspaceUsage { flows: 0, members: 1, storage_bytes: 0 });
    let flow = flow_of(store, ann).await;
    flow_of(store, ben).await;
    append(store, &batch(flow, &["12345", "67"])).await;
    store.create_version(&version(flow, "content"), &by(30)).await.expect("it is kept");
    assert!(join(store, ann.workspace, ben, Some(Role::Viewer)).await);
    assert_eq!(usage().await, WorkspaceUsage { flows: 1, members: 2, storage_bytes: 14 });
    store.delete_flow(flow, &by(40)).await.expect("it is deleted");
    assert_eq!(usage().await, WorkspaceUsage { flows: 0, members: 2, storage_bytes: 14 });
    assert_eq!(store.workspace_usage(WorkspaceId::generate()).await.expect("it reads"), None);
}

pub(super) async fn own_quotas_go_before_the_others(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let quotas = Quotas { flows: Some(1), ..Quotas::UNBOUNDED };
    let create = async || store.create_flow(&new_flow(ann), &quotas, &by(9)).await;
    create().await.expect("there is room");
    assert_conflict(create().await, Conflict::QuotaReached(Quota::Flows));
    let own = OwnQuotas { flows: Some(2), storage_bytes: Some(0), ..OwnQuotas::default() };
    assert!(store.set_quotas(ann.workspace, &own, &by(10)).await.expect("they are set"));
    let read = store.workspace_usage(ann.workspace).await.expect("it reads").expect("it is there").1;
    assert_eq!(read, own);
    create().await.expect("there is room");
    assert_conflict(create().await, Conflict::QuotaReached(Quota::Flows));
    let any = OwnQuotas { flows: Some(0), ..own };
    assert!(store.set_quotas(ann.workspace, &any, &by(11)).await.expect("they are set"));
    create().await.expect("0 is any number");
    assert!(!store.set_quotas(WorkspaceId::generate(), &own, &by(12)).await.expect("it answers"));
}

pub(super) async fn a_moved_flow_is_the_other_workspaces(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (from, to) = (team_of(store, ann).await, team_of(store, ann).await);
    let flow = flow_of(store, Person { workspace: from, ..ann }).await;
    // The revision of the workspace that it leaves must not be missed in the sum.
    for role in [Some(Role::Viewer), Some(Role::Editor), Some(Role::Commenter)] {
        assert!(join(store, from, ben, role).await);
    }
    let before = revision(store, flow).await;
    let mv = async |to| store.move_flow(flow, to, &Quotas::UNBOUNDED, &by(20)).await;
    assert!(!mv(from).await.expect("it is there already"));
    assert!(mv(to).await.expect("it is moved"));
    assert!(revision(store, flow).await > before);
    assert!(store.flow_access(flow, ben.id).await.expect("it reads").is_none());
    assert_eq!(store.flow(flow, ann.id).await.expect("it reads").expect("it is hers").workspace, to);
    let there = revision(store, flow).await;
    assert!(mv(from).await.expect("it is moved back"));
    assert!(revision(store, flow).await > there);
    assert_conflict(mv(WorkspaceId::generate()).await, Conflict::UnknownWorkspace);
    let unknown = store.move_flow(FlowId::generate(), to, &Quotas::UNBOUNDED, &by(20)).await;
    assert!(matches!(unknown, Err(StoreError::UnknownFlow(_))), "{unknown:?}");
}

pub(super) async fn an_invitation_makes_members_until_it_ends(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben, eve) =
        (person(store, "ann").await, person(store, "ben").await, person(store, "eve").await);
    let team = team_of(store, ann).await;
    let flow = flow_of(store, Person { workspace: team, ..ann }).await;
    let invitation = new_invitation(ann, team, 1);
    store.create_invitation(&invitation, &by(9)).await.expect("it is stored");
    let record = InvitationRecord {
        id: invitation.id,
        workspace: team,
        workspace_name: "Team".to_owned(),
        role: Role::Editor,
        created_by: ann.id,
        created_at: at(9),
        expires_at: at(50),
        uses: 0,
        uses_max: None,
    };
    assert_eq!(store.live_invitation(&[1; 32], at(49)).await.expect("it reads"), Some(record.clone()));
    assert_eq!(store.live_invitation(&[1; 32], at(50)).await.expect("it reads"), None);
    assert_eq!(store.live_invitation(&[2; 32], at(10)).await.expect("it reads"), None);

    let before = revision(store, flow).await;
    assert_eq!(accept(store, 1, ben, 10).await, Some(team));
    assert!(revision(store, flow).await > before);
    assert_eq!(
        store.workspace(team, ben.id).await.expect("it reads").map(|seen| seen.role),
        Some(Role::Editor)
    );
    assert_eq!(store.invitations(team).await.expect("it reads"), [InvitationRecord { uses: 1, ..record }]);
    assert_eq!(accept(store, 1, eve, 50).await, None, "it has expired");
    assert!(!store.revoke_invitation(ann.workspace, invitation.id, &by(20)).await.expect("it answers"));
    assert!(store.revoke_invitation(team, invitation.id, &by(20)).await.expect("it is revoked"));
    assert!(!store.revoke_invitation(team, invitation.id, &by(20)).await.expect("only once"));
    assert_eq!(accept(store, 1, eve, 21).await, None);
    assert_eq!(store.workspace(team, eve.id).await.expect("it reads"), None);
    let nobody = Person { id: UserId::generate(), ..ann };
    store.create_invitation(&new_invitation(ann, team, 3), &by(9)).await.expect("it is stored");
    let refused = store.accept_invitation(&[3; 32], nobody.id, &Quotas::UNBOUNDED, &by(10)).await;
    assert_conflict(refused, Conflict::UnknownUser);
}

pub(super) async fn an_invitation_takes_nobody_down(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let team = team_of(store, ann).await;
    assert!(join(store, team, ben, Some(Role::Viewer)).await);
    store.create_invitation(&new_invitation(ann, team, 1), &by(9)).await.expect("it is stored");
    assert_eq!(accept(store, 1, ann, 10).await, Some(team));
    assert_eq!(store.invitations(team).await.expect("it reads")[0].uses, 0);
    assert_eq!(
        store.workspace(team, ann.id).await.expect("it reads").map(|seen| seen.role),
        Some(Role::Owner)
    );
    assert_eq!(accept(store, 1, ben, 10).await, Some(team), "it makes more of him");
    assert_eq!(
        store.workspace(team, ben.id).await.expect("it reads").map(|seen| seen.role),
        Some(Role::Editor)
    );
}

pub(super) async fn an_invitation_is_good_for_so_many(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let team = team_of(&*store, ann).await;
    let invitation = NewInvitation { uses_max: Some(2), ..new_invitation(ann, team, 1) };
    store.create_invitation(&invitation, &by(9)).await.expect("it is stored");
    let mut tasks = JoinSet::new();
    for number in 0..6 {
        let guest = person(&*store, &format!("guest-{number}")).await;
        let store = Arc::clone(&store);
        tasks.spawn(async move { accept(&*store, 1, guest, 10).await.is_some() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|joined| *joined).count(), 2);
    assert_eq!(store.workspace_members(team).await.expect("it reads").len(), 3);
    assert_eq!(store.live_invitation(&[1; 32], at(10)).await.expect("it reads"), None);
}

pub(super) async fn a_workspace_has_so_many_invitations(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let team = team_of(store, ann).await;
    for number in 0..INVITATIONS_PER_WORKSPACE {
        let number = u8::try_from(number).expect("there are fewer than 256");
        store.create_invitation(&new_invitation(ann, team, number), &by(9)).await.expect("it is stored");
    }
    let refused = store.create_invitation(&new_invitation(ann, team, 200), &by(9)).await;
    assert_conflict(refused, Conflict::TooManyInvitations);
    let nowhere = store.create_invitation(&new_invitation(ann, WorkspaceId::generate(), 201), &by(9)).await;
    assert_conflict(nowhere, Conflict::UnknownWorkspace);
}

pub(super) async fn workspaces_are_listed_page_by_page(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let mut made = vec![(ann.workspace, "ann".to_owned())];
    for _ in 0..4 {
        made.push((team_of(store, ann).await, "Team".to_owned()));
    }
    made.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = store.all_workspaces(after, 2).await.expect("it reads");
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        listed.extend(page);
    }
    assert_eq!(listed, made);
}

async fn team_of(store: &dyn Store, owner: Person) -> WorkspaceId {
    team_named(store, owner, "Team").await
}

async fn team_named(store: &dyn Store, owner: Person, name: &str) -> WorkspaceId {
    let team = new_team(owner, name);
    store.create_workspace(&team, &by(5)).await.expect("it is created");
    team.id
}

fn new_team(owner: Person, name: &str) -> NewWorkspace {
    NewWorkspace { id: WorkspaceId::generate(), name: name.to_owned(), owner: owner.id }
}

async fn try_join(
    store: &dyn Store,
    workspace: WorkspaceId,
    person: Person,
    role: Option<Role>,
) -> Result<bool, StoreError> {
    let change = WorkspaceMemberChange { workspace, user: person.id, role };
    store.change_workspace_member(change, &Quotas::UNBOUNDED, &by(8)).await
}

async fn join(store: &dyn Store, workspace: WorkspaceId, person: Person, role: Option<Role>) -> bool {
    try_join(store, workspace, person, role).await.expect("the change is allowed")
}

fn new_invitation(by: Person, workspace: WorkspaceId, hash: u8) -> NewInvitation {
    NewInvitation {
        id: InvitationId::generate(),
        workspace,
        hash: [hash; 32],
        role: Role::Editor,
        created_by: by.id,
        expires_at: at(50),
        uses_max: None,
    }
}

async fn accept(store: &dyn Store, hash: u8, person: Person, second: i64) -> Option<WorkspaceId> {
    let accepted = store.accept_invitation(&[hash; 32], person.id, &Quotas::UNBOUNDED, &by(second)).await;
    accepted.expect("the store answers")
}

async fn revision(store: &dyn Store, flow: FlowId) -> u64 {
    let revisions = store.revisions(&[flow], &[], at(0)).await.expect("it reads");
    revisions.flows[0].access_rev
}

fn version(flow: FlowId, content: &str) -> NewVersion {
    NewVersion {
        flow,
        name: "First".to_owned(),
        description: String::new(),
        cause: VersionCause::Named,
        seq: Seq::ZERO,
        content_hash: "00".to_owned(),
        content: super::fixture::bytes(content),
        author: None.into(),
        created_at: at(10),
    }
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: Conflict) {
    match result {
        Err(StoreError::Conflict(conflict)) => assert_eq!(conflict, expected),
        other => panic!("expected {expected:?}: {other:?}"),
    }
}
