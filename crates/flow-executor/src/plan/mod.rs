//! A flow, compiled: what a machine walks.
//!
//! Start with [`Plan::compile`]. It takes any graph: a node that makes no sense is kept as a
//! [`Kind::Broken`], which fails the run that reaches it, so that an unfinished flow can be
//! tried as far as it goes. [`check`] says what is broken before anybody does.

mod check;
mod kinds;
mod logic;
mod messages;
mod patterns;
mod read;
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flow_model::FlowGraph;
use flow_model::fields::{DEFAULT_OUTPUT, ERROR_HANDLE};
use flow_model::graph::Node;
use serde_json::Value as Json;

pub use check::check;
pub use kinds::{Assignment, Broken, Change, Delay, End, Input, Kind, Parameter, ValueType, Wait};
pub use logic::{Branch, Combine, Comparison, Condition, Operand, Operator, Rule};
pub use messages::{Block, Button, ButtonAction, Card, Medium};
pub(crate) use patterns::pattern;
pub(crate) use read::Fields;
pub use requests::{Api, Auth, Backoff, Body, Extract, KeyPlace, Mapping, Reply, Request, Retry};

use crate::language::{Names, Slot};
use crate::value::Value;
use patterns::Patterns;

/// The place of a node in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIx(pub u32);

/// Names that every run has, and no node changes.
pub const BUILT_IN: &[&str] = &["run", "user", "input", "last_error", "now"];

/// A flow that can be run.
#[derive(Debug)]
pub struct Plan {
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) by_id: HashMap<Arc<str>, NodeIx>,
    pub(crate) start: Option<NodeIx>,
    pub(crate) names: Names,
    /// What variables are before anything happens.
    pub(crate) defaults: Vec<(Slot, Value)>,
    pub(crate) built_in: BuiltIn,
    pub(crate) budgets: Budgets,
}

/// Where [`BUILT_IN`] are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuiltIn {
    pub(crate) run: Slot,
    pub(crate) user: Slot,
    pub(crate) input: Slot,
    pub(crate) last_error: Slot,
    pub(crate) now: Slot,
}

/// A node, ready to be visited.
#[derive(Debug)]
pub struct PlanNode {
    pub id: Arc<str>,
    pub label: Option<Arc<str>>,
    pub kind: Kind,
    pub disabled: bool,
    pub on_error: OnError,
    /// What it yields instead of acting, where mocks are used.
    pub mock: Option<Mock>,
    /// By output; an output without an edge is not in it.
    ports: Vec<(Arc<str>, NodeIx)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    #[default]
    Stop,
    Port,
    Continue,
}

/// What a node yields instead of acting.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    Output(Value),
    Error(String),
    /// One after the other, visit by visit; the last of them from then on.
    Sequence(Vec<Mock>),
}

/// How much a run may do. Always on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Nodes visited between two pauses, and altogether.
    pub steps_per_turn: u32,
    pub steps_per_run: u32,
    /// Of all variables together.
    pub variable_bytes: usize,
    /// Of one message.
    pub message_bytes: usize,
    /// Of all that a turn says and changes, about.
    pub turn_bytes: usize,
}

impl Budgets {
    pub const DEFAULT: Self = Self {
        steps_per_turn: 500,
        steps_per_run: 10_000,
        variable_bytes: 1 << 20,
        message_bytes: 256 << 10,
        turn_bytes: 4 << 20,
    };

