use std::collections::BTreeSet;

use flow_base::{FlowId, Role, Seq, UserId, WorkspaceId};

use super::Harness;
use super::fixture::{
    Person, at, by, bytes, flow_of, log, new_flow, person, projection, set_role, some_flow,
};
use crate::{
    Conflict, FlowFilter, FlowOrder, FlowQuery, MemberChange, NewVersion, PageStart, Quotas, SearchWords,
    Store, StoreError, VersionCause,
};

pub(super) async fn a_created_flow_is_there_with_its_first_updates(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let mut new = new_flow(ann);
    new.updates = vec![bytes("meta"), bytes("nodes")];
    store.create_flow(&new, &Quotas::UNBOUNDED, &by(0)).await.expect("it is created");

    assert_eq!(log(store, new.id).await, [(1, "meta".to_owned()), (2, "nodes".to_owned())]);
    let flow = store.flow(new.id, ann.id).await.expect("it reads").expect("it is there");
    assert_eq!((flow.id, flow.workspace, flow.role), (new.id, ann.workspace, Role::Owner));
    assert_eq!((flow.name, flow.description, flow.tags), (new.name, new.description, new.tags));
    assert_eq!((flow.created_at, flow.updated_at, flow.projected_seq), (at(10), at(10), Seq(2)));
}

pub(super) async fn a_taken_id_changes_nothing(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let mut first = new_flow(ann);
    first.updates = vec![bytes("first")];
    store.create_flow(&first, &Quotas::UNBOUNDED, &by(0)).await.expect("it is created");
    let before = store.flow(first.id, ann.id).await.expect("it reads");

    let mut second = new_flow(ben);
    second.id = first.id;
    second.name = "Mine now".to_owned();
    second.updates = vec![bytes("second"), bytes("third")];
    let refused = store.create_flow(&second, &Quotas::UNBOUNDED, &by(0)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::FlowExists))), "{refused:?}");
    assert_eq!(store.flow(first.id, ann.id).await.expect("it reads"), before);
    assert_eq!(store.flow(first.id, ben.id).await.expect("it reads"), None);
    assert_eq!(log(store, first.id).await, [(1, "first".to_owned())]);
}

pub(super) async fn a_flow_needs_an_owner_and_a_workspace_that_exist(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let strangers = new_flow(Person { id: UserId::generate(), ..ann });
    let refused = store.create_flow(&strangers, &Quotas::UNBOUNDED, &by(0)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
    let nowhere = new_flow(Person { workspace: WorkspaceId::generate(), ..ann });
    let refused = store.create_flow(&nowhere, &Quotas::UNBOUNDED, &by(0)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownWorkspace))), "{refused:?}");
    for flow in [strangers.id, nowhere.id] {
        assert_eq!(store.load(flow).await.expect("it reads"), None, "nothing is left of the attempt");
    }
}

pub(super) async fn each_role_sees_the_flow_as_what_it_is(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = flow_of(store, person(store, "owner").await).await;
    for role in [Role::Owner, Role::Editor, Role::Commenter, Role::Viewer] {
        let member = person(store, role.as_str().to_uppercase().as_str()).await;
        assert!(set_role(store, flow, member.id, Some(role)).await);
        assert_eq!(seen_as(store, flow, member).await, Some(role));
    }
    let stranger = person(store, "stranger").await;
    assert_eq!(seen_as(store, flow, stranger).await, None);
    let seen = store.flow_as(flow, Role::Commenter).await.expect("it reads").expect("it is there");
    assert_eq!((seen.id, seen.role), (flow, Role::Commenter));
    store.delete_flow(flow, &by(50)).await.expect("it is deleted");
    assert_eq!(store.flow_as(flow, Role::Owner).await.expect("it reads"), None);
}

