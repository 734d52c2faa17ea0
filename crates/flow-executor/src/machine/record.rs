use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{CallRequest, Done, Message, Outcome, RunError};
use crate::inputs::FileRef;
use crate::language::Slot;
use crate::plan::{NodeIx, Plan};
use crate::value::Value;

/// About what one file takes in the journal.
const FILE_BYTES: usize = 300;

/// An entry of a run's journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Started {
        at: Timestamp,
        input: Json,
        /// What the variables hold to begin with.
        variables: Json,
    },
    /// The run begins at a visit of another run.
    Replayed {
        at: Timestamp,
        of: String,
        visit: u32,
        variables: Json,
        /// `input` and `last_error` in the language.
        input: Json,
        last_error: Json,
        /// Nodes that yield what was recorded.
        recorded: Vec<String>,
    },
    /// A node was visited, and left.
    Step(Box<Step>),
    /// A call is about to be made. Followed by a step once it has come to something.
    Calling {
        at: Timestamp,
        request: Box<CallRequest>,
    },
    Emitted {
        at: Timestamp,
        visit: u32,
        node: NodeIx,
        message: Message,
    },
    Paused {
        at: Timestamp,
        visit: u32,
        node: NodeIx,
        awaiting: &'static str,
        until: Option<Timestamp>,
    },
    Resumed {
        at: Timestamp,
        by: &'static str,
    },
    /// An answer that does not fit; the run asks again.
    Refused {
        at: Timestamp,
        visit: u32,
        node: NodeIx,
        answer: String,
        files: Vec<FileRef>,
        code: &'static str,
    },
    Ended {
        at: Timestamp,
        outcome: Outcome,
    },
}

/// One visit of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub at: Timestamp,
    pub visit: u32,
    pub node: NodeIx,
    pub attempt: u32,
    pub input: Option<Json>,
    pub output: Option<Json>,
    pub error: Option<RunError>,
    /// The output it was left by; none where the run ended.
    pub port: Option<Arc<str>>,
    pub changes: Vec<Changed>,
}

/// What became of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    Set {
        slot: Slot,
        value: Value,
    },
    /// As much as was added: a list that grows would otherwise be recorded as often as it has
    /// items.
    Appended {
        slot: Slot,
        value: Value,
    },
}

impl Record {
    pub(crate) fn step(at: Timestamp, visit: u32, node: NodeIx, done: Done, port: Option<Arc<str>>) -> Self {
        let Done { attempt, input, output, error, changes } = done;
        Self::Step(Box::new(Step { at, visit, node, attempt, input, output, error, port, changes }))
    }

    /// About what it takes in the journal.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let json = |json: &Option<Json>| json.as_ref().map_or(0, |json| json.to_string().len());
        100 + match self {
            Self::Step(step) => {
                let changes = step.changes.iter().map(|change| {
                    let (Changed::Set { value, .. } | Changed::Appended { value, .. }) = change;
                    value.bytes()
                });
                changes.sum::<usize>() + json(&step.input) + json(&step.output)
            }
            Self::Emitted { message, .. } => message.text.len() + message.block.to_string().len(),
            Self::Refused { answer, files, .. } => answer.len() + files.len() * FILE_BYTES,
            Self::Started { input, variables, .. } => input.to_string().len() + variables.to_string().len(),
            Self::Replayed { variables, input, .. } => variables.to_string().len() + input.to_string().len(),
            Self::Calling { request, .. } => request.url.len() + request.body.as_ref().map_or(0, String::len),
            Self::Paused { .. } | Self::Resumed { .. } | Self::Ended { .. } => 0,
        }
    }

    /// As it is stored and shown.
    #[must_use]
    pub fn to_json(&self, plan: &Plan) -> Json {
        let id = |node: &NodeIx| plan.node(*node).id.to_string();
        match self {
            Self::Started { at, input, variables } => {
                json!({ "type": "started", "at": at, "input": input, "variables": variables })
            }
            Self::Replayed { at, of, visit, variables, input, last_error, recorded } => json!({
                "type": "replayed", "at": at, "of": of, "visit": visit, "variables": variables,
                "input": input, "lastError": last_error, "recorded": recorded,
            }),
            Self::Step(step) => step.to_json(plan),
            Self::Calling { at, request } => json!({ "type": "calling", "at": at, "request": request }),
            Self::Emitted { at, visit, node, message } => {
                json!({ "type": "emitted", "at": at, "visit": visit, "node": id(node), "message": message })
            }
            Self::Paused { at, visit, node, awaiting, until } => json!({
                "type": "paused", "at": at, "visit": visit, "node": id(node), "awaiting": awaiting, "until": until,
            }),
            Self::Resumed { at, by } => json!({ "type": "resumed", "at": at, "by": by }),
            Self::Refused { at, visit, node, answer, files, code } => {
                let mut json = json!({
                    "type": "refused", "at": at, "visit": visit, "node": id(node), "answer": answer, "code": code,
                });
                if !files.is_empty() {
                    json["files"] = json!(files);
                }
                json
            }
            Self::Ended { at, outcome } => json!({ "type": "ended", "at": at, "outcome": outcome }),
        }
    }
}

impl Step {
    fn to_json(&self, plan: &Plan) -> Json {
        let changes = self.changes.iter().map(|change| match change {
            Changed::Set { slot, value } => {
                json!({ "variable": plan.names.name(*slot), "value": value.to_typed_json() })
            }
            Changed::Appended { slot, value } => {
                json!({ "variable": plan.names.name(*slot), "appended": value.to_typed_json() })
            }
        });
        let mut json = json!({
            "type": "step",
            "at": self.at,
            "visit": self.visit,
            "node": plan.node(self.node).id,
            "port": self.port,
        });
        let fields = json.as_object_mut().expect("it was written as an object");
        let changes: Vec<Json> = changes.collect();
        let optional = [
            ("attempt", (self.attempt > 0).then(|| self.attempt.into())),
            ("input", self.input.clone()),
            ("output", self.output.clone()),
            ("error", self.error.as_ref().map(|error| json!(error))),
            ("changes", (!changes.is_empty()).then_some(Json::Array(changes))),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        json
    }
}
