use jiff::Timestamp;
use serde_json::Value as Json;

use super::{At, ErrorKind, Machine, Next, Outcome, Output, Record, RunError};
use crate::plan::{Kind, Parameter};
use crate::value::{DateTime, Object, Value};

/// What a run is told of itself.
#[derive(Debug, Clone)]
pub struct RunInfo {
    pub id: String,
    pub started_at: Timestamp,
    /// Who it is with: nothing for somebody unknown.
    pub user: Value,
    /// Nodes that have mocks yield those.
    pub mocks: bool,
}

impl RunInfo {
    pub(crate) fn value(&self) -> Value {
        let mut fields = Object::new();
        fields.insert("id".into(), Value::text(self.id.as_str()));
        fields.insert("started_at".into(), Value::DateTime(DateTime::utc(self.started_at)));
        Value::object(fields)
    }
}

impl Machine<'_> {
    pub(crate) fn start(&mut self, now: Timestamp, input: &Object, out: &mut Output) -> Next {
        let given = Value::object(input.clone()).to_json();
        let bound = self
            .plan
            .start
            .map(|start| self.bind(start, input).map(|()| start).map_err(|error| (start, error)));
        let variables = self.state.typed_variables(self.plan);
        out.records.push(Record::Started { at: now, input: given, variables });
        let Some(bound) = bound else {
            let error = RunError::new(ErrorKind::NoStart, "the flow has no start");
            return self.end(now, Outcome::Failed { error }, out);
        };
        match bound {
            Ok(start) => {
                self.state.at = At::Next(start);
                Next::Go
            }
            Err((start, error)) => {
                let error = error.at(self.plan.node(start));
                self.end(now, Outcome::Failed { error }, out)
            }
        }
    }

    fn bind(&mut self, start: crate::plan::NodeIx, input: &Object) -> Result<(), RunError> {
        let plan = self.plan;
        let Kind::Start { parameters } = &plan.node(start).kind else { return Ok(()) };
        for parameter in parameters {
            let value = bound(parameter, input.get(&parameter.name))?;
            if let Some(value) = value {
                self.state.put(plan, parameter.slot, value)?;
            }
        }
        // Others set variables of the flow: what a test begins with. Whoever talks to an active
        // flow sets what its author has declared, and nothing else.
        for (name, value) in
            input.iter().filter(|(name, _)| !parameters.iter().any(|known| known.name == **name))
        {
            let slot = plan.names.find(name).filter(|_| !crate::plan::BUILT_IN.contains(&&**name));
            let slot = slot.filter(|_| self.state.mocks);
            let slot = slot.ok_or_else(|| invalid(name, "there is no such parameter"))?;
            self.state.put(plan, slot, value.clone())?;
        }
        Ok(())
    }
}

fn bound(parameter: &Parameter, given: Option<&Value>) -> Result<Option<Value>, RunError> {
    let given = given.filter(|value| **value != Value::Null);
    let Some(given) = given else {
        if parameter.required && parameter.default.is_none() {
            return Err(invalid(&parameter.name, "it is required"));
        }
        return Ok(parameter.default.clone());
    };
    let json: Json = given.to_json();
    let read = parameter.value_type.read(&json);
    let value = read.ok_or_else(|| {
        invalid(&parameter.name, &format!("it must be {}, not {}", parameter.value_type.says(), given.kind()))
    })?;
    Ok(Some(value))
}

fn invalid(name: &str, message: &str) -> RunError {
    RunError::new(ErrorKind::InvalidInput, format!("parameter {name}: {message}"))
}
