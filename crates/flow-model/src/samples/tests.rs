use uuid::Uuid;

use super::*;
use crate::graph::{FlowGraph, Layout};
use crate::{Diagnostic, FlowDoc, FlowJson, validate};

fn each(check: impl Fn(&Sample, &FlowJson)) {
    for sample in samples() {
        let flow = FlowJson::parse(sample.json).unwrap_or_else(|error| panic!("{}: {error}", sample.id));
        check(sample, &flow);
    }
}

#[test]
fn samples_are_listed_as_they_call_themselves() {
    each(|sample, flow| assert_eq!((sample.name, sample.description), (flow.name(), flow.description())));
}

#[test]
fn samples_have_nothing_wrong_with_them() {
    each(|sample, flow| {
        let mut doc = FlowDoc::new(None);
        doc.apply_update_v1(&flow.initial_update(Uuid::from_u128(1))).unwrap();
        assert_eq!(doc.check(), Vec::<Diagnostic>::new(), "{}", sample.id);
        assert_eq!(validate(doc.graph()), Vec::<Diagnostic>::new(), "{}", sample.id);
    });
}

#[test]
fn samples_lose_nothing_on_the_way_through_a_document() {
    each(|sample, flow| {
        let json: serde_json::Value = serde_json::from_str(sample.json).unwrap();
        assert_eq!(flow.to_value(), json, "{}", sample.id);
        let mut doc = FlowDoc::new(None);
        doc.apply_update_v1(&flow.initial_update(Uuid::from_u128(1))).unwrap();
        assert_eq!(FlowJson::from_graph(doc.graph()).to_value(), json, "{}", sample.id);
    });
}

#[test]
fn the_booking_form_asks_for_every_kind_of_input() {
    let kinds = crate::fields::spec("input", 1).and_then(|spec| spec.field("kind")).map(|field| field.kind);
    let Some(crate::fields::FieldKind::Enum(kinds)) = kinds else { panic!("input has kinds") };
    each(|sample, flow| {
        let inputs = flow.graph().nodes.values().filter(|node| node.node_type == "input");
        let asked: std::collections::BTreeSet<_> =
            inputs.filter_map(|node| node.data["kind"].as_str()).collect();
        assert!(
            sample.id != "booking-form" || kinds.iter().all(|kind| asked.contains(kind.value)),
            "{asked:?}"
        );
    });
}

#[test]
fn no_two_nodes_of_a_sample_are_drawn_over_each_other() {
    each(|sample, flow| {
        let graph = flow.graph();
        let boxes: Vec<_> =
            graph.nodes.values().filter(|node| node.node_type != "group").map(|node| &*node.id).collect();
        for (at, a) in boxes.iter().enumerate() {
            for b in &boxes[at + 1..] {
                assert!(!overlap(place(graph, a), place(graph, b)), "{}: {a} and {b}", sample.id);
            }
        }
        for group in graph.nodes.values().filter(|node| node.node_type == "group") {
            for id in &boxes {
                let inside = graph.nodes[*id].parent.as_deref() == Some(&*group.id);
                assert_eq!(overlap(place(graph, &group.id), place(graph, id)), inside, "{}: {id}", sample.id);
            }
        }
    });
}

/// Where a node is drawn on the whole canvas; 260 by 120 unless it says otherwise.
fn place(graph: &FlowGraph, id: &str) -> Layout {
    let own = graph.layout[id];
    let origin = graph.nodes[id].parent.as_deref().map(|parent| place(graph, parent));
    let (x, y) = origin.map_or((0.0, 0.0), |origin| (origin.x, origin.y));
    Layout { x: own.x + x, y: own.y + y, w: own.w.or(Some(260.0)), h: own.h.or(Some(120.0)) }
}

fn overlap(a: Layout, b: Layout) -> bool {
    let apart = |a: f64, length: Option<f64>, b: f64| a + length.unwrap_or(0.0) <= b;
    !(apart(a.x, a.w, b.x) || apart(b.x, b.w, a.x) || apart(a.y, a.h, b.y) || apart(b.y, b.h, a.y))
}
