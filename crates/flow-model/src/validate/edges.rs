use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::graph::{Edge, FlowGraph};
use crate::key::edge_id;

/// Whether an edge fits the nodes it joins.
pub(crate) fn check_edge(edge: &Edge, graph: &FlowGraph) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut find = |code, field, message: String| {
        findings.push(Diagnostic::new(code, message).edge(&edge.id).field(field));
    };
    if *edge.id
        != *edge_id(&edge.source, edge.source_handle.as_deref(), &edge.target, edge.target_handle.as_deref())
    {
        find(Code::EdgeIdMismatch, "id", "the id is not the one the ends give".into());
    }
    match graph.nodes.get(edge.source.as_str()) {
        None => find(Code::DanglingEdge, "source", format!("there is no node {:?}", edge.source)),
        Some(source) => {
            // Of unknown types nobody knows the handles.
            if source.handles().is_some_and(|handles| !handles.contains(edge.output())) {
                find(
                    Code::UnknownHandle,
                    "sourceHandle",
                    format!("the node has no output {:?}", edge.output()),
                );
            }
        }
    }
    match graph.nodes.get(edge.target.as_str()) {
        None => find(Code::DanglingEdge, "target", format!("there is no node {:?}", edge.target)),
        Some(target) => {
            if target.spec().is_some_and(|spec| !spec.has_input) {
                find(Code::NoInput, "target", format!("a {} cannot be entered", target.node_type));
            }
        }
    }
    findings
}

/// A run leaves by one output to one place.
pub(super) fn several(graph: &FlowGraph, findings: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (id, edge) in &graph.edges {
        let output = edge.output();
        if let Some(other) = first.insert((&edge.source, output), id) {
            let message = format!("the output {output:?} already leads elsewhere, by the edge {other:?}");
            findings.push(Diagnostic::new(Code::SeveralEdges, message).edge(id).field("sourceHandle"));
        }
    }
}
