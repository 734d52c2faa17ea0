//! Whether a flow makes sense: what publishing asks for.
//!
//! [`check_node`] and [`check_edge`] look at one entry and are run by the
//! materialiser whenever it reads one; [`whole`] looks at the flow.

mod dates;
mod edges;
mod fields;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

pub(crate) use dates::is_date;
pub(crate) use edges::check_edge;
pub(crate) use fields::{check_node, check_test, check_variable, mistyped, not_keyed};

use crate::diagnostic::{Code, Diagnostic};
use crate::fields::{FieldKind, FieldSpec};
use crate::graph::{FlowGraph, Node};
use crate::{EDGES_MAX, NODES_MAX, TESTS_MAX, words};

/// Everything that is wrong with a graph, errors first, in a stable order. Does
/// not look into templates and expressions: their language is not this crate's.
#[must_use]
pub fn validate(graph: &FlowGraph) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    all.extend(words::check(&graph.meta));
    all.extend(graph.nodes.values().flat_map(|node| check_node(node)));
    all.extend(graph.edges.values().flat_map(|edge| check_edge(edge, graph)));
    all.extend(graph.variables.iter().flat_map(|(name, variable)| check_variable(name, variable)));
    all.extend(graph.tests.values().flat_map(|test| check_test(test)));
    all.extend(whole(graph));
    all.sort();
    all
}

/// What only the flow as a whole shows.
pub(crate) fn whole(graph: &FlowGraph) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    sizes(graph, &mut findings);
    starts(graph, &mut findings);
    parents(graph, &mut findings);
    edges::several(graph, &mut findings);
    references(graph, &mut findings);
    walk::check(graph, &mut findings);
    findings
}

fn sizes(graph: &FlowGraph, findings: &mut Vec<Diagnostic>) {
    for (code, what, count, max) in [
        (Code::TooManyNodes, "nodes", graph.nodes.len(), NODES_MAX),
        (Code::TooManyEdges, "edges", graph.edges.len(), EDGES_MAX),
        (Code::TooManyTests, "test cases", graph.tests.len(), TESTS_MAX),
    ] {
        if count > max {
            findings.push(Diagnostic::new(code, format!("the flow has {count} {what}, more than {max}")));
        }
    }
}

fn starts(graph: &FlowGraph, findings: &mut Vec<Diagnostic>) {
    let starts: Vec<_> = graph.nodes.values().filter(|node| is_start(node)).collect();
    if starts.is_empty() {
        findings.push(Diagnostic::new(Code::NoStart, "the flow has no start"));
    } else if starts.len() > 1 {
        let several = |node: &&Arc<Node>| {
            Diagnostic::new(Code::SeveralStarts, format!("the flow has {} starts", starts.len()))
                .node(&node.id)
        };
        findings.extend(starts.iter().map(several));
    }
}

fn is_start(node: &Node) -> bool {
    node.node_type == "start"
}

fn parents(graph: &FlowGraph, findings: &mut Vec<Diagnostic>) {
    let mut sound: BTreeSet<&str> = BTreeSet::new();
    for node in graph.nodes.values() {
        let Some(parent) = &node.parent else { continue };
        if graph.nodes.get(parent.as_str()).is_none_or(|parent| parent.node_type != "group") {
            findings.push(
                Diagnostic::new(Code::BadParent, "the parent is no group of this flow")
                    .node(&node.id)
                    .field("parent"),
            );
            continue;
        }
        // Upwards until the top or a group known to lead there.
        let (mut way, mut at): (BTreeSet<&str>, &str) = (BTreeSet::new(), &node.id);
        let circular = loop {
            if sound.contains(at) {
                break false;
            }
            if !way.insert(at) {
                break true;
            }
            match graph.nodes.get(at).and_then(|node| node.parent.as_deref()) {
                Some(parent) => at = parent,
                None => break false,
            }
        };
        if circular {
            findings.push(
                Diagnostic::new(Code::BadParent, "the groups contain each other")
                    .node(&node.id)
                    .field("parent"),
            );
        } else {
            sound.extend(way);
        }
    }
}

/// Fields that name nodes or variables.
fn references(graph: &FlowGraph, findings: &mut Vec<Diagnostic>) {
    let parameters = declared_by_start(graph);
    for node in graph.nodes.values() {
        let Some(spec) = node.spec() else { continue };
        let values = |name: &str| node.data.get(name);
        fields::each_value(spec.fields, &values, "", &mut |field: &FieldSpec, value: &Value, path: &str| {
            let Some(name) = value.as_str() else { return };
            match field.kind {
                FieldKind::NodeRef
                    if !graph
                        .nodes
                        .get(name)
                        .and_then(|target| target.spec())
                        .is_some_and(|target| target.executed && target.has_input) =>
                {
                    let finding =
                        Diagnostic::new(Code::UnknownTarget, format!("no node {name:?} can be gone to"));
                    findings.push(finding.node(&node.id).field(path));
                }
                FieldKind::Variable if !graph.variables.contains_key(name) && !parameters.contains(name) => {
                    let finding = Diagnostic::new(
                        Code::UndeclaredVariable,
                        format!("no variable {name:?} is declared"),
                    );
                    findings.push(finding.node(&node.id).field(path));
                }
                _ => {}
            }
        });
    }
}

/// The parameters that starts declare are variables too.
fn declared_by_start(graph: &FlowGraph) -> BTreeSet<&str> {
    let starts = graph.nodes.values().filter(|node| is_start(node));
    let parameters = starts.filter_map(|node| node.data.get("input")?.as_array()).flatten();
    parameters.filter_map(|parameter| parameter.get("name")?.as_str()).collect()
}

/// Where a run may go from each executed node: along edges, and where jumps point.
fn ways(graph: &FlowGraph) -> BTreeMap<&str, Vec<&str>> {
    let spec_of = |id: &str| graph.nodes.get(id).and_then(|node| node.spec());
    let executed = |id: &str| spec_of(id).is_some_and(|spec| spec.executed);
    let enterable = |id: &str| spec_of(id).is_some_and(|spec| spec.executed && spec.has_input);
    let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, node) in &graph.nodes {
        if executed(id) {
            let jump = node.data.get("target").and_then(Value::as_str).filter(|_| node.node_type == "jump");
            ways.insert(id, jump.filter(|target| enterable(target)).into_iter().collect());
        }
    }
    for edge in graph.edges.values() {
        if enterable(&edge.target)
            && let Some(targets) = ways.get_mut(edge.source.as_str())
        {
            targets.push(&edge.target);
        }
    }
    ways
}

#[cfg(test)]
mod tests;
