use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{ErrorKind, Outcome, RunError, RunInfo};
use crate::language::{Scope, Slot};
use crate::plan::{Mock, NodeIx, Plan};
use crate::value::Value;

/// Where a run is, and what its variables hold.
#[derive(Debug, Clone)]
pub struct State {
    pub at: At,
    /// By slot.
    pub(crate) values: Vec<Option<Value>>,
    /// What the flow's variables take, about.
    pub(crate) bytes: usize,
    /// Nodes visited since the run began, and since it last waited.
    pub(crate) steps: u32,
    pub(crate) turn: Vec<NodeIx>,
    /// Messages said so far.
    pub(crate) said: u32,
    pub(crate) now: Option<Timestamp>,
    /// Nodes that have mocks yield those.
    pub mocks: bool,
    /// Visits of nodes whose mock is a sequence.
    mocked: BTreeMap<NodeIx, usize>,
    names: Arc<[Arc<str>]>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum At {
    Begin,
    /// The node that is visited next.
    Next(NodeIx),
    Waiting(Waiting),
    Ended(Outcome),
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub node: NodeIx,
    pub visit: u32,
    pub what: For,
    /// When it is woken, if nothing happens before.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "for")]
pub enum For {
    /// An answer, after so many that did not fit.
    Answer {
        refused: u32,
    },
    Delay,
    /// What a call comes to: the attempt, from 1.
    Call {
        attempt: u32,
        repeatable: bool,
    },
    /// The next attempt.
    Retry {
        attempt: u32,
    },
    /// A node that answers by itself, after a while.
    MockedCall,
}

/// A state that does not fit the plan it is read for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state of the run cannot be read: {0}")]
pub struct StateError(pub(crate) String);

impl State {
    pub(crate) fn new(plan: &Plan, info: &RunInfo) -> Self {
        let mut values = vec![None; plan.names.len()];
        for (slot, value) in &plan.defaults {
            values[slot.index()] = Some(value.clone());
        }
        let built_in = plan.built_in;
        values[built_in.run.index()] = Some(info.value());
        values[built_in.user.index()] = Some(info.user.clone());
        values[built_in.input.index()] = Some(Value::Null);
        values[built_in.last_error.index()] = Some(Value::Null);
        let bytes = plan.defaults.iter().map(|(_, value)| value.bytes()).sum();
        Self {
            at: At::Begin,
            values,
            bytes,
            steps: 0,
            turn: Vec::new(),
            said: 0,
            now: None,
            mocks: info.mocks,
            mocked: BTreeMap::new(),
            names: names(plan),
        }
    }

    /// The number of the visit under way, from 1.
    #[must_use]
    pub const fn visit(&self) -> u32 {
        self.steps
    }

    pub(crate) fn tick(&mut self, plan: &Plan, now: Timestamp) {
        self.now = Some(now);
        self.values[plan.built_in.now.index()] = Some(Value::DateTime(crate::value::DateTime::utc(now)));
    }

    /// Counts a visit, if there may be another.
    pub(crate) fn count(&mut self, plan: &Plan, node: NodeIx) -> Result<(), RunError> {
        let budgets = plan.budgets;
        let (steps, most) = if self.steps >= budgets.steps_per_run {
            ("altogether", budgets.steps_per_run)
        } else if self.turn.len() >= budgets.steps_per_turn as usize {
            ("without a pause", budgets.steps_per_turn)
        } else {
            self.steps += 1;
            self.turn.push(node);
            return Ok(());
        };
        let cycle = self.cycle(plan, node);
        let message = format!("the run has visited {most} nodes {steps}{cycle}");
        Err(RunError::new(ErrorKind::BudgetExceeded, message).at(plan.node(node)))
    }

    /// The way from the node back to itself that was walked last.
    fn cycle(&self, plan: &Plan, node: NodeIx) -> String {
        let Some(last) = self.turn.iter().rposition(|visited| *visited == node) else { return String::new() };
        let mut names: Vec<&str> =
            self.turn[last..].iter().map(|visited| plan.node(*visited).name()).collect();
        names.push(plan.node(node).name());
        const SHOWN: usize = 12;
        if names.len() > SHOWN {
            let rest = names.len() - SHOWN;
            names.truncate(SHOWN);
            return format!(", around {} and {rest} more", names.join(" → "));
        }
        format!(", around {}", names.join(" → "))
    }

    /// What the mock yields this time.
    pub(crate) fn next_mock<'m>(&mut self, node: NodeIx, mock: &'m Mock) -> &'m Mock {
        let Mock::Sequence(mocks) = mock else { return mock };
        let visits = self.mocked.entry(node).or_insert(0);
        let next = mocks.get(*visits).or(mocks.last()).unwrap_or(mock);
        *visits += 1;
        next
    }

    /// It waited: what was walked before does not count for the next turn.
    pub(crate) fn new_turn(&mut self) {
        self.turn.clear();
    }

    /// A variable's value, by its name.
    #[must_use]
    pub fn variable(&self, plan: &Plan, name: &str) -> Option<&Value> {
        self.values[plan.names.find(name)?.index()].as_ref()
    }

    /// The flow's variables, without those that every run has.
    #[must_use]
    pub fn variables(&self, plan: &Plan) -> Map<String, Json> {
        let own = self.own(plan).map(|(name, value)| (name.to_string(), value.to_json()));
        own.collect()
    }

