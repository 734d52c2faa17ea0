//! A difference in a line of English.

use std::collections::BTreeSet;

use super::{Change, FieldChange, GraphDiff, NodeChange};
use crate::graph::{Edge, FlowGraph, Node};

/// Characters of a summary at most. What does not fit is counted at its end.
pub const SUMMARY_CHARS_MAX: usize = 200;

/// Characters of a name in it; longer names are cut.
const NAME_CHARS_MAX: usize = 32;
/// Nodes that are named one by one; more are counted.
const NAMED_MAX: usize = 2;

/// Such as `moved 3 nodes, changed the text of greet, connected greet to ask`. `after`
/// is the later of the graphs compared, which knows what nodes are called.
#[must_use]
pub fn summary(diff: &GraphDiff, after: &FlowGraph) -> String {
    let clauses = Clauses { names: Names { diff, after }, all: Vec::new() };
    joined(&clauses.meta().nodes().moves().fields().edges().variables().settings().tests().all)
}

/// The clauses, as many as fit; then how many more there are.
fn joined(clauses: &[String]) -> String {
    if clauses.is_empty() {
        return "changed nothing".into();
    }
    // Room for the count of what is left out.
    let room = SUMMARY_CHARS_MAX - " and 1000000 more changes".len();
    let mut text = String::new();
    for (at, clause) in clauses.iter().enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        let length = text.chars().count() + separator.len() + clause.chars().count();
        let last = at + 1 == clauses.len();
        if length > if last { SUMMARY_CHARS_MAX } else { room } {
            let left = clauses.len() - at;
            return format!("{text} and {left} more change{}", if left == 1 { "" } else { "s" });
        }
        text += separator;
        text += clause;
    }
    text
}

struct Names<'a> {
    diff: &'a GraphDiff,
    after: &'a FlowGraph,
}

impl Names<'_> {
    /// What people call a node: its label or, without one, its id.
    fn of(&self, id: &str) -> String {
        let removed = || self.diff.nodes.removed.iter().find(|node| &*node.id == id);
        let node = self.after.nodes.get(id).or_else(removed);
        node.map_or_else(|| shown(id), |node| name(node))
    }
}

fn name(node: &Node) -> String {
    let label = node.label.as_deref().map(str::trim).filter(|label| !label.is_empty());
    shown(label.unwrap_or(&node.id))
}

/// On one line, and not too long.
fn shown(text: &str) -> String {
    let line = |char: char| if char.is_control() || char.is_whitespace() { ' ' } else { char };
    let mut short: String = text.trim().chars().take(NAME_CHARS_MAX).map(line).collect();
    if text.trim().chars().nth(NAME_CHARS_MAX).is_some() {
        short.pop();
        short.push('…');
    }
    short
}

struct Clauses<'a> {
    names: Names<'a>,
    all: Vec<String>,
}

