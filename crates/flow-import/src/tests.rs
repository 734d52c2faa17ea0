use std::collections::BTreeSet;

use flow_model::{Code, FlowDoc, Severity, validate};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use uuid::Uuid;

use super::*;

mod hostile;
mod node_red;
mod typebot;

macro_rules! exports {
    ($($name:literal)*) => {
        const EXPORTS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../tests/exports/", $name, ".json")))),*];
    };
}

exports! {
    "typebot-3-flat-viewing"
    "typebot-5-course-feedback"
    "typebot-6-cake-order"
    "node-red-doorbell"
    "node-red-frost-warning"
    "node-red-order-api"
}

fn export(name: &str) -> Value {
    let text = EXPORTS.iter().find(|(known, _)| *known == name).expect("the export is listed").1;
    serde_json::from_str(text).expect("exports are JSON")
}

fn imported(name: &str) -> Imported {
    let value = export(name);
    import(&value, detect(&value).expect("the format is one we know")).expect("the export is whole")
}

fn data(imported: &Imported, node: &str) -> Value {
    serde_json::to_value(&imported.flow.graph().nodes[node].data).expect("data is JSON")
}

fn node_type<'i>(imported: &'i Imported, node: &str) -> &'i str {
    &imported.flow.graph().nodes[node].node_type
}

/// Where the edges of a node lead, as `handle -> target`.
fn ways(imported: &Imported, node: &str) -> Vec<String> {
    let edges = imported.flow.graph().edges.values().filter(|edge| edge.source == node);
    let mut ways: Vec<_> = edges.map(|edge| format!("{} -> {}", edge.output(), edge.target)).collect();
    ways.sort();
    ways
}

fn notes(imported: &Imported, node: &str) -> Vec<&'static str> {
    let own = imported.notes.iter().filter(|note| note.node.as_deref() == Some(node));
    own.map(|note| note.code.as_str()).collect()
}

/// What holds of every import, however strange the export.
fn check(imported: &Imported, value: &Value) {
    let flow = &imported.flow;
    assert_eq!(FlowJson::from_value(&flow.to_value()).as_ref(), Ok(flow), "it goes out and in again");
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&flow.initial_update(Uuid::from_u128(1))).expect("our own update");
    assert_eq!(&FlowJson::from_graph(doc.graph()), flow, "a document says the same");
    let graph = flow.graph();
    for finding in validate(graph) {
        // What an export leaves open is an error, too; these would be our mistakes.
        let ours = [
            Code::BadKey,
            Code::WrongFieldType,
            Code::UnknownHandle,
            Code::EdgeIdMismatch,
            Code::DanglingEdge,
            Code::NoInput,
            Code::BadVariableName,
            Code::UnknownTarget,
            Code::BadParent,
            Code::UnknownNodeVersion,
        ];
        assert!(!ours.contains(&finding.code), "{finding:?}");
    }
    for note in &imported.notes {
        let known = note.node.as_deref().is_none_or(|node| graph.nodes.contains_key(node));
        assert!(known, "{note:?} names no node");
    }
    assert!(imported.notes.len() <= NOTES_MAX);
    let source = &graph.meta.extra["source"];
    match source.get("json").and_then(Value::as_str) {
        Some(text) => assert_eq!(serde_json::from_str::<Value>(text).ok().as_ref(), Some(value)),
        None => assert!(imported.notes.iter().any(|note| note.code == NoteCode::SourceLeftOut)),
    }
}

#[test]
fn every_export_is_recognised_read_and_kept() {
    for (name, _) in EXPORTS {
        let value = export(name);
        let imported = imported(name);
        assert!(name.starts_with(imported.format.as_str()), "{name}");
        check(&imported, &value);
        let twice = import(&value, imported.format).expect("it was read before");
        assert_eq!(twice, imported, "{name}: ids are the same each time");
    }
}

#[test]
fn what_was_read_fits_the_published_schema() {
    let validator = jsonschema::draft202012::new(&flow_model::json_schema()).expect("the schema is one");
    for (name, _) in EXPORTS {
        let flow = imported(name).flow.to_value();
        let problems: Vec<_> = validator.iter_errors(&flow).map(|error| error.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new(), "{name}");
        assert!(!validator.is_valid(&export(name)), "{name}: the export itself is no flow");
    }
}

#[test]
fn every_node_says_what_it_came_from() {
    for (name, _) in EXPORTS {
        for node in imported(name).flow.graph().nodes.values() {
            let source = &node.extra["source"];
            assert!(
                source["id"].is_string() && source["type"].is_string() && source["format"].is_string(),
                "{name}"
            );
        }
    }
}

#[test]
fn a_placeholder_keeps_a_flow_from_being_published() {
    let mut seen = 0;
    for (name, _) in EXPORTS {
        let imported = imported(name);
        let findings = validate(imported.flow.graph());
        for node in imported.flow.graph().nodes.values().filter(|node| node.node_type.contains(':')) {
            seen += 1;
            let refused = |finding: &&flow_model::Diagnostic| {
                finding.node.as_deref() == Some(&*node.id) && finding.severity == Severity::Error
            };
            assert!(findings.iter().any(|finding| refused(&finding)), "{name}: {}", node.id);
            assert!(node.spec().is_none() && node.handles().is_none(), "no release knows {}", node.node_type);
            let codes = notes(&imported, &node.id);
            assert!(
                codes.contains(&"placeholder") || codes.contains(&"code"),
                "{name}: {} {codes:?}",
                node.id
            );
        }
    }
    assert!(seen > 10, "the exports hold placeholders");
}

#[test]
fn formats_are_told_apart() {
    for (value, format) in [
        (json!({ "interflow": 1 }), Some(Format::Interflow)),
        (json!({ "groups": [], "edges": [] }), Some(Format::Typebot)),
        (json!([{ "id": "a", "type": "tab" }]), Some(Format::NodeRed)),
        (json!({ "flows": [{ "id": "a", "type": "tab" }] }), Some(Format::NodeRed)),
        (json!([]), None),
        (json!([{ "id": 1, "type": "tab" }]), None),
        (json!({ "nodes": [], "connections": {} }), None),
        (json!(null), None),
    ] {
        assert_eq!(detect(&value), format, "{value}");
    }
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
        assert_eq!(serde_json::to_value(format).ok(), Some(format.as_str().into()));
    }
}

#[test]
fn interflow_json_comes_in_as_it_is() {
    let flow = FlowJson::parse(flow_model::samples()[0].json).expect("samples are whole");
    let imported = import(&flow.to_value(), Format::Interflow).expect("it is our own");
    assert_eq!((imported.flow, imported.notes), (flow, Vec::new()));
    let error =
        import(&json!({ "interflow": 1, "nodes": 7 }), Format::Interflow).expect_err("nodes are a list");
    assert_eq!(error.path, "nodes");
}

#[test]
fn the_page_lists_every_note() {
    let page = include_str!("../../../docs/import.md");
    for code in NoteCode::ALL {
        let row = format!("| `{code}` | {} |", code.explanation());
        assert!(page.contains(&row), "docs/import.md lacks: {row}");
    }
    let codes: BTreeSet<_> = NoteCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), NoteCode::ALL.len());
}