pub(super) async fn a_workspaces_owner_owns_its_flows(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    // In Ann's workspace, owned by Ben.
    let flow = flow_of(store, Person { id: ben.id, workspace: ann.workspace }).await;
    assert_eq!(seen_as(store, flow, ann).await, Some(Role::Owner));
    set_role(store, flow, ann.id, Some(Role::Viewer)).await;
    assert_eq!(seen_as(store, flow, ann).await, Some(Role::Owner), "the greater of the two counts");
    set_role(store, flow, ann.id, None).await;
    assert_eq!(seen_as(store, flow, ann).await, Some(Role::Owner));
    assert_eq!(store.flow_members(flow).await.expect("it reads").len(), 1);
}

pub(super) async fn a_stranger_learns_nothing_by_any_method(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (hers, his) = (flow_of(store, ann).await, flow_of(store, ben).await);
    assert_eq!(seen_as(store, hers, ben).await, None);
    assert_eq!(seen_as(store, his, ann).await, None);
    assert_eq!(seen_as(store, his, ben).await, Some(Role::Owner));

    set_role(store, hers, ben.id, Some(Role::Editor)).await;
    assert_eq!(listed(store, ben.id, 10).await, BTreeSet::from([hers, his]));
    set_role(store, hers, ben.id, None).await;
    assert_eq!(seen_as(store, hers, ben).await, None);
    assert_eq!(listed(store, UserId::generate(), 10).await, BTreeSet::new());
}

pub(super) async fn every_change_of_access_raises_the_revision(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let ben = person(store, "ben").await;
    let flow = flow_of(store, ann).await;
    let mut last = revision(store, flow).await;
    for role in [Some(Role::Viewer), Some(Role::Editor), None, Some(Role::Owner)] {
        assert!(set_role(store, flow, ben.id, role).await);
        let now = revision(store, flow).await;
        assert!(now > last, "{role:?}");
        let access = store.flow_access(flow, ann.id).await.expect("it reads").expect("she owns it");
        assert_eq!(access.access_rev, now, "both ways of reading it agree");
        last = now;
    }
    assert!(store.delete_flow(flow, &by(50)).await.expect("it is deleted"));
    assert!(revision(store, flow).await > last);
}

pub(super) async fn a_change_that_changes_nothing_raises_nothing(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    let before = revision(store, flow).await;
    assert!(!set_role(store, flow, ann.id, Some(Role::Owner)).await);
    assert!(!set_role(store, flow, ben.id, None).await);
    assert_eq!(revision(store, flow).await, before);
}

pub(super) async fn the_last_owner_stays(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    set_role(store, flow, ben.id, Some(Role::Editor)).await;
    let before = revision(store, flow).await;
    for role in [None, Some(Role::Editor), Some(Role::Viewer)] {
        let refused = store.change_member(MemberChange { flow, user: ann.id, role }, &by(30)).await;
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::LastOwner))), "{role:?}: {refused:?}");
    }
    assert_eq!(revision(store, flow).await, before);
    set_role(store, flow, ben.id, Some(Role::Owner)).await;
    assert!(set_role(store, flow, ann.id, None).await, "with a second owner the first may go");
    let members = store.flow_members(flow).await.expect("it reads");
    assert_eq!(members.iter().map(|member| member.user).collect::<Vec<_>>(), [ben.id]);
}

