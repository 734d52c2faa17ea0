//! Test cases, compared as the items of one list.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{FieldChange, Items, compare_items};
use crate::fields::{TEST, TESTS};
use crate::graph::{FlowGraph, Test};

/// In place of a test case that both graphs have: it takes its place in the list, so that
/// those that moved past it are known, and is not written out. To the comparison it has no
/// members, and so the same ones and the same order twice.
static SAME: Value = Value::Null;

pub(super) fn compare(before: &FlowGraph, after: &FlowGraph) -> Vec<FieldChange> {
    // Nearly all changes are of something else.
    let (old, new) = (&before.tests, &after.tests);
    if old.len() == new.len() && old.values().zip(new.values()).all(|(old, new)| is_same(old, new)) {
        return Vec::new();
    }
    let (old, new) = (listed(before, after), listed(after, before));
    compare_items(&items(&old), &items(&new), &|name| TEST.field(name), TESTS.name)
}

/// Each test case in its place; what it says only where the other graph says something else.
fn listed<'g>(graph: &'g FlowGraph, other: &FlowGraph) -> Vec<(&'g str, Option<Value>)> {
    let tests = graph.tests_in_order().into_iter();
    let said = tests.map(|test| {
        let same = other.tests.get(&test.id).is_some_and(|other| is_same(test, other));
        (&*test.id, (!same).then(|| test.item()))
    });
    said.collect()
}

fn is_same(one: &Arc<Test>, other: &Arc<Test>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn items<'v>(listed: &'v [(&'v str, Option<Value>)]) -> Items<'v> {
    let places = listed.iter().enumerate();
    places.map(|(at, (id, item))| (*id, (at, item.as_ref().unwrap_or(&SAME)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::RngSeed;
    use serde_json::json;

    use super::*;

    /// Of each test case its order, and what it is called.
    type Cases = BTreeMap<&'static str, (&'static str, u8)>;

    fn graph(cases: &Cases) -> FlowGraph {
        let test = |(id, (order, name)): (&&str, &(&str, u8))| {
            let data = [("name".to_owned(), Value::from(*name))].into();
            (Arc::from(*id), Arc::new(Test { id: Arc::from(*id), order: (*order).to_owned(), data }))
        };
        FlowGraph { tests: cases.iter().map(test).collect(), ..FlowGraph::default() }
    }

    fn whole(graph: &FlowGraph) -> Vec<(&str, Option<Value>)> {
        graph.tests_in_order().into_iter().map(|test| (&*test.id, Some(test.item()))).collect()
    }

    fn cases() -> impl Strategy<Value = Cases> {
        let ids = select(&["a", "b", "c", "d", "e", "f"][..]);
        btree_map(ids, (select(&["U", "V", "W", "X", "Y"][..]), 0..2_u8), 0..6)
    }

    #[test]
    fn only_test_cases_that_differ_are_written_out() {
        let before = graph(&[("a", ("U", 0)), ("b", ("V", 0)), ("c", ("W", 0)), ("d", ("X", 0))].into());
        let mut after = before.clone();
        after.tests.extend(graph(&[("b", ("V", 1)), ("c", ("W", 0)), ("e", ("A", 0))].into()).tests);
        let written = |graph, other| -> Vec<_> {
            let listed = listed(graph, other).into_iter();
            listed.map(|(id, item)| (id.to_owned(), item.map(|item| item["name"].clone()))).collect()
        };
        let named = |id: &str, name: Option<Value>| (id.to_owned(), name);
        assert_eq!(
            written(&after, &before),
            [
                named("e", Some(json!(0))),
                named("a", None),
                named("b", Some(json!(1))),
                named("c", None),
                named("d", None)
            ]
        );
        assert_eq!(
            written(&before, &after),
            [named("a", None), named("b", Some(json!(0))), named("c", None), named("d", None)]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_127), ..ProptestConfig::default() })]

        /// Those that are left out change nothing of what is said of the others.
        #[test]
        fn the_difference_is_that_of_the_whole_lists(before in cases(), after in cases()) {
            let (before, after) = (graph(&before), graph(&after));
            let (old, new) = (whole(&before), whole(&after));
            let expected = compare_items(&items(&old), &items(&new), &|name| TEST.field(name), "tests");
            prop_assert_eq!(compare(&before, &after), expected);
        }
    }
}
