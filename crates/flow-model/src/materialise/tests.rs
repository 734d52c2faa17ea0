use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use yrs::updates::decoder::Decode as _;
use yrs::{
    Any, Array as _, ArrayPrelim, Doc, In, MapPrelim, Out, StateVector, Text as _, TextPrelim, Transact as _,
};
use yrs::{Update, XmlElementPrelim, XmlFragmentPrelim, XmlTextPrelim};

use super::*;
use crate::{Code, Edit, FlowDoc, FlowJson};

const ROOTS: [&str; 7] = ["meta", "nodes", "layout", "edges", "variables", "settings", "tests"];

/// Keys that mean something, and some that must not.
const KEYS: [&str; 28] = [
    "a",
    "b",
    "type",
    "typeVersion",
    "label",
    "disabled",
    "parent",
    "data",
    "source",
    "sourceHandle",
    "target",
    "name",
    "tags",
    "schema",
    "blocks",
    "branches",
    "rules",
    "kind",
    "prompt",
    "options",
    "output",
    "order",
    "id",
    "x",
    "y",
    "__proto__",
    "",
    "a/b\n",
];

/// One write of somebody who does not know the schema, or does not care.
#[derive(Debug, Clone)]
struct Rubbish {
    root: usize,
    path: Vec<usize>,
    key: usize,
    value: u8,
}

fn rubbish() -> impl Strategy<Value = Rubbish> {
    let path = proptest::collection::vec(0..KEYS.len(), 0..5);
    (0..ROOTS.len(), path, 0..KEYS.len(), any::<u8>()).prop_map(|(root, path, key, value)| Rubbish {
        root,
        path,
        key,
        value,
    })
}

