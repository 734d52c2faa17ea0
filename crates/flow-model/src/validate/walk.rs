//! What a run can reach, and where it would go in circles.

use std::collections::{BTreeMap, BTreeSet};

use super::{is_start, ways};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::FlowGraph;

pub(super) fn check(graph: &FlowGraph, findings: &mut Vec<Diagnostic>) {
    let ways = ways(graph);
    unreachable(graph, &ways, findings);
    endless(graph, &ways, findings);
}

fn unreachable(graph: &FlowGraph, ways: &BTreeMap<&str, Vec<&str>>, findings: &mut Vec<Diagnostic>) {
    let starts = graph.nodes.values().filter(|node| is_start(node));
    let mut waiting: Vec<&str> = starts.map(|node| &*node.id).collect();
    if waiting.is_empty() {
        // Then nothing is reachable, and saying so of each node helps nobody.
        return;
    }
    let mut reached: BTreeSet<&str> = waiting.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        for target in ways.get(id).into_iter().flatten() {
            if reached.insert(target) {
                waiting.push(target);
            }
        }
    }
    let missed = ways.keys().filter(|id| !reached.contains(**id));
    findings.extend(missed.map(|id| Diagnostic::new(Code::Unreachable, "no run can get here").node(id)));
}

/// Every cycle must rest somewhere: no strongly connected part of the flow is
/// left when the nodes that pause are taken out.
fn endless(graph: &FlowGraph, ways: &BTreeMap<&str, Vec<&str>>, findings: &mut Vec<Diagnostic>) {
    let pauses = |id: &str| {
        // A disabled node is passed through without a pause.
        graph.nodes.get(id).is_some_and(|node| !node.disabled && node.spec().is_some_and(|spec| spec.pauses))
    };
    let running: BTreeMap<&str, Vec<&str>> = ways
        .iter()
        .filter(|(id, _)| !pauses(id))
        .map(|(id, targets)| (*id, targets.iter().copied().filter(|target| !pauses(target)).collect()))
        .collect();
    for mut part in strongly_connected(&running) {
        let circles = part.len() > 1 || running[part[0]].contains(&part[0]);
        if circles {
            part.sort_unstable();
            let names: Vec<_> = part.iter().take(5).copied().collect();
            let more = if part.len() > 5 { format!(" and {} more", part.len() - 5) } else { String::new() };
            let message = format!("a run would circle without a pause through {}{more}", names.join(", "));
            findings.push(Diagnostic::new(Code::EndlessCycle, message).node(part[0]));
        }
    }
}

/// Tarjan's algorithm, with its own stack: flows may be longer than ours.
fn strongly_connected<'a>(graph: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<Vec<&'a str>> {
    let mut tarjan = Tarjan::default();
    for root in graph.keys() {
        if !tarjan.index.contains_key(root) {
            tarjan.search(root, graph);
        }
    }
    tarjan.parts
}

#[derive(Default)]
struct Tarjan<'a> {
    index: BTreeMap<&'a str, usize>,
    low: BTreeMap<&'a str, usize>,
    path: Vec<&'a str>,
    on_path: BTreeSet<&'a str>,
    parts: Vec<Vec<&'a str>>,
}

impl<'a> Tarjan<'a> {
    fn search(&mut self, root: &'a str, graph: &BTreeMap<&'a str, Vec<&'a str>>) {
        let mut calls: Vec<(&'a str, usize)> = vec![(root, 0)];
        self.enter(root);
        while let Some((node, next)) = calls.last_mut() {
            let node = *node;
            if let Some(target) = graph[node].get(*next).copied() {
                *next += 1;
                if !self.index.contains_key(target) {
                    self.enter(target);
                    calls.push((target, 0));
                } else if self.on_path.contains(target) {
                    self.lower(node, self.index[target]);
                }
                continue;
            }
            calls.pop();
            if let Some((caller, _)) = calls.last() {
                self.lower(caller, self.low[node]);
            }
            if self.low[node] == self.index[node] {
                self.leave(node);
            }
        }
    }

    fn enter(&mut self, node: &'a str) {
        let index = self.index.len();
        self.index.insert(node, index);
        self.low.insert(node, index);
        self.path.push(node);
        self.on_path.insert(node);
    }

    fn lower(&mut self, node: &'a str, to: usize) {
        let low = self.low.entry(node).or_insert(to);
        *low = (*low).min(to);
    }

    fn leave(&mut self, node: &'a str) {
        let at = self.path.iter().rposition(|other| *other == node).unwrap_or(0);
        let part = self.path.split_off(at);
        for member in &part {
            self.on_path.remove(member);
        }
        self.parts.push(part);
    }
}
