//! Which of a flow's nodes and edges the test cases have been at.

use std::collections::BTreeSet;

use flow_model::FlowGraph;
use serde::{Deserialize, Serialize};

use crate::machine::{Outcome, Record};
use crate::plan::Plan;

/// Nodes that runs visit, and edges between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    pub nodes: Counted,
    pub edges: Counted,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    pub covered: usize,
    pub total: usize,
    /// Ids of those that are not covered.
    pub missing: Vec<String>,
}

/// Where cases have been: nodes by their ids, and outputs they were left by.
#[derive(Debug, Default)]
pub(super) struct Visits {
    nodes: BTreeSet<String>,
    left: BTreeSet<(String, String)>,
}

impl Visits {
    pub(super) fn note(&mut self, plan: &Plan, records: &[Record]) {
        for record in records {
            match record {
                Record::Step(step) => {
                    let node = plan.node(step.node).id.to_string();
                    if let Some(port) = &step.port {
                        self.left.insert((node.clone(), port.to_string()));
                    }
                    self.nodes.insert(node);
                }
                Record::Emitted { node, .. } | Record::Paused { node, .. } => {
                    self.nodes.insert(plan.node(*node).id.to_string());
                }
                // A node that makes no sense ends the run without a step.
                Record::Ended { outcome: Outcome::Failed { error }, .. } => {
                    self.nodes.extend(error.node.clone());
                }
                _ => {}
            }
        }
    }

    pub(super) fn coverage(&self, graph: &FlowGraph, plan: &Plan) -> Coverage {
        let nodes = plan.nodes().map(|node| (node.id.to_string(), self.nodes.contains(&*node.id)));
        let mut outputs = BTreeSet::new();
        let whole = graph
            .edges
            .values()
            .filter(|edge| plan.find(&edge.source).is_some() && plan.find(&edge.target).is_some());
        let edges = whole.map(|edge| {
            let output = (edge.source.clone(), edge.output().to_owned());
            // Of several at one output, the first is taken and the others never are.
            let taken = self.left.contains(&output);
            (edge.id.to_string(), outputs.insert(output) && taken)
        });
        Coverage { nodes: Counted::of(nodes), edges: Counted::of(edges) }
    }
}

impl Counted {
    fn of(all: impl Iterator<Item = (String, bool)>) -> Self {
        let (mut covered, mut missing) = (0, Vec::new());
        for (id, is_covered) in all {
            if is_covered {
                covered += 1;
            } else {
                missing.push(id);
            }
        }
        Self { covered, total: covered + missing.len(), missing }
    }
}
