mod calls;
mod inputs;
mod logic;
mod samples;

use std::collections::BTreeMap;

use flow_model::FlowJson;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::*;
use crate::inputs::Answer;
use crate::plan::{Budgets, Mock, Plan};
use crate::value::Value;

/// A flow, from its nodes and `source.port → target` edges.
pub(super) fn flow(nodes: &Json, edges: &[&str], variables: &Json) -> Plan {
    flow_with(nodes, edges, variables, &BTreeMap::new())
}

pub(super) fn flow_with(
    nodes: &Json,
    edges: &[&str],
    variables: &Json,
    mocks: &BTreeMap<String, Mock>,
) -> Plan {
    let edges: Vec<Json> = edges
        .iter()
        .map(|edge| {
            let (source, target) = edge.split_once(" → ").unwrap();
            let (source, port) = source.split_once('.').unwrap_or((source, "out"));
            json!({ "source": source, "sourceHandle": port, "target": target })
        })
        .collect();
    let json = json!({ "interflow": 1, "nodes": nodes, "edges": edges, "variables": variables });
    Plan::compile(FlowJson::from_value(&json).unwrap().graph(), Budgets::DEFAULT, mocks)
}

/// A run that is played by hand. At every pause its state is written and read back, as a
/// server does.
pub(super) struct Play<'p> {
    pub(super) machine: Machine<'p>,
    pub(super) now: Timestamp,
    /// Everything that was done.
    pub(super) out: Output,
}

impl<'p> Play<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self::with(plan, &json!({}), false)
    }

    pub(super) fn with(plan: &'p Plan, input: &Json, mocks: bool) -> Self {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let info = RunInfo { id: "run-1".into(), started_at: now, user: Value::Null, mocks };
        let mut this = Self { machine: Machine::new(plan, &info), now, out: Output::default() };
        let Value::Object(input) = Value::from(input) else { panic!("parameters are an object") };
        this.happen(Happened::Start { input: (*input).clone() });
        this
    }

    pub(super) fn happen(&mut self, what: Happened) -> Next {
        let next = self.machine.turn(Event { at: self.now, what }, &mut self.out).unwrap();
        let stored = self.machine.state.to_json(self.machine.plan());
        let stored: Json = serde_json::from_str(&stored.to_string()).unwrap();
        let state = State::from_json(self.machine.plan(), &stored).unwrap();
        assert_eq!(state.to_json(self.machine.plan()), stored);
        self.machine = Machine::resume(self.machine.plan(), state);
        next
    }

    pub(super) fn say(&mut self, text: &str) -> &mut Self {
        self.happen(Happened::Answered(Answer::Text(text.into())));
        self
    }

    /// The timer that is set fires.
    pub(super) fn due(&mut self) -> &mut Self {
        let At::Waiting(waiting) = &self.machine.state.at else { panic!("it does not wait") };
        self.now = waiting.until.expect("a timer is set");
        self.happen(Happened::Due);
        self
    }

    pub(super) fn after(&mut self, ms: i64) -> &mut Self {
        self.now += SignedDuration::from_millis(ms);
        self
    }

    pub(super) fn answered(&mut self, status: u16, body: &Json) -> &mut Self {
        let response = Response { status, headers: BTreeMap::new(), body: body.to_string(), ms: 7 };
        self.called(Ok(response))
    }

    pub(super) fn failed(&mut self, failure: CallFailure) -> &mut Self {
        self.called(Err(CallError { failure, message: format!("{failure:?}") }))
    }

    pub(super) fn called(&mut self, result: Result<Response, CallError>) -> &mut Self {
        let At::Waiting(Waiting { visit, what: For::Call { attempt, .. }, .. }) = self.machine.state.at
        else {
            panic!("it calls nobody");
        };
        self.happen(Happened::Called { visit, attempt, result });
        self
    }

    /// What was said since the last look.
    pub(super) fn said(&mut self) -> Vec<String> {
        let effects = std::mem::take(&mut self.out.effects);
        let said = effects.into_iter().filter_map(|effect| match effect {
            Effect::Emit(message) => Some(message.text),
            _ => None,
        });
        said.collect()
    }

    pub(super) fn calls(&self) -> Vec<&CallRequest> {
        let calls = self.out.effects.iter().filter_map(|effect| match effect {
            Effect::Call(request) => Some(&**request),
            _ => None,
        });
        calls.collect()
    }

    /// Where it is: `waiting at x`, or how it ended.
    pub(super) fn state(&self) -> String {
        match &self.machine.state.at {
            At::Begin | At::Next(_) => panic!("a turn goes on until something has to happen"),
            At::Waiting(waiting) => format!("waiting at {}", self.machine.plan().node(waiting.node).id),
            At::Ended(Outcome::Completed { output }) => format!("completed {output}"),
            At::Ended(Outcome::Failed { error }) => format!("failed: {error}"),
            At::Ended(Outcome::Cancelled) => "cancelled".into(),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Json {
        self.machine.state.variable(self.machine.plan(), name).map_or(Json::Null, Value::to_json)
    }
}