pub(super) async fn a_member_needs_an_account(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let before = revision(store, flow).await;
    let nobody = MemberChange { flow, user: UserId::generate(), role: Some(Role::Viewer) };
    let refused = store.change_member(nobody, &by(30)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
    assert_eq!(revision(store, flow).await, before);
    let elsewhere = MemberChange { flow: FlowId::generate(), ..nobody };
    let refused = store.change_member(elsewhere, &by(30)).await;
    assert!(matches!(refused, Err(StoreError::UnknownFlow(_))), "{refused:?}");
}

pub(super) async fn a_deleted_flow_is_gone_for_everybody(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    set_role(store, flow, ben.id, Some(Role::Editor)).await;
    assert!(store.delete_flow(flow, &by(50)).await.expect("it is deleted"));
    assert!(!store.delete_flow(flow, &by(51)).await.expect("the store answers"), "only once");
    assert!(!store.delete_flow(FlowId::generate(), &by(51)).await.expect("the store answers"));

    for person in [ann, ben] {
        assert_eq!(seen_as(store, flow, person).await, None);
    }
    assert_eq!(store.flow_members(flow).await.expect("it reads"), []);
    let change = MemberChange { flow, user: ben.id, role: Some(Role::Owner) };
    let refused = store.change_member(change, &by(52)).await;
    assert!(matches!(refused, Err(StoreError::UnknownFlow(_))), "{refused:?}");
    assert!(store.project(flow, &projection("Late", 1, 53)).await.expect("a closing room may still write"));
}

pub(super) async fn members_come_owners_first_then_by_name(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = flow_of(store, person(store, "zoe").await).await;
    for (name, role) in [("cem", Role::Viewer), ("ann", Role::Editor), ("ben", Role::Owner)] {
        set_role(store, flow, person(store, name).await.id, Some(role)).await;
    }
    let members = store.flow_members(flow).await.expect("it reads");
    let told: Vec<_> = members.iter().map(|member| (member.name.as_str(), member.role)).collect();
    assert_eq!(
        told,
        [("ben", Role::Owner), ("zoe", Role::Owner), ("ann", Role::Editor), ("cem", Role::Viewer)]
    );
    assert_eq!(members[0].email, "ben@example.org");
    assert_eq!(store.flow_members(FlowId::generate()).await.expect("it reads"), []);
}

pub(super) async fn pages_are_complete_and_without_doubles(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let mut expected = BTreeSet::new();
    // Seven of the same moment, so that only the id tells them apart.
    for n in 0..7 {
        expected.insert(flow_of(store, ann).await);
        let shared = flow_of(store, ben).await;
        if n < 3 {
            set_role(store, shared, ann.id, Some(Role::Viewer)).await;
            expected.insert(shared);
        }
    }
    for limit in [1, 2, 3, 100] {
        assert_eq!(listed(store, ann.id, limit).await, expected, "limit {limit}");
    }
}

pub(super) async fn a_page_of_the_exact_size_is_the_last(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    for _ in 0..3 {
        flow_of(store, ann).await;
    }
    let page = store.flows(&all(ann, 3)).await.expect("it reads");
    assert_eq!((page.flows.len(), page.next), (3, None));
    let page = store.flows(&all(ann, 2)).await.expect("it reads");
    assert_eq!(page.next.map(|next| next.id), page.flows.last().map(|flow| flow.id));
}

pub(super) async fn lists_show_the_newest_projection_first(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (one, two) = (flow_of(store, ann).await, flow_of(store, ann).await);
    store.project(one, &projection("Later", 1, 60)).await.expect("it is written");
    let page = store.flows(&all(ann, 10)).await.expect("it reads");
    let told: Vec<_> = page.flows.iter().map(|flow| (flow.id, flow.name.as_str(), flow.updated_at)).collect();
    assert_eq!(told, [(one, "Later", at(60)), (two, "Support", at(10))]);
}

pub(super) async fn a_projection_never_goes_back(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    assert!(store.project(flow, &projection("Fifth", 5, 60)).await.expect("it is written"));
    assert!(!store.project(flow, &projection("Fourth", 4, 61)).await.expect("the store answers"));
    let record = store.flow(flow, ann.id).await.expect("it reads").expect("it is there");
    assert_eq!((record.name.as_str(), record.projected_seq, record.updated_at), ("Fifth", Seq(5), at(60)));
    assert_eq!((record.description.as_str(), record.tags), ("Fifth, described", vec!["fifth".to_owned()]));
    assert_eq!(record.created_at, at(10));
    assert!(store.project(flow, &projection("Again", 5, 62)).await.expect("it is written"));
    let unknown = store.project(FlowId::generate(), &projection("Lost", 1, 60)).await;
    assert!(matches!(unknown, Err(StoreError::UnknownFlow(_))), "{unknown:?}");
}

/// The role under which the person sees the flow, asked in all three ways,
/// which must agree.
async fn seen_as(store: &dyn Store, flow: FlowId, person: Person) -> Option<Role> {
    let record = store.flow(flow, person.id).await.expect("it reads").map(|record| record.role);
    let access = store.flow_access(flow, person.id).await.expect("it reads").map(|access| access.role);
    let page = store.flows(&all(person, 100)).await.expect("it reads");
    let listed = page.flows.iter().find(|listed| listed.id == flow).map(|listed| listed.role);
    assert_eq!((record, record), (access, listed), "flow, flow_access and flows agree");
    record
}

pub(super) fn all(person: Person, limit: u32) -> FlowQuery {
    FlowQuery {
        user: person.id,
        filter: FlowFilter::default(),
        order: FlowOrder::default(),
        start: PageStart::default(),
        limit,
    }
}

/// All flows of the user's list, read in pages of `limit`, none of them twice.
async fn listed(store: &dyn Store, user: UserId, limit: u32) -> BTreeSet<FlowId> {
    let mut query = FlowQuery {
        user,
        filter: FlowFilter::default(),
        order: FlowOrder::default(),
        start: PageStart::default(),
        limit,
    };
    let mut seen = BTreeSet::new();
    loop {
        let page = store.flows(&query).await.expect("it reads");
        assert!(page.flows.len() <= usize::try_from(limit).expect("a small number"));
        for flow in page.flows {
            assert!(seen.insert(flow.id), "{:?} is listed twice", flow.id);
        }
        let Some(next) = page.next else { return seen };
        query.start = PageStart::After(next);
    }
}

async fn revision(store: &dyn Store, flow: FlowId) -> u64 {
    let revisions = store.revisions(&[flow], &[], at(0)).await.expect("it reads");
    revisions.flows[0].access_rev
}

pub(super) async fn a_deleted_flow_is_restored_by_its_owner_while_there_is_time(harness: &dyn Harness) {
    let store = harness.store();
    let (ann, ben) = (person(&*store, "ann").await, person(&*store, "ben").await);
    let flow = flow_of(&*store, ann).await;
    set_role(&*store, flow, ben.id, Some(Role::Editor)).await;
    let restore = async |user, after| {
        store.restore_flow(flow, user, at(after), &Quotas::UNBOUNDED, &by(after)).await.expect("it reads")
    };
    assert!(!restore(ann.id, 0).await, "it is not deleted");
    let before = store.flow_access(flow, ann.id).await.expect("it reads").expect("hers").access_rev;
    store.delete_flow(flow, &by(50)).await.expect("it is there");
    assert!(!restore(ben.id, 0).await, "he does not own it");
    assert!(!restore(ann.id, 50).await, "it is too late");
    assert!(restore(ann.id, 49).await);
    assert!(!restore(ann.id, 49).await, "once is enough");
    let access = store.flow_access(flow, ann.id).await.expect("it reads").expect("hers again");
    assert_eq!((access.role, access.access_rev), (Role::Owner, before + 2));
    assert_eq!(store.flow(flow, ben.id).await.expect("it reads").map(|flow| flow.role), Some(Role::Editor));
    assert!(
        !store
            .restore_flow(FlowId::generate(), ann.id, at(0), &Quotas::UNBOUNDED, &by(0))
            .await
            .expect("it reads")
    );
}

pub(super) async fn deleted_flows_are_listed_for_their_owners_last_deleted_first(harness: &dyn Harness) {
    let store = harness.store();
    let (ann, ben) = (person(&*store, "ann").await, person(&*store, "ben").await);
    let mut flows = Vec::new();
    for second in [60, 62, 61] {
        let flow = flow_of(&*store, ann).await;
        set_role(&*store, flow, ben.id, Some(Role::Editor)).await;
        store.delete_flow(flow, &by(second)).await.expect("it is there");
        flows.push(flow);
    }
    flow_of(&*store, ann).await;
    let list = async |user, after, limit| {
        let listed = store.deleted_flows(user, at(after), limit).await.expect("it reads");
        listed.into_iter().map(|flow| (flow.id, flow.deleted_at)).collect::<Vec<_>>()
    };
    assert_eq!(list(ann.id, 60, 10).await, [(flows[1], at(62)), (flows[2], at(61))]);
    assert_eq!(list(ann.id, 0, 1).await, [(flows[1], at(62))]);
    assert_eq!(list(ben.id, 0, 10).await, []);
}

/// The names of the flows that a filter lets through.
async fn filtered(store: &dyn Store, person: Person, filter: FlowFilter) -> Vec<String> {
    let query = FlowQuery { filter, ..all(person, 100) };
    let page = store.flows(&query).await.expect("it reads");
    let mut names: Vec<_> = page.flows.into_iter().map(|flow| flow.name).collect();
    names.sort();
    names
}

fn search(text: &str) -> FlowFilter {
    FlowFilter { search: SearchWords::of(text), ..FlowFilter::default() }
}

pub(super) async fn flows_are_found_by_the_beginnings_of_their_words(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    for (name, description, tag) in [
        ("Support bot", "Answers questions about GRÖßE", "help-desk"),
        ("Supper", "it's 100% \"quoted\" & or* not (x)", "food"),
        ("Order tracker", "", "desk"),
    ] {
        let new = crate::NewFlow {
            name: name.to_owned(),
            description: description.to_owned(),
            tags: vec![tag.to_owned()],
            ..new_flow(ann)
        };
        store.create_flow(&new, &Quotas::UNBOUNDED, &by(0)).await.expect("it is created");
    }
    for (text, found) in [
        ("supp", vec!["Supper", "Support bot"]),
        ("SUPPORT b", vec!["Support bot"]),
        ("bot quest", vec!["Support bot"]),
        ("port", vec![]),
        ("größe", vec!["Support bot"]),
        ("gross", vec![]),
        ("desk", vec!["Order tracker", "Support bot"]),
        ("help-desk", vec!["Support bot"]),
        ("or", vec!["Order tracker", "Supper"]),
        ("100 quoted x", vec!["Supper"]),
        ("supper tracker", vec![]),
        ("'; --", vec!["Order tracker", "Supper", "Support bot"]),
    ] {
        assert_eq!(filtered(store, ann, search(text)).await, found, "{text}");
    }
    assert_eq!(filtered(store, ben, search("supp")).await, Vec::<String>::new(), "they are not his");

    let flow = flow_of(store, ann).await;
    store.project(flow, &projection("Renamed", 5, 50)).await.expect("it is written");
    assert_eq!(filtered(store, ann, search("renam")).await, ["Renamed"]);
    assert_eq!(filtered(store, ann, search("answers")).await, ["Support bot"], "not as it was");
}

pub(super) async fn flows_are_listed_by_tag_and_by_whether_they_run(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let mut flows = Vec::new();
    for (name, tags) in [("one", vec!["a", "b"]), ("two", vec!["b"]), ("three", vec!["ab"])] {
        let tags = tags.into_iter().map(str::to_owned).collect();
        let new = crate::NewFlow { name: name.to_owned(), tags, ..new_flow(ann) };
        store.create_flow(&new, &Quotas::UNBOUNDED, &by(0)).await.expect("it is created");
        flows.push(new.id);
    }
    let version = NewVersion {
        flow: flows[1],
        name: String::new(),
        description: String::new(),
        cause: VersionCause::Activation,
        seq: Seq::ZERO,
        content_hash: String::new(),
        content: bytes("content"),
        author: flow_base::ActorId::Server,
        created_at: at(20),
    };
    store.create_version(&version, &by(40)).await.expect("it is kept");
    let tagged = |tag: &str| FlowFilter { tag: Some(tag.to_owned()), ..FlowFilter::default() };
    assert_eq!(filtered(store, ann, tagged("a")).await, ["one"]);
    assert_eq!(filtered(store, ann, tagged("b")).await, ["one", "two"]);
    assert_eq!(filtered(store, ann, tagged("c")).await, Vec::<String>::new());
    let running = |active| FlowFilter { active: Some(active), ..FlowFilter::default() };
    assert_eq!(filtered(store, ann, running(true)).await, ["two"]);
    assert_eq!(filtered(store, ann, running(false)).await, ["one", "three"]);
    let all = FlowFilter {
        search: SearchWords::of("two"),
        tag: Some("b".to_owned()),
        active: Some(true),
        ..FlowFilter::default()
    };
    assert_eq!(filtered(store, ann, all).await, ["two"]);
}
