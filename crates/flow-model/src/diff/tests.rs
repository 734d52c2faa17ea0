use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::*;
use crate::graph::Test;
use crate::json::tests::document;
use crate::{Edit, FlowDoc, FlowJson, canvas_hash, edge_id};

fn edits(json: Value) -> Vec<Edit> {
    serde_json::from_value(json).expect("the edits are well formed")
}

/// A start, two messages and a question, in a row.
fn greeting() -> FlowDoc {
    let mut doc = document(&FlowJson::empty("Flow", ""));
    doc.edit(&edits(json!([
        { "op": "addNode", "id": "start", "type": "start", "position": { "x": 0, "y": 0 } },
        { "op": "addNode", "id": "greet", "type": "message", "position": { "x": 1, "y": 0 },
          "data": { "blocks": [{ "id": "b1", "text": "Hello" }, { "id": "b2", "text": "there" }, { "id": "b3", "text": "you" }] } },
        { "op": "addNode", "id": "ask", "type": "input", "label": "Your age", "position": { "x": 2, "y": 0 },
          "data": { "kind": "number", "variable": "age", "prompt": "How old?", "mock": { "enabled": true, "output": 4 } } },
        { "op": "addNode", "id": "end", "type": "end", "position": { "x": 3, "y": 0 }, "data": { "output": { "age": "age" } } },
        { "op": "connect", "source": "start", "target": "greet" },
        { "op": "setVariable", "name": "age", "type": "number" },
    ])))
    .expect("the edits are allowed");
    doc
}

/// What edits of the greeting lead to: the difference, and its line.
fn after(list: Value) -> (GraphDiff, String) {
    let mut doc = greeting();
    let before = doc.graph().clone();
    doc.edit(&edits(list)).expect("the edits are allowed");
    let diff = diff(&before, doc.graph());
    let line = summary(&diff, doc.graph());
    (diff, line)
}