    /// As the flow's settings say, and never more than these.
    fn within(self, settings: &BTreeMap<String, Json>) -> Self {
        let setting = |name: &str| settings.get(name).and_then(Json::as_u64).filter(|number| *number > 0);
        let steps =
            |name, most: u32| setting(name).and_then(|n| u32::try_from(n).ok()).map_or(most, |n| n.min(most));
        Self {
            steps_per_turn: steps("max_steps_per_turn", self.steps_per_turn),
            steps_per_run: steps("max_steps_per_run", self.steps_per_run),
            ..self
        }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Plan {
    /// Compiles a graph. `most` are the server's maxima. `mocks` come before those of the
    /// nodes, by their ids.
    #[must_use]
    pub fn compile(graph: &FlowGraph, most: Budgets, mocks: &BTreeMap<String, Mock>) -> Self {
        let mut names = Names::default();
        let built_in = BuiltIn {
            run: names.slot("run"),
            user: names.slot("user"),
            input: names.slot("input"),
            last_error: names.slot("last_error"),
            now: names.slot("now"),
        };
        let executed = |node: &&Arc<Node>| node.spec().is_none_or(|spec| spec.executed);
        let members: Vec<&Arc<Node>> = graph.nodes.values().filter(executed).collect();
        let ixs = (0..).map(NodeIx);
        let by_id: HashMap<Arc<str>, NodeIx> =
            members.iter().map(|node| Arc::clone(&node.id)).zip(ixs).collect();
        let patterns = Patterns::default();
        let mut nodes: Vec<PlanNode> =
            members.iter().map(|node| compile_node(node, &by_id, &mut names, &patterns, mocks)).collect();
        for edge in graph.edges.values() {
            let ends = (by_id.get(edge.source.as_str()), by_id.get(edge.target.as_str()));
            if let (Some(source), Some(target)) = ends {
                nodes[source.index()].ports.push((edge.output().into(), *target));
            }
        }
        let start = nodes.iter().position(|node| matches!(node.kind, Kind::Start { .. }));
        let defaults = graph.variables.iter().filter(|(name, _)| !BUILT_IN.contains(&&***name));
        let defaults = defaults.map(|(name, variable)| {
            let default = variable.default.as_ref().map(|json| kinds::typed(&variable.value_type, json));
            (names.slot(name), default)
        });
        let defaults: Vec<_> = defaults.filter_map(|(slot, value)| Some((slot, value?))).collect();
        Self {
            nodes,
            by_id,
            start: start.map(|at| NodeIx(u32::try_from(at).expect("flows are bounded"))),
            names,
            defaults,
            built_in,
            budgets: most.within(&graph.settings),
        }
    }

    #[must_use]
    pub fn node(&self, ix: NodeIx) -> &PlanNode {
        &self.nodes[ix.index()]
    }

    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        self.by_id.get(id).copied()
    }

    pub fn nodes(&self) -> impl Iterator<Item = &PlanNode> {
        self.nodes.iter()
    }

    #[must_use]
    pub const fn budgets(&self) -> Budgets {
        self.budgets
    }
}

impl NodeIx {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl PlanNode {
    /// Where this output leads; `None`: nowhere.
    #[must_use]
    pub fn target(&self, port: &str) -> Option<NodeIx> {
        self.port(port).map(|(_, target)| target)
    }

    /// The output with its name, if it leads anywhere.
    pub(crate) fn port(&self, port: &str) -> Option<(&Arc<str>, NodeIx)> {
        self.ports.iter().find(|(name, _)| **name == *port).map(|(name, target)| (name, *target))
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.id)
    }

    /// The outputs that lead somewhere.
    pub fn ports(&self) -> impl Iterator<Item = (&str, NodeIx)> {
        self.ports.iter().map(|(name, target)| (&**name, *target))
    }
}

fn compile_node(
    node: &Node,
    by_id: &HashMap<Arc<str>, NodeIx>,
    names: &mut Names,
    patterns: &Patterns,
    mocks: &BTreeMap<String, Mock>,
) -> PlanNode {
    let kind = kinds::compile(node, by_id, names, patterns).unwrap_or_else(Kind::Broken);
    let text = |name: &str| node.data.get(name).and_then(Json::as_str);
    let on_error = match text("onError") {
        Some("port") => OnError::Port,
        Some("continue") => OnError::Continue,
        _ => OnError::Stop,
    };
    PlanNode {
        id: Arc::clone(&node.id),
        label: node.label.as_deref().filter(|label| !label.is_empty()).map(Arc::from),
        kind,
        disabled: node.disabled,
        on_error,
        mock: mocks.get(&*node.id).cloned().or_else(|| kinds::mock(node)),
        ports: Vec::new(),
    }
}

/// Names of outputs that the machine takes by itself.
pub(crate) mod ports {
    pub(crate) const OUT: &str = super::DEFAULT_OUTPUT;
    pub(crate) const ERROR: &str = super::ERROR_HANDLE;
    pub(crate) const ELSE: &str = "else";
    pub(crate) const INVALID: &str = "invalid";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const DEFAULT: &str = "default";
}
