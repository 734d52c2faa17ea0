//! The content hash: what a published version and a run are addressed by.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::graph::FlowGraph;
use crate::value::normal;

/// SHA-256, in hex, of everything the flow says but where it is drawn, how it is tested
/// and which document it lives in (`layout`, `tests`, `meta.lineage`, `meta.schema`).
#[must_use]
pub fn content_hash(graph: &FlowGraph) -> String {
    hash(graph, false)
}

/// Like [`content_hash`], with layout and test cases: changes whenever anything in the
/// document does that a program may want to change.
#[must_use]
pub fn canvas_hash(graph: &FlowGraph) -> String {
    hash(graph, true)
}

fn hash(graph: &FlowGraph, with_canvas: bool) -> String {
    let mut hasher = Sha256::new();
    let mut meta = json(&graph.meta);
    if let Some(members) = meta.as_object_mut() {
        members.remove("lineage");
        members.remove("schema");
    }
    write(&mut hasher, &json!({ "meta": meta }));
    // Entry by entry, so that a large flow is never copied whole.
    each(&mut hasher, "node", graph.nodes.iter().map(|(id, node)| (id, json(node))));
    each(&mut hasher, "edge", graph.edges.iter().map(|(id, edge)| (id, json(edge))));
    each(&mut hasher, "variable", graph.variables.iter().map(|(name, variable)| (name, json(variable))));
    each(&mut hasher, "setting", graph.settings.iter().map(|(name, value)| (name, value.clone())));
    if with_canvas {
        each(&mut hasher, "layout", graph.layout.iter().map(|(id, layout)| (id, json(layout))));
        each(&mut hasher, "test", graph.tests.iter().map(|(id, test)| (id, json(test))));
    }
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}

fn each<K: AsRef<str>>(hasher: &mut Sha256, what: &str, entries: impl Iterator<Item = (K, Value)>) {
    for (key, value) in entries {
        write(hasher, &json!([what, key.as_ref(), value]));
    }
}

fn json(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).expect("graphs have text keys and finite numbers")
}

fn write(hasher: &mut Sha256, value: &Value) {
    token(hasher, value);
    hasher.update(b"\n");
}

/// Canonical form: members sorted, numbers in one form, nothing between tokens.
fn token(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Array(items) => {
            hasher.update(b"[");
            for (at, item) in items.iter().enumerate() {
                hasher.update(if at > 0 { &b","[..] } else { b"" });
                token(hasher, item);
            }
            hasher.update(b"]");
        }
        Value::Object(members) => {
            // The order of a map's members depends on serde_json's features.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            hasher.update(b"{");
            for (at, (key, value)) in members.into_iter().enumerate() {
                hasher.update(if at > 0 { &b","[..] } else { b"" });
                hasher.update(Value::from(key.as_str()).to_string());
                hasher.update(b":");
                token(hasher, value);
            }
            hasher.update(b"}");
        }
        Value::Number(_) => hasher.update(normal(value).unwrap_or(Value::Null).to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) => hasher.update(value.to_string()),
    }
}
