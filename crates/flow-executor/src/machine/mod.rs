//! The machine: walks a plan, one node at a time. It does no IO, reads no clock and draws no
//! random number; what it wants done are [`Effect`]s, and what it did are [`Record`]s.
//!
//! Start with [`Machine::step`].

mod calls;
mod effect;
mod ending;
mod error;
mod event;
mod inputs;
mod nodes;
mod record;
mod render;
mod start;
mod state;
mod variables;

pub use effect::{Ask, CallAuth, CallRequest, Effect, Message};
pub use ending::Outcome;
pub use error::{ErrorKind, RunError};
pub use event::{CallError, CallFailure, Event, Happened, Response};
pub use record::{Changed, Record};
pub use start::RunInfo;
pub use state::{At, For, State, StateError, Waiting};

use crate::plan::{Kind, NodeIx, Plan, ports};

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Give it [`Happened::Go`].
    Go,
    /// Something has to happen first.
    Wait,
    Ended,
}

/// What a step came to, besides the state.
#[derive(Debug, Default)]
pub struct Output {
    pub effects: Vec<Effect>,
    pub records: Vec<Record>,
}

/// A plan, and the state of one run of it.
#[derive(Debug)]
pub struct Machine<'p> {
    pub(crate) plan: &'p Plan,
    pub state: State,
}

/// An event that does not fit what the run waits for. The state is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    #[error("the run has ended")]
    Ended,
    #[error("the run does not wait for this")]
    NotWaited,
}

impl<'p> Machine<'p> {
    /// A run that has not begun.
    #[must_use]
    pub fn new(plan: &'p Plan, info: &RunInfo) -> Self {
        Self { plan, state: State::new(plan, info) }
    }

    #[must_use]
    pub const fn resume(plan: &'p Plan, state: State) -> Self {
        Self { plan, state }
    }

    #[must_use]
    pub const fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// Takes an event: visits one node, or ends the waiting of one.
    ///
    /// # Errors
    /// [`Stale`], and nothing has changed.
    pub fn step(&mut self, event: Event, out: &mut Output) -> Result<Next, Stale> {
        let Event { at: now, what } = event;
        if matches!(self.state.at, At::Ended(_)) {
            return Err(Stale::Ended);
        }
        if matches!(what, Happened::Cancel) {
            out.records.push(Record::Resumed { at: now, by: "cancel" });
            return Ok(self.end(now, Outcome::Cancelled, out));
        }
        if matches!(what, Happened::Overran) {
            let message = "computing a turn took longer than it may";
            let error = RunError::new(ErrorKind::BudgetExceeded, message);
            return Ok(self.end(now, Outcome::Failed { error }, out));
        }
        if matches!(what, Happened::Overflowed) {
            let error = variables::too_much(self.plan.budgets.turn_bytes);
            return Ok(self.end(now, Outcome::Failed { error }, out));
        }
        match (&self.state.at, what) {
            (At::Begin, Happened::Start { input }) => {
                self.state.tick(self.plan, now);
                Ok(self.start(now, &input, out))
            }
            (At::Next(node), Happened::Go) => {
                let node = *node;
                if self.state.now != Some(now) {
                    self.state.tick(self.plan, now);
                }
                Ok(self.visit(now, node, out))
            }
            (At::Waiting(waiting), what) => {
                let waiting = waiting.clone();
                self.resumed(now, &waiting, what, out)
            }
            _ => Err(Stale::NotWaited),
        }
    }

    /// Steps until something has to happen. Takes what one turn may take.
    ///
    /// # Errors
    /// [`Stale`], and nothing has changed.
    pub fn turn(&mut self, event: Event, out: &mut Output) -> Result<Next, Stale> {
        let now = event.at;
        let mut next = self.step(event, out)?;
        while next == Next::Go {
            next = self.step(Event { at: now, what: Happened::Go }, out)?;
        }
        Ok(next)
    }

    fn visit(&mut self, now: jiff::Timestamp, at: NodeIx, out: &mut Output) -> Next {
        if let Err(error) = self.state.count(self.plan, at) {
            return self.end(now, Outcome::Failed { error }, out);
        }
        let plan = self.plan;
        let node = plan.node(at);
        if node.disabled {
            // What it would have chosen from is passed by the way that is always there.
            let port = if matches!(node.kind, Kind::Condition(_)) { ports::ELSE } else { ports::OUT };
            return self.leave(now, at, port, Done::default(), out);
        }
        if let Some(mock) = node.mock.as_ref().filter(|_| self.state.mocks) {
            let mock = self.state.next_mock(at, mock);
            return self.mocked(now, at, mock, out);
        }
        match &node.kind {
            Kind::Start { .. } => self.leave(now, at, ports::OUT, Done::default(), out),
            Kind::Message { blocks, typing_ms } => self.message(now, at, blocks, *typing_ms, out),
            Kind::Input(input) => self.ask(now, at, input, out),
            Kind::Condition(condition) => self.condition(now, at, condition, out),
            Kind::Set(assignments) => self.set(now, at, assignments, out),
            Kind::Api(api) => self.api(now, at, api, out),
            Kind::Delay(delay) => self.delay(now, at, delay, out),
            Kind::Jump(target) => {
                let target = *target;
                out.records.push(Record::step(
                    now,
                    self.state.visit(),
                    at,
                    Done::default(),
                    Some("jump".into()),
                ));
                self.state.at = At::Next(target);
                Next::Go
            }
            Kind::End(end) => self.ending(now, at, end, out),
            Kind::Broken(broken) => {
                let message = if broken.field.is_empty() {
                    broken.message.clone()
                } else {
                    format!("{}: {}", broken.field, broken.message)
                };
                // Not what the node may go on from: nobody knows what it was to do.
                let error = RunError::new(ErrorKind::InvalidNode, message).at(node);
                self.end(now, Outcome::Failed { error }, out)
            }
        }
    }
}

/// What a visit came to, for its record.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) attempt: u32,
    pub(crate) input: Option<serde_json::Value>,
    pub(crate) output: Option<serde_json::Value>,
    pub(crate) error: Option<RunError>,
    pub(crate) changes: Vec<Changed>,
}

#[cfg(test)]
mod tests;
