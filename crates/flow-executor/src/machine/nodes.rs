//! Nodes that need nobody else: messages, conditions, delays, and mocks.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::{At, Changed, Done, Effect, ErrorKind, For, Machine, Next, Output, Record, RunError, Waiting};
use crate::compare;
use crate::language::EvalError;
use crate::plan::{Block, Condition, Delay, Kind, Mock, NodeIx, Wait, ports};
use crate::value::{DateTime, Value};

/// The longest delay.
const DELAY_MS_MAX: i64 = 365 * 24 * 60 * 60 * 1_000;

impl Machine<'_> {
    pub(crate) fn message(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        blocks: &[Block],
        typing_ms: Option<u64>,
        out: &mut Output,
    ) -> Next {
        // All of them or none: what is said twice cannot be taken back.
        let mut messages = Vec::with_capacity(blocks.len());
        for (place, block) in blocks.iter().enumerate() {
            match self.rendered(block, place, typing_ms) {
                Ok(message) => messages.push(message),
                Err(error) => return self.fail(now, at, error, Done::default(), out),
            }
        }
        for message in messages {
            self.emit(now, at, message, out);
        }
        self.leave(now, at, ports::OUT, Done::default(), out)
    }

    pub(crate) fn condition(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        condition: &Condition,
        out: &mut Output,
    ) -> Next {
        match compare::branch(condition, &self.state) {
            Ok(Some(branch)) => self.leave(now, at, &condition.branches[branch].port, Done::default(), out),
            Ok(None) => self.leave(now, at, ports::ELSE, Done::default(), out),
            Err(error) => self.fail(now, at, error.into(), Done::default(), out),
        }
    }

    pub(crate) fn delay(&mut self, now: Timestamp, at: NodeIx, delay: &Delay, out: &mut Output) -> Next {
        let until = match self.wake_at(now, &delay.wait) {
            Ok(until) => until,
            Err(error) => return self.fail(now, at, error.into(), Done::default(), out),
        };
        if until <= now {
            return self.leave(now, at, ports::OUT, Done::default(), out);
        }
        if delay.typing {
            let ms = u64::try_from(until.duration_since(now).as_millis()).unwrap_or(u64::MAX);
            out.effects.push(Effect::Typing { ms });
        }
        self.wait(now, at, For::Delay, "delay", Some(until), out)
    }

    fn wake_at(&self, now: Timestamp, wait: &Wait) -> Result<Timestamp, EvalError> {
        let after = |ms: i64| {
            let ms = ms.clamp(0, DELAY_MS_MAX);
            now.checked_add(SignedDuration::from_millis(ms)).map_err(|_| EvalError::Number)
        };
        let until = match wait {
            Wait::For { ms } => after(i64::try_from(*ms).unwrap_or(i64::MAX))?,
            Wait::Until(moment) => moment.timestamp(),
            Wait::As(expression) => match expression.evaluate(&self.state)? {
                Value::DateTime(moment) => moment.timestamp(),
                value @ (Value::Int(_) | Value::Float(_)) =>
                {
                    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and is bounded")]
                    after(value.as_f64().unwrap_or_default() as i64)?
                }
                Value::Text(text) => match DateTime::parse(&text) {
                    Some(moment) => moment.timestamp(),
                    None => return Err(EvalError::Type(format!("{text:?} is no date and time"))),
                },
                other => {
                    let message = format!("{} is neither milliseconds nor a date and time", other.kind());
                    return Err(EvalError::Type(message));
                }
            },
        };
        Ok(until.min(after(DELAY_MS_MAX)?))
    }

    /// Waits for something, and for a moment at the latest.
    pub(crate) fn wait(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        what: For,
        awaiting: &'static str,
        until: Option<Timestamp>,
        out: &mut Output,
    ) -> Next {
        if let Some(until) = until {
            out.effects.push(Effect::SetTimer(until));
        }
        let visit = self.state.visit();
        out.records.push(Record::Paused { at: now, visit, node: at, awaiting, until });
        self.state.at = At::Waiting(Waiting { node: at, visit, what, until });
        self.state.new_turn();
        Next::Wait
    }

    /// Yields what its mock says instead of acting.
    pub(crate) fn mocked(&mut self, now: Timestamp, at: NodeIx, mock: &Mock, out: &mut Output) -> Next {
        let output = match mock {
            Mock::Error(message) => {
                let error = RunError::new(ErrorKind::Mock, message.as_str());
                return self.fail(now, at, error, Done::default(), out);
            }
            Mock::Output(output) => output,
            Mock::Sequence(_) => {
                let error = RunError::new(ErrorKind::Mock, "the mock is an empty sequence");
                return self.fail(now, at, error, Done::default(), out);
            }
        };
        let plan = self.plan;
        let mut done = Done { output: Some(json!({ "mocked": output.to_json() })), ..Done::default() };
        match &plan.node(at).kind {
            Kind::Input(input) => {
                if let Err(error) = self.state.put(plan, input.variable, output.clone()) {
                    return self.fail(now, at, error, done, out);
                }
                done.changes.push(Changed::Set { slot: input.variable, value: output.clone() });
                self.leave(now, at, ports::OUT, done, out)
            }
            Kind::Api(api) => {
                let (status, body) = mocked_response(output);
                let body = body.to_json();
                self.answered(now, at, api, status, &Json::Null, &body, 0, done, out)
            }
            Kind::End(end) => self.ending(now, at, end, out),
            Kind::Condition(_) => {
                // The output is that of the branch.
                let port = output.as_text().unwrap_or(ports::ELSE).to_owned();
                self.leave(now, at, &port, done, out)
            }
            _ => self.leave(now, at, ports::OUT, done, out),
        }
    }
}

/// `{status, body}`, or the body alone.
fn mocked_response(output: &Value) -> (u16, Value) {
    if let Value::Object(fields) = output
        && let Some(Value::Int(status)) = fields.get("status")
        && let Ok(status) = u16::try_from(*status)
    {
        return (status, fields.get("body").cloned().unwrap_or_default());
    }
    (200, output.clone())
}
