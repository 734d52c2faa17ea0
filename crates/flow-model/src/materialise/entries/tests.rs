//! Test cases, of whatever shape, keep no flow from being published: the form of the flow,
//! which is what a version is made of, can always be read.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::json;
use yrs::{ArrayPrelim, Doc, In, Map as _, MapPrelim, ReadTxn as _, StateVector, Transact as _};

use super::*;
use crate::order::orders;
use crate::value::to_any;
use crate::{Edit, FlowDoc, FlowJson, Severity, TESTS_MAX};

/// A document whose root `tests` somebody wrote this into.
fn document(tests: impl IntoIterator<Item = (String, In)>) -> FlowDoc {
    let peer = Doc::with_client_id(7);
    let root = peer.get_or_insert_map("tests");
    let mut txn = peer.transact_mut();
    for (id, test) in tests {
        root.insert(&mut txn, id, test);
    }
    drop(txn);
    let mut doc = FlowDoc::new(Some(8));
    let update = peer.transact().encode_diff_v1(&StateVector::default());
    doc.apply_update_v1(&update).expect("the peer's update is well formed");
    doc
}

fn plain(test: &Value) -> In {
    In::Any(to_any(test))
}

/// The test cases in the flow's form, which reads as it was written.
fn form(doc: &FlowDoc) -> Value {
    let form = FlowJson::from_graph(doc.graph());
    let value = form.to_value();
    assert_eq!(FlowJson::from_value(&value).as_ref(), Ok(&form));
    value["tests"].clone()
}

/// Two people who each add some may together add more than either was allowed to.
#[test]
fn the_form_of_a_flow_with_too_many_test_cases_has_the_first_of_them() {
    let backwards = orders(TESTS_MAX + 2).into_iter().rev().enumerate();
    let doc = document(backwards.map(|(at, order)| (format!("t{at}"), plain(&json!({ "order": order })))));
    assert_eq!(doc.graph().tests.len(), TESTS_MAX + 2, "all can be seen, and removed");
    let found: Vec<_> = doc.check().into_iter().filter(|found| found.code == Code::TooManyTests).collect();
    assert!(matches!(&found[..], [found] if found.severity == Severity::Warning), "{found:?}");
    let kept = form(&doc);
    let ids: Vec<_> = kept.as_array().unwrap().iter().map(|test| test["id"].as_str().unwrap()).collect();
    let first: Vec<_> = (2..TESTS_MAX + 2).rev().map(|at| format!("t{at}")).collect();
    assert_eq!(ids, first);
}

#[test]
fn items_of_an_array_that_name_one_id_are_told_apart() {
    let turns = json!([
        { "id": "u", "say": "a" }, { "id": "u", "say": "b" }, { "say": "c" }, { "id": "2", "say": "d" },
        { "id": "a/b", "say": "e" }, { "id": "2-1", "expect": [{ "id": "e" }, { "id": "e" }] },
    ]);
    let read = form(&document([("t".to_owned(), plain(&json!({ "order": "V", "turns": turns })))]));
    let turns = read[0]["turns"].as_array().unwrap();
    let seen: Vec<_> = turns.iter().map(|turn| (&turn["id"], &turn["say"])).collect();
    let expected = [("u", "a"), ("1", "b"), ("2-2", "c"), ("2", "d"), ("4", "e")]
        .map(|(id, say)| (json!(id), json!(say)));
    let expected: Vec<_> = expected.iter().map(|(id, say)| (id, say)).collect();
    assert_eq!(seen[..5], expected);
    let last = &turns[5];
    assert_eq!(
        (&last["id"], &last["expect"][0]["id"], &last["expect"][1]["id"]),
        (&json!("2-1"), &json!("e"), &json!("1"))
    );
}

/// As deep as a typed edit may write, a document is read; what lies deeper is cut off.
#[test]
fn test_cases_are_read_as_deep_as_they_can_be_written() {
    let test = |field: &str, deep: Value| match field {
        "say" => json!({ "turns": [{ "id": "u", "order": "V", "say": deep }] }),
        "value" => {
            json!({ "turns": [{ "id": "u", "order": "V", "expect": [{ "id": "e", "order": "V", "type": "equals", "value": deep }] }] })
        }
        field => json!({ field: deep }),
    };
    for field in ["future", "say", "value"] {
        for levels in 20..40 {
            let deep = test(field, nested(levels));
            let edit = json!({ "op": "setTest", "id": "t", "test": deep });
            let edit: Edit = serde_json::from_value(edit).unwrap();
            let mut edited = FlowDoc::new(Some(8));
            let writable = edited.edit(&[edit]).is_ok();
            let found = document([("t".to_owned(), plain(&deep))]);
            let too_deep = found.diagnostics().any(|found| found.code == Code::TooDeep);
            assert_eq!(writable, !too_deep, "{field} {levels}");
            form(&edited);
            form(&found);
        }
    }
}