    /// As a journal has them: with what JSON has no types for.
    pub(crate) fn typed_variables(&self, plan: &Plan) -> Json {
        let own = self.own(plan).map(|(name, value)| (name.to_string(), value.to_typed_json()));
        Json::Object(own.collect())
    }

    /// Puts in place what another run of the plan held; what it has no place for is left out.
    pub(crate) fn restore(
        &mut self,
        plan: &Plan,
        values: impl IntoIterator<Item = (String, Value)>,
        input: Value,
        last_error: Value,
    ) {
        for (name, value) in values {
            let slot = plan.names.find(&name).filter(|_| !crate::plan::BUILT_IN.contains(&&*name));
            if let Some(slot) = slot {
                self.values[slot.index()] = Some(value);
            }
        }
        self.bytes = self.own(plan).map(|(_, value)| value.bytes()).sum();
        self.values[plan.built_in.input.index()] = Some(input);
        self.values[plan.built_in.last_error.index()] = Some(last_error);
    }

    fn own<'s>(&'s self, plan: &'s Plan) -> impl Iterator<Item = (&'s Arc<str>, &'s Value)> {
        let named = plan.names.iter().filter(|(_, name)| !crate::plan::BUILT_IN.contains(&&***name));
        named.filter_map(|(slot, name)| Some((name, self.values[slot.index()].as_ref()?)))
    }

    /// As it is stored. Names, not places: the plan is compiled again before it is read.
    #[must_use]
    pub fn to_json(&self, plan: &Plan) -> Json {
        let id = |node: NodeIx| plan.node(node).id.to_string();
        let at = match &self.at {
            At::Begin => json!({ "state": "begin" }),
            At::Next(node) => json!({ "state": "next", "node": id(*node) }),
            At::Waiting(Waiting { node, visit, what, until }) => {
                json!({ "state": "waiting", "node": id(*node), "visit": visit, "what": what, "until": until })
            }
            At::Ended(outcome) => json!({ "state": "ended", "outcome": outcome }),
        };
        let values = plan.names.iter().filter_map(|(slot, name)| {
            Some((name.to_string(), self.values[slot.index()].as_ref()?.to_typed_json()))
        });
        let mut json = json!({
            "at": at,
            "values": values.collect::<Map<_, _>>(),
            "steps": self.steps,
            "said": self.said,
            "turn": self.turn.iter().map(|node| id(*node)).collect::<Vec<_>>(),
            "mocks": self.mocks,
        });
        if !self.mocked.is_empty() {
            let mocked = self.mocked.iter().map(|(node, visits)| (id(*node), json!(visits)));
            json["mocked"] = Json::Object(mocked.collect());
        }
        json
    }

    /// # Errors
    /// [`StateError`] where it names what the plan does not have.
    pub fn from_json(plan: &Plan, json: &Json) -> Result<Self, StateError> {
        let stored: Stored =
            serde_json::from_value(json.clone()).map_err(|error| StateError(error.to_string()))?;
        let node = |id: &str| plan.find(id).ok_or_else(|| StateError(format!("there is no node {id:?}")));
        let at = match stored.at {
            StoredAt::Begin => At::Begin,
            StoredAt::Next { node: id } => At::Next(node(&id)?),
            StoredAt::Waiting { node: id, visit, what, until } => {
                At::Waiting(Waiting { node: node(&id)?, visit, what, until })
            }
            StoredAt::Ended { outcome } => At::Ended(outcome),
        };
        let mut values = vec![None; plan.names.len()];
        for (name, value) in &stored.values {
            let slot =
                plan.names.find(name).ok_or_else(|| StateError(format!("there is no variable {name:?}")))?;
            values[slot.index()] = Some(Value::from_typed_json(value));
        }
        let mocked = stored.mocked.iter().map(|(id, visits)| Ok((node(id)?, *visits)));
        let mocked = mocked.collect::<Result<_, StateError>>()?;
        let turn = stored.turn.iter().map(|id| node(id)).collect::<Result<_, _>>()?;
        let mut state = Self {
            at,
            values,
            bytes: 0,
            steps: stored.steps,
            turn,
            said: stored.said,
            now: None,
            mocks: stored.mocks,
            mocked,
            names: names(plan),
        };
        state.bytes = state.own(plan).map(|(_, value)| value.bytes()).sum();
        Ok(state)
    }
}

fn names(plan: &Plan) -> Arc<[Arc<str>]> {
    plan.names.iter().map(|(_, name)| Arc::clone(name)).collect()
}

#[derive(Deserialize)]
struct Stored {
    at: StoredAt,
    values: Map<String, Json>,
    steps: u32,
    said: u32,
    turn: Vec<String>,
    mocks: bool,
    #[serde(default)]
    mocked: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum StoredAt {
    Begin,
    Next { node: String },
    Waiting { node: String, visit: u32, what: For, until: Option<Timestamp> },
    Ended { outcome: Outcome },
}

impl Scope for State {
    fn get(&self, slot: Slot) -> Option<&Value> {
        self.values.get(slot.index())?.as_ref()
    }

    fn name(&self, slot: Slot) -> &str {
        self.names.get(slot.index()).map_or("", |name| name)
    }
}
