use std::collections::{BTreeMap, BTreeSet};

use flow_model::{Code, Diagnostic, FlowGraph};

use super::{BUILT_IN, Budgets, Kind, Plan};

/// What validation cannot see without the language: templates, expressions and patterns that
/// cannot be read, and names that nothing declares.
#[must_use]
pub fn check(graph: &FlowGraph) -> Vec<Diagnostic> {
    let plan = Plan::compile(graph, Budgets::DEFAULT, &BTreeMap::new());
    let mut findings = Vec::new();
    for node in plan.nodes() {
        let Kind::Broken(broken) = &node.kind else { continue };
        let known = graph.nodes.get(&node.id).is_some_and(|node| node.spec().is_some());
        // What the field table sees is said already.
        if known && broken.message != "it is not set" {
            findings.push(
                Diagnostic::new(Code::BadExpression, broken.message.clone())
                    .node(&node.id)
                    .field(broken.field.clone()),
            );
        }
    }
    let declared: BTreeSet<&str> = graph.variables.keys().map(|name| &**name).collect();
    let parameters = plan.nodes().filter_map(|node| match &node.kind {
        Kind::Start { parameters } => Some(parameters),
        _ => None,
    });
    let parameters: BTreeSet<&str> = parameters.flatten().map(|parameter| &*parameter.name).collect();
    let answered = ["status", "headers", "body", "ms"];
    for (_, name) in plan.names.iter() {
        let name = &**name;
        let is_known = BUILT_IN.contains(&name) || declared.contains(name) || parameters.contains(name);
        if !is_known && !answered.contains(&name) {
            let message = format!("no variable {name:?} is declared");
            findings.push(Diagnostic::new(Code::UndeclaredVariable, message).field(name));
        }
    }
    findings.sort();
    findings
}