/// From the start to the greeting.
fn first_edge() -> String {
    let doc = greeting();
    doc.graph().edges.keys().next().expect("the greeting has an edge").to_string()
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn every_kind_of_change_is_said_in_a_line() {
    for (list, line) in [
        (
            json!([{ "op": "addNode", "id": "n", "type": "note", "label": "Read\nme" }]),
            "added the note Read me",
        ),
        (json!([{ "op": "removeNode", "id": "greet" }]), "removed the message greet"),
        (json!([{ "op": "moveNode", "id": "greet", "x": 5, "y": 5 }]), "moved greet"),
        (json!([{ "op": "moveNode", "id": "greet", "x": 1, "y": 0, "w": 300, "h": 200 }]), "resized greet"),
        (json!([{ "op": "updateNode", "id": "ask", "label": "Age" }]), "renamed Your age to Age"),
        (json!([{ "op": "updateNode", "id": "ask", "disabled": true }]), "disabled Your age"),
        (
            json!([{ "op": "updateNode", "id": "ask", "data": { "prompt": "Age?" } }]),
            "changed the prompt of Your age",
        ),
        (
            json!([{ "op": "updateItem", "node": "greet", "field": "blocks", "item": "b1", "data": { "text": "Hi" } }]),
            "changed the text of greet",
        ),
        (
            json!([{ "op": "addItem", "node": "greet", "field": "blocks", "item": { "id": "b4", "text": "!" } }]),
            "changed the blocks of greet",
        ),
        (
            json!([{ "op": "updateNode", "id": "end", "data": { "output": { "age": "age + 1" } } }]),
            "changed the age of end",
        ),
        (json!([{ "op": "connect", "source": "greet", "target": "ask" }]), "connected greet to Your age"),
        (
            json!([{ "op": "disconnect", "source": "start", "target": "greet" }]),
            "disconnected start from greet",
        ),
        (
            json!([{ "op": "updateEdge", "id": first_edge(), "label": "first" }]),
            "relabelled the edge from start to greet",
        ),
        (json!([{ "op": "setVariable", "name": "name" }]), "added the variable name"),
        (json!([{ "op": "setVariable", "name": "age", "default": 1 }]), "changed the variable age"),
        (json!([{ "op": "removeVariable", "name": "age" }]), "removed the variable age"),
        (json!([{ "op": "setTest", "id": "t", "test": { "name": "New" } }]), "added a test case"),
        (json!([{ "op": "setMeta", "name": "Better" }]), "renamed the flow to Better"),
        (json!([{ "op": "setMeta", "tags": ["x"] }]), "changed the tags of the flow"),
        (json!([]), "changed nothing"),
        (
            json!([
                { "op": "moveNode", "id": "greet", "x": 5, "y": 5 }, { "op": "moveNode", "id": "ask", "x": 6, "y": 5 },
                { "op": "moveNode", "id": "end", "x": 7, "y": 5 },
                { "op": "updateItem", "node": "greet", "field": "blocks", "item": "b1", "data": { "text": "Hi" } },
                { "op": "connect", "source": "greet", "target": "ask" },
            ]),
            "moved 3 nodes, changed the text of greet, connected greet to Your age",
        ),
    ] {
        assert_eq!(after(list.clone()).1, line, "{list}");
    }
}

#[test]
fn prose_is_compared_as_text_and_items_by_id() {
    let (diff, _) = after(json!([
        { "op": "updateItem", "node": "greet", "field": "blocks", "item": "b1", "data": { "text": "Hi" } },
        { "op": "removeItem", "node": "greet", "field": "blocks", "item": "b2" },
        { "op": "updateNode", "id": "ask", "data": { "prompt": null, "mock": { "enabled": false, "output": 4 } } },
    ]));
    let [ask, greet] = &diff.nodes.changed[..] else { panic!("{diff:?}") };
    assert_eq!(
        json(&ask.fields),
        json!([
            { "path": "mock/enabled", "kind": "value", "before": true, "after": false },
            { "path": "prompt", "kind": "text", "before": "How old?", "after": "" },
        ])
    );
    let [removed, text] = &greet.fields[..] else { panic!("{greet:?}") };
    assert_eq!(removed.path, "blocks/b2");
    assert!(matches!(&removed.change, Change::ItemRemoved { item } if item["text"] == "there"));
    assert_eq!(
        json(text),
        json!({ "path": "blocks/b1/text", "kind": "text", "before": "Hello", "after": "Hi" })
    );
}

#[test]
fn an_item_that_is_dragged_moves_alone() {
    let (diff, line) = after(
        json!([{ "op": "moveItem", "node": "greet", "field": "blocks", "item": "b3", "before": "b1" }]),
    );
    let fields = &diff.nodes.changed[0].fields;
    assert_eq!(json(fields), json!([{ "path": "blocks/b3", "kind": "itemMoved", "before": 2, "after": 0 }]));
    assert_eq!(line, "changed the blocks of greet");
}

#[test]
fn an_item_with_a_new_key_in_its_old_place_is_a_change() {
    let before = greeting().graph().clone();
    let mut after = before.clone();
    let greet = Arc::make_mut(after.nodes.get_mut("greet").unwrap());
    greet.data.get_mut("blocks").unwrap()[2]["order"] = "z".into();
    let diff = diff(&before, &after);
    assert_eq!(diff.nodes.changed[0].fields[0].path, "blocks/b3/order");
    assert_eq!(summary(&diff, &after), "changed the blocks of greet");
}

#[test]
fn edges_of_a_removed_node_are_in_the_difference_and_not_in_its_line() {
    let (diff, line) = after(json!([{ "op": "removeNode", "id": "greet" }]));
    assert_eq!((diff.edges.removed.len(), line.as_str()), (1, "removed the message greet"));
}

#[test]
fn long_summaries_end_with_a_count() {
    let long = "very long name ".repeat(10);
    let many: Vec<_> = (0..2)
        .map(|at| json!({ "op": "addNode", "id": format!("{at}"), "type": "set", "label": long }))
        .collect();
    let mut list = many;
    list.push(json!({ "op": "setMeta", "name": long, "description": "d", "tags": ["t"] }));
    list.push(json!({ "op": "connect", "source": "0", "target": "1" }));
    list.push(json!({ "op": "connect", "source": "1", "target": "ask" }));
    let (_, line) = after(Value::Array(list));
    assert!(line.chars().count() <= SUMMARY_CHARS_MAX, "{line}");
    assert!(line.starts_with("changed the description of the flow, renamed the flow to"), "{line}");
    assert!(line.ends_with("more changes") || line.ends_with("more change"), "{line}");
}

#[test]
fn what_belongs_to_a_document_makes_no_difference() {
    let before = greeting().graph().clone();
    let mut after = before.clone();
    Arc::make_mut(&mut after.meta).lineage = Some("another".into());
    after.layout.insert("gone".into(), Layout { x: 1.0, y: 1.0, w: None, h: None });
    assert_ne!(before, after);
    assert!(diff(&before, &after).is_empty());
}

#[test]
fn a_difference_is_written_in_camel_case() {
    let (diff, _) = after(json!([
        { "op": "addNode", "id": "n", "type": "note" }, { "op": "moveNode", "id": "greet", "x": 9, "y": 0 },
        { "op": "setVariable", "name": "name" },
    ]));
    let diff = json(&diff);
    assert_eq!(diff["nodes"]["added"][0]["typeVersion"], 1);
    assert_eq!(
        diff["moved"][0],
        json!({ "id": "greet", "before": { "x": 1.0, "y": 0.0 }, "after": { "x": 9.0, "y": 0.0 } })
    );
    assert_eq!(diff["variables"]["added"], json!([{ "name": "name", "type": "any" }]));
}

/// A graph with whatever values, some of them of no kind the field table knows.
fn any_graph() -> impl Strategy<Value = FlowGraph> {
    let text = || proptest::sample::select(vec!["", "a", "b"]);
    let item = (0..3_u8, text(), proptest::option::of(proptest::sample::select(vec!["V", "W", "X"])));
    let options = proptest::option::of(proptest::collection::vec(item, 0..4));
    let node = (0..4_u8, text(), options, proptest::option::of(0..3_i64), any::<bool>());
    let nodes = proptest::collection::btree_map(0..4_u8, node, 0..4);
    let edges = proptest::collection::btree_map((0..4_u8, 0..4_u8), text(), 0..4);
    let layout = proptest::collection::btree_map(0..4_u8, 0..3_i32, 0..4);
    let values = proptest::collection::btree_map(text(), 0..3_i64, 0..3);
    (nodes, edges, layout, values.clone(), values.clone(), values.clone(), values).prop_map(
        |(nodes, edges, layout, variables, settings, meta, tests)| {
            let mut graph = FlowGraph::default();
            let meta = meta.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            graph.meta = Arc::new(crate::graph::Meta { extra: meta, ..Default::default() });
            for (id, (kind, text, options, number, flag)) in nodes {
                let id: Arc<str> = id.to_string().into();
                let mut data = BTreeMap::new();
                data.insert("prompt".to_owned(), if flag { json!(text) } else { json!(number) });
                if let Some(options) = options {
                    let item = |(id, text, order): (u8, &str, Option<&str>)| match order {
                        Some(order) => json!({ "id": id.to_string(), "order": order, "label": text }),
                        None => json!({ "id": id.to_string(), "label": text }),
                    };
                    data.insert("options".to_owned(), options.into_iter().map(item).collect());
                }
                if let Some(number) = number {
                    data.insert(
                        "mock".to_owned(),
                        if flag { json!({ "output": number }) } else { json!({}) },
                    );
                }
                let node_type = ["input", "input", "set", "strange"][usize::from(kind)].to_owned();
                let node = Node {
                    id: Arc::clone(&id),
                    node_type,
                    type_version: 1,
                    label: (!text.is_empty()).then(|| text.to_owned()),
                    disabled: flag,
                    parent: None,
                    data,
                    extra: BTreeMap::new(),
                };
                graph.nodes.insert(id, Arc::new(node));
            }
            for ((source, target), label) in edges {
                let (source, target) = (source.to_string(), target.to_string());
                let id: Arc<str> = edge_id(&source, None, &target, None).into();
                let edge = Edge {
                    id: Arc::clone(&id),
                    source,
                    source_handle: None,
                    target,
                    target_handle: None,
                    label: Some(label.to_owned()),
                    extra: BTreeMap::new(),
                };
                graph.edges.insert(id, Arc::new(edge));
            }
            for (id, x) in layout {
                graph.layout.insert(id.to_string().into(), Layout { x: x.into(), y: 0.0, w: None, h: None });
            }
            for (name, default) in variables {
                let (value_type, default) = ("any".to_owned(), Some(json!(default)));
                let variable = Variable { value_type, default, description: None, extra: BTreeMap::new() };
                graph.variables.insert(name.into(), Arc::new(variable));
            }
            let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            graph.settings = Arc::new(settings);
            for (id, now) in tests {
                let (id, data): (Arc<str>, _) =
                    (format!("t{id}").into(), BTreeMap::from([("now".to_owned(), json!(now))]));
                graph.tests.insert(Arc::clone(&id), Arc::new(Test { id, order: "V".into(), data }));
            }
            FlowJson::from_graph(&graph).graph().clone()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, rng_seed: RngSeed::Fixed(20_261_126), ..ProptestConfig::default() })]

    /// There is a difference exactly where the graphs differ, and saying it is a line.
    #[test]
    fn nothing_that_differs_is_left_out(a in any_graph(), b in any_graph()) {
        prop_assert!(diff(&a, &a).is_empty());
        let there = diff(&a, &b);
        prop_assert_eq!(there.is_empty(), a == b);
        prop_assert_eq!(there.is_empty(), canvas_hash(&a) == canvas_hash(&b));
        let back = diff(&b, &a);
        prop_assert_eq!(&there.nodes.added, &back.nodes.removed);
        prop_assert_eq!(&there.edges.removed, &back.edges.added);
        prop_assert_eq!(there.nodes.changed.len(), back.nodes.changed.len());
        for change in there.nodes.changed.iter() {
            prop_assert!(!change.fields.is_empty() || !change.properties.is_empty());
        }
        for line in [summary(&there, &b), summary(&back, &a)] {
            prop_assert!(line.chars().count() <= SUMMARY_CHARS_MAX && !line.contains('\n'), "{}", line);
            prop_assert_eq!(there.is_empty(), line == "changed nothing", "{}", line);
        }
    }

    /// One graph is made from the other by so many edits of each kind.
    #[test]
    fn the_counts_are_those_of_the_edits(fate in proptest::collection::vec(0..6_u8, 4..12)) {
        let mut doc = document(&FlowJson::empty("Flow", ""));
        let id = |at: usize| format!("n{at}");
        let mut list: Vec<_> = (0..fate.len())
            .map(|at| json!({ "op": "addNode", "id": id(at), "type": "message", "position": { "x": at, "y": 0 } }))
            .collect();
        list.extend((1..fate.len()).map(|at| json!({ "op": "connect", "source": id(at - 1), "target": id(at) })));
        doc.edit(&edits(Value::Array(list))).unwrap();
        let before = doc.graph().clone();
        let change = |(at, fate): (usize, &u8)| match fate {
            0 => Some(json!({ "op": "removeNode", "id": id(at) })),
            1 => Some(json!({ "op": "moveNode", "id": id(at), "x": at, "y": 1 })),
            2 => Some(json!({ "op": "updateNode", "id": id(at), "data": { "typing_ms": 5 } })),
            3 => Some(json!({ "op": "addNode", "id": format!("new{at}"), "type": "set" })),
            4 if at > 0 => {
                let edge = before.edges.values().find(|edge| edge.target == id(at))?;
                Some(json!({ "op": "updateEdge", "id": edge.id, "label": "l" }))
            }
            _ => None,
        };
        // Nodes are removed last: their edges go with them, and cannot be relabelled.
        let (last, first): (Vec<_>, Vec<_>) = fate.iter().enumerate().partition(|(_, fate)| **fate == 0);
        doc.edit(&edits(first.into_iter().chain(last).filter_map(change).collect())).unwrap();
        let diff = diff(&before, doc.graph());
        let count = |which: u8| fate.iter().filter(|fate| **fate == which).count();
        prop_assert_eq!(diff.nodes.removed.len(), count(0));
        prop_assert_eq!(diff.moved.len(), count(1));
        prop_assert_eq!(diff.nodes.changed.len(), count(2));
        prop_assert_eq!(diff.nodes.added.len(), count(3));
        let gone = |at: usize| fate[at] == 0;
        let edges = 1..fate.len();
        prop_assert_eq!(diff.edges.removed.len(), edges.clone().filter(|at| gone(at - 1) || gone(*at)).count());
        prop_assert_eq!(diff.edges.changed.len(), edges.filter(|at| fate[*at] == 4 && !gone(at - 1)).count());
    }
}