impl Clauses<'_> {
    fn say(&mut self, clause: impl Into<String>) {
        self.all.push(clause.into());
    }

    fn meta(mut self) -> Self {
        for change in &self.names.diff.meta {
            match (change.path.as_str(), &change.change) {
                ("name", Change::Value { after: Some(name), .. }) => {
                    self.all
                        .push(format!("renamed the flow to {}", shown(name.as_str().unwrap_or_default())));
                }
                (key, _) => self.all.push(format!("changed the {} of the flow", shown(key))),
            }
        }
        self
    }

    fn nodes(mut self) -> Self {
        for (verb, nodes) in
            [("added", &self.names.diff.nodes.added), ("removed", &self.names.diff.nodes.removed)]
        {
            if nodes.len() > NAMED_MAX {
                self.say(format!("{verb} {} nodes", nodes.len()));
                continue;
            }
            for node in nodes {
                self.say(format!("{verb} the {} {}", shown(&node.node_type), name(node)));
            }
        }
        self
    }

    fn moves(mut self) -> Self {
        let place = |layout: Option<crate::graph::Layout>| layout.map(|layout| (layout.x, layout.y));
        let (moved, resized): (Vec<_>, Vec<_>) =
            self.names.diff.moved.iter().partition(|node| place(node.before) != place(node.after));
        for (verb, nodes) in [("moved", moved), ("resized", resized)] {
            match nodes[..] {
                [] => {}
                [node] => {
                    let name = self.names.of(&node.id);
                    self.say(format!("{verb} {name}"));
                }
                _ => self.say(format!("{verb} {} nodes", nodes.len())),
            }
        }
        self
    }

    fn fields(mut self) -> Self {
        let changed = &self.names.diff.nodes.changed;
        if changed.len() > NAMED_MAX {
            self.say(format!("changed {} nodes", changed.len()));
            return self;
        }
        for node in changed {
            let clauses = self.properties(node);
            self.all.extend(clauses);
            let fields: BTreeSet<_> = node.fields.iter().map(field).collect();
            let name = self.names.of(&node.id);
            let fields: Vec<_> = fields.into_iter().collect();
            match &fields[..] {
                [] => {}
                [one] => self.say(format!("changed the {one} of {name}")),
                [one, other] => self.say(format!("changed the {one} and the {other} of {name}")),
                _ => self.say(format!("changed {} fields of {name}", fields.len())),
            }
        }
        self
    }

    fn properties(&self, node: &NodeChange) -> Vec<String> {
        let name = self.names.of(&node.id);
        let clause = |change: &FieldChange| {
            let Change::Value { before, after } = &change.change else {
                return format!("changed {name}");
            };
            let text = |value: &Option<serde_json::Value>| {
                value.as_ref().and_then(|value| value.as_str()).map(str::to_owned)
            };
            match change.path.as_str() {
                "label" => {
                    let old = text(before).filter(|old| !old.trim().is_empty());
                    format!("renamed {} to {name}", shown(old.as_deref().unwrap_or(&node.id)))
                }
                "disabled" if after.is_some() => format!("disabled {name}"),
                "disabled" => format!("enabled {name}"),
                "parent" => match text(after) {
                    Some(group) => format!("put {name} into {}", self.names.of(&group)),
                    None => format!("took {name} out of its group"),
                },
                "type" => format!("made {name} a {}", shown(&node.node_type)),
                "typeVersion" => format!("changed the version of {name}"),
                key => format!("changed the {} of {name}", shown(key)),
            }
        };
        node.properties.iter().map(clause).collect()
    }

    fn edges(mut self) -> Self {
        let gone: BTreeSet<&str> = self.names.diff.nodes.removed.iter().map(|node| &*node.id).collect();
        // The edges of a node that was removed went with it.
        let removed = self.names.diff.edges.removed.iter();
        let cut: Vec<_> = removed
            .filter(|edge| !gone.contains(edge.source.as_str()) && !gone.contains(edge.target.as_str()))
            .collect();
        let drawn: Vec<_> = self.names.diff.edges.added.iter().collect();
        for (verb, to, count, edges) in
            [("connected", "to", "drew", drawn), ("disconnected", "from", "removed", cut)]
        {
            if edges.len() > NAMED_MAX {
                self.say(format!("{count} {} edges", edges.len()));
                continue;
            }
            for edge in edges {
                let (source, target) = self.ends(edge);
                self.say(format!("{verb} {source} {to} {target}"));
            }
        }
        let changed = &self.names.diff.edges.changed;
        match &changed[..] {
            [] => {}
            [edge] => {
                let only_label = edge.properties.iter().all(|change| change.path == "label");
                let verb = if only_label { "relabelled" } else { "changed" };
                let (source, target) = (self.names.of(&edge.source), self.names.of(&edge.target));
                self.say(format!("{verb} the edge from {source} to {target}"));
            }
            _ => self.say(format!("changed {} edges", changed.len())),
        }
        self
    }

    fn ends(&self, edge: &Edge) -> (String, String) {
        (self.names.of(&edge.source), self.names.of(&edge.target))
    }

    fn variables(mut self) -> Self {
        let variables = &self.names.diff.variables;
        let added: Vec<_> = variables.added.iter().map(|variable| &*variable.name).collect();
        let removed: Vec<_> = variables.removed.iter().map(|variable| &*variable.name).collect();
        let changed: Vec<_> = variables.changed.iter().map(|variable| &*variable.name).collect();
        for (verb, names) in [("added", added), ("removed", removed), ("changed", changed)] {
            match names[..] {
                [] => {}
                [name] => self.say(format!("{verb} the variable {}", shown(name))),
                _ => self.say(format!("{verb} {} variables", names.len())),
            }
        }
        self
    }

    fn tests(mut self) -> Self {
        let of = |change: &FieldChange| change.path.split('/').nth(1).map(str::to_owned);
        let mut changed = BTreeSet::new();
        let (mut added, mut removed) = (0, 0);
        for change in &self.names.diff.tests {
            match &change.change {
                Change::ItemAdded { .. } if change.path.matches('/').count() == 1 => added += 1,
                Change::ItemRemoved { .. } if change.path.matches('/').count() == 1 => removed += 1,
                _ => {
                    changed.insert(of(change));
                }
            }
        }
        for (verb, count) in [("added", added), ("removed", removed), ("changed", changed.len())] {
            match count {
                0 => {}
                1 => self.say(format!("{verb} a test case")),
                _ => self.say(format!("{verb} {count} test cases")),
            }
        }
        self
    }

    fn settings(mut self) -> Self {
        match &self.names.diff.settings[..] {
            [] => {}
            [setting] => self.say(format!("changed the setting {}", shown(&setting.path))),
            several => self.say(format!("changed {} settings", several.len())),
        }
        self
    }
}

/// What a change is about: the name of the list for its items, of the field otherwise.
fn field(change: &FieldChange) -> String {
    let mut parts = change.path.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let name = match &change.change {
        Change::ItemAdded { .. } | Change::ItemRemoved { .. } | Change::ItemMoved { .. } => {
            parts.next().unwrap_or(last)
        }
        Change::Value { .. } if last == "order" => parts.nth(1).unwrap_or(last),
        Change::Text { .. } | Change::Value { .. } => last,
    };
    shown(&name.replace('_', " "))
}
