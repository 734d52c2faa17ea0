use std::sync::Arc;

use jiff::Timestamp;

use super::{Changed, Done, ErrorKind, Machine, Next, Output, RunError, State};
use crate::language::{EvalError, Scope as _, Sink, Slot};
use crate::plan::{Assignment, Change, NodeIx, Plan, ports};
use crate::value::{VALUE_DEPTH_MAX, Value};

/// What an assignment is about to do.
enum Ready {
    Set(Value),
    Append(Value),
}

impl Ready {
    fn bytes(&self) -> usize {
        let (Self::Set(value) | Self::Append(value)) = self;
        value.bytes()
    }
}

/// A turn has written more into its journal than turns may.
pub(crate) fn too_much(most: usize) -> RunError {
    RunError::new(ErrorKind::BudgetExceeded, format!("the turn has written more than {most} bytes"))
}

impl Machine<'_> {
    pub(crate) fn set(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        assignments: &[Assignment],
        out: &mut Output,
    ) -> Next {
        // All right-hand sides see the state before the node.
        let mut ready = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            match self.state.right_side(assignment) {
                Ok(value) => ready.push((assignment.slot, value)),
                Err(error) => {
                    let name = self.state.name(assignment.slot);
                    let error = RunError { message: format!("{name}: {}", error.message), ..error };
                    return self.fail(now, at, error, Done::default(), out);
                }
            }
        }
        let mut changes = Vec::with_capacity(ready.len());
        // Each may be as large as all variables together, and the journal has all of them.
        let written: usize = ready.iter().map(|(_, ready)| ready.bytes()).sum();
        if written > self.plan.budgets.turn_bytes {
            let error = too_much(self.plan.budgets.turn_bytes);
            return self.fail(now, at, error, Done::default(), out);
        }
        for (slot, ready) in ready {
            let done = match ready {
                Ready::Set(value) => {
                    self.state.put(self.plan, slot, value.clone()).map(|()| Changed::Set { slot, value })
                }
                Ready::Append(value) => self
                    .state
                    .append(self.plan, slot, value.clone())
                    .map(|()| Changed::Appended { slot, value }),
            };
            match done {
                Ok(change) => changes.push(change),
                Err(error) => return self.fail(now, at, error, Done { changes, ..Done::default() }, out),
            }
        }
        self.leave(now, at, ports::OUT, Done { changes, ..Done::default() }, out)
    }
}

impl State {
    fn right_side(&self, assignment: &Assignment) -> Result<Ready, RunError> {
        let held = self.get(assignment.slot);
        Ok(match &assignment.change {
            Change::Value(value) => Ready::Set(value.clone()),
            Change::Template(template) => Ready::Set(Value::text(template.render(self, Sink::Text)?)),
            Change::Expression(expression) => Ready::Set(expression.evaluate(self)?),
            Change::Append(expression) => {
                let value = expression.evaluate(self)?;
                match held {
                    None | Some(Value::Null | Value::List(_)) => Ready::Append(value),
                    Some(other) => return Err(no_list(other)),
                }
            }
            Change::Remove(expression) => {
                let value = expression.evaluate(self)?;
                match held {
                    None | Some(Value::Null) => Ready::Set(Value::list(Vec::new())),
                    Some(Value::List(items)) => {
                        let kept = items.iter().filter(|item| !item.equals(&value)).cloned();
                        Ready::Set(Value::list(kept.collect()))
                    }
                    Some(other) => return Err(no_list(other)),
                }
            }
            Change::Increment(expression) => {
                let by = expression.evaluate(self)?;
                let zero = Value::Int(0);
                let held = held.filter(|value| **value != Value::Null).unwrap_or(&zero);
                Ready::Set(sum(held, &by)?)
            }
        })
    }

    /// Puts a value into a variable, if all of them together may be so large.
    pub(crate) fn put(&mut self, plan: &Plan, slot: Slot, value: Value) -> Result<(), RunError> {
        not_too_deep(&value, VALUE_DEPTH_MAX)?;
        let before = self.values[slot.index()].as_ref().map_or(0, Value::bytes);
        self.grow(plan, before, value.bytes())?;
        self.values[slot.index()] = Some(value);
        Ok(())
    }

    /// Costs what is added, not what is there.
    fn append(&mut self, plan: &Plan, slot: Slot, value: Value) -> Result<(), RunError> {
        not_too_deep(&value, VALUE_DEPTH_MAX - 1)?;
        self.grow(plan, 0, value.bytes())?;
        match &mut self.values[slot.index()] {
            Some(Value::List(items)) => Arc::make_mut(items).push(value),
            held => *held = Some(Value::list(vec![value])),
        }
        Ok(())
    }

    fn grow(&mut self, plan: &Plan, before: usize, after: usize) -> Result<(), RunError> {
        let most = plan.budgets.variable_bytes;
        let bytes = self.bytes.saturating_sub(before) + after;
        if bytes > most {
            let message = format!("the variables hold more than {most} bytes");
            return Err(RunError::new(ErrorKind::BudgetExceeded, message));
        }
        self.bytes = bytes;
        Ok(())
    }
}

fn not_too_deep(value: &Value, most: usize) -> Result<(), RunError> {
    if value.depth() > most { Err(EvalError::TooDeep(VALUE_DEPTH_MAX).into()) } else { Ok(()) }
}

fn no_list(value: &Value) -> RunError {
    EvalError::Type(format!("it holds {}, not a list", value.kind())).into()
}

fn sum(left: &Value, right: &Value) -> Result<Value, EvalError> {
    let mismatch = || EvalError::Type(format!("cannot add {} to {}", right.kind(), left.kind()));
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            left.checked_add(*right).map(Value::Int).ok_or(EvalError::Number)
        }
        _ => {
            let (left, right) = (left.as_f64().ok_or_else(mismatch)?, right.as_f64().ok_or_else(mismatch)?);
            Value::number(left + right).ok_or(EvalError::Number)
        }
    }
}
