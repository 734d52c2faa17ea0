//! From the document to the graph: total, pure and incremental.
//!
//! Whatever a document holds, reading it gives a graph and findings, never a
//! panic, and never a repair written back. [`Materialised`] remembers what it
//! read per entry, and reads again only entries that changed, and checks again
//! only the edges at nodes that changed.

mod entries;
mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use yrs::{Map as _, ReadTxn};

use crate::diagnostic::Diagnostic;
use crate::doc::{Roots, Touched};
use crate::graph::{Edge, FlowGraph};
use crate::validate::{check_edge, check_node, check_test, check_variable};
use crate::words;

/// The graph with the findings of each entry.
#[derive(Debug, Default)]
pub(crate) struct Materialised {
    graph: FlowGraph,
    findings: Findings,
    /// The edges at each node, whether the node is there or not.
    edges_at: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    entries_read: u64,
}

/// Findings by the entry they belong to; entries without any are not there.
#[derive(Debug, Default, PartialEq)]
struct Findings {
    meta: Vec<Diagnostic>,
    settings: Vec<Diagnostic>,
    nodes: BTreeMap<Arc<str>, Vec<Diagnostic>>,
    layout: BTreeMap<Arc<str>, Vec<Diagnostic>>,
    /// How an edge reads, and how it fits its nodes: the latter changes with them.
    edges: BTreeMap<Arc<str>, Vec<Diagnostic>>,
    ends: BTreeMap<Arc<str>, Vec<Diagnostic>>,
    variables: BTreeMap<Arc<str>, Vec<Diagnostic>>,
    tests: BTreeMap<Arc<str>, Vec<Diagnostic>>,
}

impl Materialised {
    /// Reads the whole document.
    pub(crate) fn new<T: ReadTxn>(txn: &T, roots: &Roots) -> Self {
        let keys = |map: &yrs::MapRef| map.keys(txn).map(Arc::from).collect::<BTreeSet<Arc<str>>>();
        let everything = Touched {
            meta: keys(&roots.meta),
            nodes: keys(&roots.nodes),
            layout: keys(&roots.layout),
            edges: keys(&roots.edges),
            variables: keys(&roots.variables),
            settings: keys(&roots.settings),
            tests: keys(&roots.tests),
        };
        let mut all = Self::default();
        all.read_meta(txn, roots);
        all.refresh(txn, roots, &everything);
        all
    }

    pub(crate) fn graph(&self) -> &FlowGraph {
        &self.graph
    }

    pub(crate) fn edges_at(&self, node: &str) -> impl Iterator<Item = &Arc<Edge>> {
        self.edges_at.get(node).into_iter().flatten().filter_map(|id| self.graph.edges.get(id))
    }

    pub(crate) fn entries_read(&self) -> u64 {
        self.entries_read
    }