fn value(choice: u8, depth: usize) -> In {
    let inner = |salt: u8| {
        if depth > 2 { In::from(1) } else { value(choice.wrapping_mul(7).wrapping_add(salt), depth + 1) }
    };
    match choice % 24 {
        0 => In::from("text"),
        1 => In::from("start"),
        2 => In::from("input"),
        3 => In::from("message"),
        4 => In::from("condition"),
        5 => In::from(true),
        6 => In::from(1),
        7 => In::from(-0.5),
        8 => In::from(f64::NAN),
        9 => In::from(vec![1_u8, 2]),
        10 => In::Any(Any::Null),
        11 => In::Any(Any::Undefined),
        12 => In::from(TextPrelim::new("prose 🙂")),
        13 => In::from(TextPrelim::new("")),
        14 => In::Array(ArrayPrelim::from(vec![inner(1), inner(2)])),
        15 => In::XmlElement(XmlElementPrelim::empty("p")),
        16 => In::XmlFragment(XmlFragmentPrelim::new::<_, XmlTextPrelim>([])),
        17 => In::XmlText(XmlTextPrelim::new("x").into()),
        18 => In::Any(
            Any::from_json(
                r#"{"type":"input","data":{"kind":"choice","options":[{"id":"o","own_port":true}]}}"#,
            )
            .unwrap(),
        ),
        19 => In::Any(Any::from_json(r#"{"source":"a","target":"b","sourceHandle":"o"}"#).unwrap()),
        20 => In::from("a"),
        _ => {
            let keys = [usize::from(choice), usize::from(choice) / 3, usize::from(choice) / 7];
            In::Map(
                keys.iter()
                    .map(|key| (KEYS[key % KEYS.len()], inner(1 + u8::try_from(*key).unwrap())))
                    .collect::<MapPrelim>(),
            )
        }
    }
}

impl Rubbish {
    fn write(&self, doc: &Doc) -> Vec<u8> {
        let root = doc.get_or_insert_map(ROOTS[self.root]);
        let before = doc.transact().state_vector();
        let mut txn = doc.transact_mut();
        let mut at = Out::YMap(root);
        for key in &self.path {
            let next = match &at {
                Out::YMap(map) => map.get(&txn, KEYS[*key]),
                Out::YArray(array) => array.get(&txn, 0),
                _ => None,
            };
            match next {
                Some(next @ (Out::YMap(_) | Out::YArray(_) | Out::YText(_))) => at = next,
                _ => break,
            }
        }
        match at {
            Out::YMap(map) if self.value > 235 => {
                map.remove(&mut txn, KEYS[self.key]);
            }
            Out::YMap(map) => {
                map.insert(&mut txn, KEYS[self.key], value(self.value, 0));
            }
            Out::YArray(array) => {
                array.insert(&mut txn, 0, value(self.value, 0));
            }
            Out::YText(text) => text.insert(&mut txn, 0, "more 🙂 "),
            _ => {}
        }
        drop(txn);
        doc.transact().encode_diff_v1(&before)
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(20_261_121), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_a_document_holds_reading_what_changed_equals_reading_it_all(
        writes in proptest::collection::vec(rubbish(), 1..40),
    ) {
        let peer = Doc::with_client_id(7);
        let mut doc = FlowDoc::new(Some(8));
        for write in &writes {
            doc.apply_update_v1(&write.write(&peer)).expect("the peer's update is well formed");
            prop_assert_eq!(doc.materialised_now(), &doc.rebuilt());
        }
        // None of these panics either, whatever the document says.
        prop_assert!(doc.check().len() >= doc.diagnostics().count());
        let exported = FlowJson::from_graph(doc.graph());
        let imported = FlowJson::from_value(&exported.to_value());
        prop_assert_eq!(imported.as_ref(), Ok(&exported));
        let copy = crate::json::tests::document(&exported);
        prop_assert_eq!(FlowJson::from_graph(copy.graph()), exported);
        for id in ["a", "b", "data"] {
            let edits = [
                Edit::UpdateNode { id: id.into(), label: Some(Some("x".into())), disabled: None, data: serde_json::Map::new() },
                Edit::RemoveNode { id: id.into() },
            ];
            for edit in edits {
                let found = doc.graph().nodes.contains_key(id);
                prop_assert_eq!(doc.edit(&[edit]).is_ok(), found);
                prop_assert_eq!(doc.materialised_now(), &doc.rebuilt());
            }
            let add = Edit::AddNode {
                id: Some(id.into()), node_type: "set".into(), label: None, position: crate::Position::default(),
                data: serde_json::Map::new(), parent: None,
            };
            prop_assert!(doc.edit(&[add]).is_ok());
            prop_assert!(doc.graph().nodes[id].extra.is_empty());
            prop_assert_eq!(doc.materialised_now(), &doc.rebuilt());
        }
    }
}

#[test]
fn nesting_without_end_is_cut_off() {
    let peer = Doc::with_client_id(7);
    let nodes = peer.get_or_insert_map("nodes");
    let mut txn = peer.transact_mut();
    let mut map = nodes.insert(&mut txn, "deep", MapPrelim::default());
    map.insert(&mut txn, "type", "message");
    for _ in 0..10_000 {
        map = map.insert(&mut txn, "data", MapPrelim::default());
    }
    drop(txn);
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&peer.transact().encode_diff_v1(&StateVector::default())).unwrap();
    assert!(doc.diagnostics().any(|finding| finding.code == Code::TooDeep));
}

#[test]
fn an_edit_reads_only_what_it_touched() {
    let mut doc = large(10_000);
    for (edit, cost) in [
        (json!({ "op": "moveNode", "id": "n500", "x": 1, "y": 2 }), 1),
        (json!({ "op": "updateNode", "id": "n500", "label": "new" }), 1),
        (json!({ "op": "connect", "source": "n1", "target": "n9" }), 1),
        (json!({ "op": "removeNode", "id": "n500" }), 4), // the node, its layout, two edges
    ] {
        let before = doc.entries_read();
        let shared = std::sync::Arc::clone(&doc.graph().nodes["n7"]);
        doc.edit(&[serde_json::from_value(edit.clone()).unwrap()]).unwrap();
        assert_eq!(doc.entries_read() - before, cost, "{edit}");
        assert!(std::sync::Arc::ptr_eq(&shared, &doc.graph().nodes["n7"]), "{edit}");
    }
    assert_eq!(doc.materialised_now(), &doc.rebuilt());
}

#[test]
fn an_edge_is_checked_again_when_its_node_changes() {
    let mut doc = large(2);
    let dangling =
        |doc: &FlowDoc| doc.diagnostics().filter(|finding| finding.code == Code::DanglingEdge).count();
    assert_eq!(dangling(&doc), 0);
    // Somebody else removes a node and leaves its edges behind.
    let peer = Doc::with_client_id(7);
    peer.transact_mut().apply_update(Update::decode_v1(&doc.encode_state_v1()).unwrap()).unwrap();
    let nodes = peer.get_or_insert_map("nodes");
    nodes.remove(&mut peer.transact_mut(), "n1");
    doc.apply_update_v1(&peer.transact().encode_diff_v1(&StateVector::default())).unwrap();
    assert_eq!(dangling(&doc), 1);
    doc.edit(&[serde_json::from_value(json!({ "op": "addNode", "id": "n1", "type": "set" })).unwrap()])
        .unwrap();
    assert_eq!(dangling(&doc), 0);
}

/// A chain of nodes that set variables.
fn large(count: usize) -> FlowDoc {
    let nodes: Vec<_> = (0..count).map(|at| json!({ "id": format!("n{at}"), "type": "set" })).collect();
    let edges: Vec<_> = (1..count)
        .map(|at| json!({ "source": format!("n{}", at - 1), "sourceHandle": "out", "target": format!("n{at}") }))
        .collect();
    let layout: serde_json::Map<_, _> =
        (0..count).map(|at| (format!("n{at}"), json!({ "x": at * 10, "y": 0 }))).collect();
    let flow = json!({ "interflow": 1, "nodes": nodes, "edges": edges, "layout": layout });
    crate::json::tests::document(&FlowJson::from_value(&flow).unwrap())
}
