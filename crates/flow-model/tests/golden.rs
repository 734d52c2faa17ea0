//! Documents of released schemas load for ever. `golden/schema-1.update` was
//! written by Yjs 13.6 (two clients, edits at the same time, deletions), and
//! `golden/schema-1.json` is what it says.

use flow_model::{Diagnostic, FlowDoc, FlowJson, canvas_hash, content_hash};

const UPDATE: &[u8] = include_bytes!("golden/schema-1.update");
const JSON: &str = include_str!("golden/schema-1.json");

fn golden() -> FlowDoc {
    let mut doc = FlowDoc::new(None);
    let applied = doc.apply_update_v1(UPDATE).expect("the golden update applies");
    assert!(applied.changed && applied.rest.is_none());
    doc
}

#[test]
fn a_document_of_schema_1_says_what_it_always_said() {
    let doc = golden();
    assert_eq!(FlowJson::from_graph(doc.graph()), FlowJson::parse(JSON).expect("the golden JSON is a flow"));
    assert_eq!(
        doc.lineage().map(|id| id.to_string()).as_deref(),
        Some("0190a0a0-0000-7000-8000-000000000001")
    );
    assert_eq!(doc.check(), Vec::<Diagnostic>::new());
}

#[test]
fn text_beside_an_emoji_ends_as_javascript_has_it() {
    // In Yjs: "a🙂b" with "|" put at 3 by one, and "🙃" at 0 by another.
    let doc = golden();
    assert_eq!(doc.graph().nodes["hello"].data["blocks"][0]["text"], "🙃a🙂|b");
}

#[test]
fn the_content_hash_of_a_flow_never_changes() {
    let mut doc = golden();
    let hash = "eb22295abe5ae41f5745519f9fee60d0b7004f645fa7093f7e9c5ddd8b1ebf37";
    assert_eq!(content_hash(doc.graph()), hash);
    // Nor does where nodes are drawn matter, nor which document it is.
    let canvas = canvas_hash(doc.graph());
    let edit = r#"[{ "op": "moveNode", "id": "ask", "x": 1, "y": 2 }]"#;
    doc.edit(&serde_json::from_str::<Vec<_>>(edit).expect("an edit")).expect("the node is there");
    assert_eq!(content_hash(doc.graph()), hash);
    assert_ne!(canvas_hash(doc.graph()), canvas);
    assert_eq!(
        content_hash(FlowJson::parse(JSON).expect("a flow").renamed("Golden", "Written by Yjs").graph()),
        hash
    );
    // Nor how it is tested; but whoever wants to change it has to know.
    let canvas = canvas_hash(doc.graph());
    let edit = r#"[{ "op": "setTest", "id": "t", "test": { "turns": [{ "say": "hello" }] } }]"#;
    doc.edit(&serde_json::from_str::<Vec<_>>(edit).expect("an edit")).expect("a test case");
    assert_eq!(content_hash(doc.graph()), hash);
    assert_ne!(canvas_hash(doc.graph()), canvas);
    let edit = r#"[{ "op": "updateNode", "id": "ask", "label": "Ask" }]"#;
    doc.edit(&serde_json::from_str::<Vec<_>>(edit).expect("an edit")).expect("the node is there");
    assert_ne!(content_hash(doc.graph()), hash);
}