    pub(crate) fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        let found = &self.findings;
        let maps = [&found.nodes, &found.layout, &found.edges, &found.ends, &found.variables, &found.tests];
        let single = found.meta.iter().chain(&found.settings);
        single.chain(maps.into_iter().flat_map(|map| map.values().flatten()))
    }

    /// Reads again what was touched.
    pub(crate) fn refresh<T: ReadTxn>(&mut self, txn: &T, roots: &Roots, touched: &Touched) {
        if !touched.meta.is_empty() {
            self.read_meta(txn, roots);
        }
        if !touched.settings.is_empty() {
            self.read_settings(txn, roots);
        }
        for name in &touched.variables {
            self.read_variable(txn, roots, name);
        }
        for id in &touched.tests {
            self.read_test(txn, roots, id);
        }
        for id in &touched.layout {
            self.read_layout(txn, roots, id);
        }
        let mut loose: BTreeSet<Arc<str>> = BTreeSet::new();
        for id in &touched.nodes {
            self.read_node(txn, roots, id);
            loose.extend(self.edges_at.get(id).into_iter().flatten().cloned());
        }
        for id in &touched.edges {
            self.read_edge(txn, roots, id);
            loose.insert(Arc::clone(id));
        }
        for id in &loose {
            let ends = self.graph.edges.get(id).map(|edge| check_edge(edge, &self.graph)).unwrap_or_default();
            note(&mut self.findings.ends, id, ends);
        }
    }

    fn read_meta<T: ReadTxn>(&mut self, txn: &T, roots: &Roots) {
        self.entries_read += 1;
        let mut findings = Vec::new();
        let meta = entries::meta(txn, &roots.meta, &mut findings);
        findings.extend(words::check(&meta));
        self.graph.meta = Arc::new(meta);
        self.findings.meta = findings;
    }

    fn read_settings<T: ReadTxn>(&mut self, txn: &T, roots: &Roots) {
        self.entries_read += 1;
        let mut findings = Vec::new();
        self.graph.settings = Arc::new(entries::settings(txn, &roots.settings, &mut findings));
        self.findings.settings = findings;
    }

    fn read_variable<T: ReadTxn>(&mut self, txn: &T, roots: &Roots, name: &Arc<str>) {
        self.entries_read += 1;
        let mut findings = Vec::new();
        let variable =
            roots.variables.get(txn, name).and_then(|out| entries::variable(txn, name, &out, &mut findings));
        if let Some(variable) = &variable {
            findings.extend(check_variable(name, variable));
        }
        keep(&mut self.graph.variables, name, variable.map(Arc::new));
        note(&mut self.findings.variables, name, findings);
    }

    fn read_test<T: ReadTxn>(&mut self, txn: &T, roots: &Roots, id: &Arc<str>) {
        self.entries_read += 1;
        let mut findings = Vec::new();
        let test = roots.tests.get(txn, id).and_then(|out| entries::test(txn, id, &out, &mut findings));
        if let Some(test) = &test {
            findings.extend(check_test(test));
        }
        keep(&mut self.graph.tests, id, test.map(Arc::new));
        note(&mut self.findings.tests, id, findings);
    }

    fn read_layout<T: ReadTxn>(&mut self, txn: &T, roots: &Roots, id: &Arc<str>) {
        self.entries_read += 1;
        let mut findings = Vec::new();
        let layout = roots.layout.get(txn, id).and_then(|out| entries::layout(txn, id, &out, &mut findings));
        keep(&mut self.graph.layout, id, layout);
        note(&mut self.findings.layout, id, findings);
    }

    fn read_node<T: ReadTxn>(&mut self, txn: &T, roots: &Roots, id: &Arc<str>) {
        self.entries_read += 1;
        let mut findings = Vec::new();
        let node = roots.nodes.get(txn, id).and_then(|out| entries::node(txn, id, &out, &mut findings));
        if let Some(node) = &node {
            findings.extend(check_node(node));
        }
        keep(&mut self.graph.nodes, id, node.map(Arc::new));
        note(&mut self.findings.nodes, id, findings);
    }

    fn read_edge<T: ReadTxn>(&mut self, txn: &T, roots: &Roots, id: &Arc<str>) {
        self.entries_read += 1;
        if let Some(before) = self.graph.edges.get(id) {
            for end in [before.source.as_str(), before.target.as_str()] {
                if let Some(edges) = self.edges_at.get_mut(end) {
                    edges.remove(id);
                    if edges.is_empty() {
                        self.edges_at.remove(end);
                    }
                }
            }
        }
        let mut findings = Vec::new();
        let edge = roots.edges.get(txn, id).and_then(|out| entries::edge(txn, id, &out, &mut findings));
        if let Some(edge) = &edge {
            for end in [edge.source.as_str(), edge.target.as_str()] {
                self.edges_at.entry(Arc::from(end)).or_default().insert(Arc::clone(id));
            }
        }
        keep(&mut self.graph.edges, id, edge.map(Arc::new));
        note(&mut self.findings.edges, id, findings);
    }
}

/// Equal when they read alike; how much was read to get there does not count.
impl PartialEq for Materialised {
    fn eq(&self, other: &Self) -> bool {
        self.graph == other.graph && self.findings == other.findings && self.edges_at == other.edges_at
    }
}

fn keep<V>(map: &mut BTreeMap<Arc<str>, V>, key: &Arc<str>, value: Option<V>) {
    match value {
        Some(value) => map.insert(Arc::clone(key), value),
        None => map.remove(key),
    };
}

fn note(map: &mut BTreeMap<Arc<str>, Vec<Diagnostic>>, key: &Arc<str>, findings: Vec<Diagnostic>) {
    keep(map, key, (!findings.is_empty()).then_some(findings));
}

#[cfg(test)]
mod tests;
