use std::collections::BTreeSet;

use flow_base::{FlowId, Role, UserId};

use super::Harness;
use super::fixture::{Person, at, by, flow_of, new_flow, person, projection, set_role};
use super::flows::all;
use crate::{FlowFilter, FlowOrder, FlowQuery, FlowSort, PageStart, Quotas, SearchWords, Store};

pub(super) async fn lists_are_sorted_as_asked_page_by_page(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    // Ben's is seen by a role on the flow, the others by one in the workspace.
    let mut flows = Vec::new();
    for (name, owner, created, updated) in
        [("b", ann, 1, 40), ("Z", ben, 2, 30), ("a", ann, 3, 20), ("b", ann, 4, 20), ("ä", ann, 5, 50)]
    {
        let mut flow = new_flow(owner);
        (flow.name, flow.created_at) = (name.to_owned(), at(created));
        store.create_flow(&flow, &Quotas::UNBOUNDED, &by(created)).await.expect("it is created");
        store.project(flow.id, &projection(name, 1, updated)).await.expect("it is written");
        if owner.id == ben.id {
            set_role(store, flow.id, ann.id, Some(Role::Viewer)).await;
        }
        flows.push(flow.id);
    }
    // The ids grow, so that they tell apart what is otherwise alike.
    let expected = [
        (FlowSort::Name, [1, 2, 0, 3, 4]),
        (FlowSort::Created, [0, 1, 2, 3, 4]),
        (FlowSort::Updated, [2, 3, 1, 0, 4]),
    ];
    for (sort, ascending) in expected {
        for descending in [false, true] {
            let mut wanted: Vec<_> = ascending.iter().map(|place| flows[*place]).collect();
            if descending {
                wanted.reverse();
            }
            for search in [None, SearchWords::of("described")] {
                let filter = FlowFilter { search, ..FlowFilter::default() };
                let order = FlowOrder { sort, descending };
                let query = FlowQuery { filter, order, ..all(ann, 2) };
                assert_eq!(by_cursor(store, query.clone()).await, wanted, "{order:?}");
                for skipped in [0, 1, 4, 5, 9] {
                    let start = PageStart::Skip(skipped);
                    let page = store.flows(&FlowQuery { start, ..query.clone() }).await.expect("it reads");
                    let rest: Vec<_> = wanted.iter().skip(skipped as usize).take(2).copied().collect();
                    let listed: Vec<_> = page.flows.iter().map(|flow| flow.id).collect();
                    assert_eq!(listed, rest, "{order:?} {skipped}");
                    assert_eq!(
                        page.next.is_some(),
                        skipped as usize + 2 < wanted.len(),
                        "{order:?} {skipped}"
                    );
                }
            }
        }
    }
}

pub(super) async fn lists_are_of_one_owner_or_workspace_if_asked(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let hers = flow_of(store, ann).await;
    let his = flow_of(store, ben).await;
    let in_hers = flow_of(store, Person { id: ben.id, workspace: ann.workspace }).await;
    for flow in [hers, his] {
        set_role(store, flow, ann.id, Some(Role::Owner)).await;
    }
    set_role(store, hers, ben.id, Some(Role::Editor)).await;
    let listed = async |filter: FlowFilter| {
        let page = store.flows(&FlowQuery { filter, ..all(ann, 10) }).await.expect("it reads");
        page.flows.into_iter().map(|flow| flow.id).collect::<BTreeSet<_>>()
    };
    let owned = async |owner| listed(FlowFilter { owner: Some(owner), ..FlowFilter::default() }).await;
    assert_eq!(owned(ann.id).await, BTreeSet::from([hers, his]));
    assert_eq!(owned(ben.id).await, BTreeSet::from([his, in_hers]));
    assert_eq!(owned(UserId::generate()).await, BTreeSet::new());
    let placed =
        async |workspace| listed(FlowFilter { workspace: Some(workspace), ..FlowFilter::default() }).await;
    assert_eq!(placed(ann.workspace).await, BTreeSet::from([hers, in_hers]));
    assert_eq!(placed(ben.workspace).await, BTreeSet::from([his]));
}

/// A word that most flows have is looked for in another way than one that few have.
pub(super) async fn common_words_are_found_as_well_as_rare_ones(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let mut rare = Vec::new();
    for number in 0..COMMON {
        let mut flow = new_flow(if number % 2 == 0 { ann } else { ben });
        flow.description = if number % 500 == 0 { "common and rare" } else { "common" }.to_owned();
        store.create_flow(&flow, &Quotas::UNBOUNDED, &by(10)).await.expect("it is created");
        if number % 500 == 0 {
            rare.push(flow.id);
        }
    }
    rare.reverse();
    let found = async |words, limit| {
        let filter = FlowFilter { search: SearchWords::of(words), ..FlowFilter::default() };
        by_cursor(store, FlowQuery { filter, ..all(ann, limit) }).await
    };
    assert_eq!(found("rare common", 2).await, rare);
    let common = found("common", 200).await;
    assert_eq!(common.len(), COMMON / 2);
    assert_eq!(common.into_iter().collect::<BTreeSet<_>>().len(), COMMON / 2, "each comes once");
}

/// More than Postgres looks through for a rare word.
const COMMON: usize = 2_200;

/// The ids of all pages.
async fn by_cursor(store: &dyn Store, mut query: FlowQuery) -> Vec<FlowId> {
    let mut listed = Vec::new();
    loop {
        let page = store.flows(&query).await.expect("it reads");
        listed.extend(page.flows.iter().map(|flow| flow.id));
        let Some(next) = page.next else { return listed };
        query.start = PageStart::After(next);
    }
}
