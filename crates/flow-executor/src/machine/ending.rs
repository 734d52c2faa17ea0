use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{At, Done, Effect, ErrorKind, Machine, Next, Output, Record, RunError};
use crate::plan::{End, Kind, NodeIx, OnError, ports};
use crate::value::Value;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Outcome {
    Completed { output: Json },
    Failed { error: RunError },
    Cancelled,
}

impl Outcome {
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Machine<'_> {
    pub(crate) fn end(&mut self, now: Timestamp, outcome: Outcome, out: &mut Output) -> Next {
        let had_timer = matches!(&self.state.at, At::Waiting(waiting) if waiting.until.is_some());
        if had_timer {
            out.effects.push(Effect::ClearTimer);
        }
        out.records.push(Record::Ended { at: now, outcome: outcome.clone() });
        self.state.at = At::Ended(outcome);
        Next::Ended
    }

    /// Leaves a node by an output. One that leads nowhere ends the run normally.
    pub(crate) fn leave(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        port: &str,
        done: Done,
        out: &mut Output,
    ) -> Next {
        let (name, target) = match self.plan.node(at).port(port) {
            Some((name, target)) => (Arc::clone(name), Some(target)),
            None => (port.into(), None),
        };
        out.records.push(Record::step(now, self.state.visit(), at, done, Some(name)));
        match target {
            Some(target) => {
                self.state.at = At::Next(target);
                Next::Go
            }
            None => self.end(now, Outcome::Completed { output: Json::Null }, out),
        }
    }

    /// A node has failed: its `onError` says what follows. A call's `error` output is taken
    /// wherever it leads somewhere.
    pub(crate) fn fail(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        error: RunError,
        done: Done,
        out: &mut Output,
    ) -> Next {
        let node = self.plan.node(at);
        let error = error.at(node);
        self.state.values[self.plan.built_in.last_error.index()] = Some(error.value());
        let done = Done { error: Some(error.clone()), ..done };
        // Going on would use up what the run has not got.
        let is_final = matches!(error.kind, ErrorKind::BudgetExceeded);
        let takes_port = node.on_error == OnError::Port
            || matches!(node.kind, Kind::Api(_)) && node.target(ports::ERROR).is_some();
        if takes_port && !is_final {
            return self.leave(now, at, ports::ERROR, done, out);
        }
        if node.on_error == OnError::Continue && !is_final {
            let port = if matches!(node.kind, Kind::Condition(_)) { ports::ELSE } else { ports::OUT };
            return self.leave(now, at, port, done, out);
        }
        out.records.push(Record::step(now, self.state.visit(), at, done, None));
        self.end(now, Outcome::Failed { error }, out)
    }

    pub(crate) fn ending(&mut self, now: Timestamp, at: NodeIx, end: &End, out: &mut Output) -> Next {
        let mut output = Map::new();
        for (name, expression) in &end.output {
            // A result of which nothing was ever put into a variable is nothing.
            let value = match expression.evaluate(&self.state) {
                Err(crate::language::EvalError::Unknown(_)) => Value::Null,
                Ok(value) => value,
                Err(error) => return self.fail(now, at, error.into(), Done::default(), out),
            };
            output.insert(name.to_string(), value.to_json());
        }
        if let Some(message) = &end.message
            && let Err(error) = self.say(now, at, message, out)
        {
            return self.fail(now, at, error, Done::default(), out);
        }
        let output = Json::Object(output);
        let done = Done { output: Some(output.clone()), ..Done::default() };
        out.records.push(Record::step(now, self.state.visit(), at, done, None));
        self.end(now, Outcome::Completed { output }, out)
    }
}