/// So many arrays, one in the other.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

/// What somebody wrote: shared types, or plain values in their place.
#[derive(Debug, Clone)]
enum Written {
    Leaf(Value),
    Map { shared: bool, members: BTreeMap<&'static str, Written> },
    Array { shared: bool, items: Vec<Written> },
}

impl Written {
    fn json(&self) -> Value {
        match self {
            Self::Leaf(value) => value.clone(),
            Self::Map { members, .. } => members.iter().map(|(key, inner)| (*key, inner.json())).collect(),
            Self::Array { items, .. } => items.iter().map(Self::json).collect(),
        }
    }

    fn input(&self) -> In {
        match self {
            Self::Map { shared: true, members } => {
                In::Map(members.iter().map(|(key, inner)| (*key, inner.input())).collect::<MapPrelim>())
            }
            Self::Array { shared: true, items } => {
                In::Array(ArrayPrelim::from(items.iter().map(Self::input).collect::<Vec<_>>()))
            }
            other => plain(&other.json()),
        }
    }
}

const IDS: [&str; 8] = ["a", "b", "0", "1", "1-1", "", "a/b", "__proto__"];

fn anything() -> BoxedStrategy<Written> {
    let text = select(&["", "a", "V", "W", "V0", "contains"][..]).prop_map(Value::from);
    let leaf = prop_oneof![
        text,
        Just(json!(null)),
        Just(json!(1)),
        Just(json!(true)),
        (20..40_usize).prop_map(nested)
    ];
    let leaf = leaf.prop_map(Written::Leaf);
    leaf.prop_recursive(3, 8, 3, |inner| {
        let members = btree_map(select(&["id", "order", "x", "", "a/b"][..]), inner.clone(), 0..3);
        prop_oneof![
            (any::<bool>(), members).prop_map(|(shared, members)| Written::Map { shared, members }),
            (any::<bool>(), vec(inner, 0..3)).prop_map(|(shared, items)| Written::Array { shared, items }),
        ]
    })
    .boxed()
}

/// An item with some fields, and most often an id and an order.
fn item(fields: [(&'static str, BoxedStrategy<Written>); 2]) -> BoxedStrategy<Written> {
    let text = |texts: &'static [&'static str]| {
        option::of(select(texts)).prop_map(|text| text.map(|text| Written::Leaf(text.into())))
    };
    let [(first, one), (second, other)] = fields;
    let members =
        (text(&IDS), text(&["", "V", "W", "é"]), option::of(one), option::of(other), option::of(anything()));
    (any::<bool>(), members)
        .prop_map(move |(shared, (id, order, one, other, unknown))| {
            let members = [("id", id), ("order", order), (first, one), (second, other), ("future", unknown)];
            let members = members.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            Written::Map { shared, members }
        })
        .boxed()
}

fn list(item: BoxedStrategy<Written>) -> BoxedStrategy<Written> {
    let item = prop_oneof![9 => item, 1 => anything()].boxed();
    prop_oneof![
        4 => (any::<bool>(), btree_map(select(&IDS[..]), item.clone(), 0..4))
            .prop_map(|(shared, members)| Written::Map { shared, members }),
        4 => (any::<bool>(), vec(item, 0..5)).prop_map(|(shared, items)| Written::Array { shared, items }),
        1 => anything(),
    ]
    .boxed()
}

fn test_case() -> BoxedStrategy<Written> {
    let assertion = item([("type", anything()), ("value", anything())]);
    let turn = item([("say", anything()), ("expect", list(assertion))]);
    prop_oneof![9 => item([("variables", anything()), ("turns", list(turn))]), 1 => anything()].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, rng_seed: RngSeed::Fixed(20_261_127), ..ProptestConfig::default() })]

    #[test]
    fn whatever_test_cases_a_document_holds_its_form_can_be_read(
        tests in btree_map(select(&IDS[..]), test_case(), 0..4),
    ) {
        let doc = document(tests.into_iter().map(|(id, test)| (id.to_owned(), test.input())));
        form(&doc);
        // The document has no meta yet, which is what is wrong with it.
        let errors: Vec<_> = doc.diagnostics().filter(|found| found.severity == Severity::Error).collect();
        prop_assert!(errors.iter().all(|found| found.code == Code::UnsupportedSchema), "{errors:?}");
    }
}
