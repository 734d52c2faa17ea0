use std::collections::HashMap;
use std::sync::Arc;

use flow_model::graph::Node;
use serde_json::Value as Json;

use super::patterns::Patterns;
use super::read::Fields;
use super::{Mock, NodeIx, logic, messages, requests};
use crate::inputs::{self, InputKind};
use crate::language::{Expression, Names, Slot, Template};
use crate::value::{DateTime, Value};

/// What a node does.
#[derive(Debug)]
pub enum Kind {
    Start {
        parameters: Vec<Parameter>,
    },
    Message {
        blocks: Vec<messages::Block>,
        typing_ms: Option<u64>,
    },
    Input(Box<Input>),
    Condition(logic::Condition),
    Set(Vec<Assignment>),
    Api(Box<requests::Api>),
    Delay(Delay),
    Jump(NodeIx),
    End(End),
    /// It makes no sense, or this release does not know it: reaching it is an error.
    Broken(Broken),
}

/// Why a node makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The field's path inside the node; empty where it is the node itself.
    pub field: String,
    pub message: String,
}

/// What a run is given when it starts.
#[derive(Debug)]
pub struct Parameter {
    pub name: Arc<str>,
    pub slot: Slot,
    pub value_type: ValueType,
    pub required: bool,
    pub default: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Any,
    Text,
    Number,
    Bool,
    List,
    Object,
    DateTime,
}

#[derive(Debug)]
pub struct Input {
    pub variable: Slot,
    pub kind: InputKind,
    pub prompt: Option<Template>,
    pub placeholder: Option<Template>,
    pub retry_message: Option<Template>,
    pub max_attempts: Option<u32>,
    pub timeout_ms: Option<u64>,
}

#[derive(Debug)]
pub struct Assignment {
    pub slot: Slot,
    pub change: Change,
}

#[derive(Debug)]
pub enum Change {
    Value(Value),
    Template(Template),
    Expression(Expression),
    Append(Expression),
    Remove(Expression),
    Increment(Expression),
}

#[derive(Debug)]
pub struct Delay {
    pub wait: Wait,
    pub typing: bool,
}

#[derive(Debug)]
pub enum Wait {
    For { ms: u64 },
    Until(DateTime),
    As(Expression),
}

#[derive(Debug)]
pub struct End {
    pub output: Vec<(Arc<str>, Expression)>,
    pub message: Option<Template>,
}

pub(super) fn compile(
    node: &Node,
    by_id: &HashMap<Arc<str>, NodeIx>,
    names: &mut Names,
    patterns: &Patterns,
) -> Result<Kind, Broken> {
    let Some(spec) = node.spec() else {
        let message =
            format!("this release does not know {:?} nodes of version {}", node.node_type, node.type_version);
        return Err(Broken { field: String::new(), message });
    };
    let fields = Fields::of_node(node, spec.fields, patterns);
    Ok(match spec.name {
        "start" => Kind::Start { parameters: parameters(&fields, names)? },
        "message" => {
            Kind::Message { blocks: messages::blocks(&fields, names)?, typing_ms: fields.count("typing_ms") }
        }
        "input" => Kind::Input(Box::new(input(&fields, names)?)),
        "condition" => Kind::Condition(logic::condition(&fields, names)?),
        "set" => Kind::Set(
            fields
                .list("assignments")
                .iter()
                .map(|item| assignment(item, names))
                .collect::<Result<_, _>>()?,
        ),
        "api" => Kind::Api(Box::new(requests::api(&fields, names)?)),
        "delay" => Kind::Delay(delay(&fields, names)?),
        "jump" => {
            let target = fields.text("target").ok_or_else(|| fields.missing("target"))?;
            let found = by_id.get(target).copied();
            Kind::Jump(found.ok_or_else(|| fields.broken("target", format!("there is no node {target:?}")))?)
        }
        "end" => Kind::End(end(node, &fields, names)?),
        other => unreachable!("the plan knows no {other}"),
    })
}

fn parameters(fields: &Fields<'_>, names: &mut Names) -> Result<Vec<Parameter>, Broken> {
    let parameter = |item: &Fields<'_>| {
        let slot = item.variable("name", names)?;
        let value_type = ValueType::named(item.choice("type")?);
        let default =
            item.json("default").map(|json| value_type.read(json).unwrap_or_else(|| Value::from(json)));
        Ok(Parameter {
            name: names.name(slot).into(),
            slot,
            value_type,
            required: item.bool("required"),
            default,
        })
    };
    fields.list("input").iter().map(parameter).collect()
}

fn input(fields: &Fields<'_>, names: &mut Names) -> Result<Input, Broken> {
    Ok(Input {
        variable: fields.variable("variable", names)?,
        kind: inputs::compile(fields, names)?,
        prompt: fields.template("prompt", names)?,
        placeholder: fields.template("placeholder", names)?,
        retry_message: fields.template("retry_message", names)?,
        max_attempts: fields.count("max_attempts").and_then(|number| u32::try_from(number).ok()),
        timeout_ms: fields.count("timeout_ms"),
    })
}

fn assignment(item: &Fields<'_>, names: &mut Names) -> Result<Assignment, Broken> {
    let slot = item.variable("variable", names)?;
    let change = match item.choice("kind")? {
        "value" => Change::Value(item.json("value").map(Value::from).unwrap_or_default()),
        "template" => match item.template("template", names)? {
            Some(template) => Change::Template(template),
            None => Change::Value(Value::text("")),
        },
        "append" => Change::Append(item.expression("expression", names)?),
        "remove" => Change::Remove(item.expression("expression", names)?),
        "increment" => Change::Increment(item.expression("expression", names)?),
        _ => Change::Expression(item.expression("expression", names)?),
    };
    Ok(Assignment { slot, change })
}

fn delay(fields: &Fields<'_>, names: &mut Names) -> Result<Delay, Broken> {
    let wait = match fields.choice("mode")? {
        "until" => {
            let text = fields.text("until").ok_or_else(|| fields.missing("until"))?;
            let moment = DateTime::parse(text);
            Wait::Until(moment.ok_or_else(|| fields.broken("until", "it is no date and time"))?)
        }
        "expression" => Wait::As(fields.expression("expression", names)?),
        _ => Wait::For { ms: fields.count("duration_ms").ok_or_else(|| fields.missing("duration_ms"))? },
    };
    Ok(Delay { wait, typing: fields.bool("typing") })
}

fn end(node: &Node, fields: &Fields<'_>, names: &mut Names) -> Result<End, Broken> {
    let output = node.data.get("output").and_then(Json::as_object);
    let mut compiled = Vec::new();
    for (name, source) in output.into_iter().flatten() {
        let field = format!("output/{name}");
        let source = source.as_str().unwrap_or_default();
        let expression = Expression::parse(source, names);
        compiled.push((name.as_str().into(), expression.map_err(|error| fields.broken(&field, error))?));
    }
    Ok(End { output: compiled, message: fields.template("message", names)? })
}

/// The mock that the node itself has, if it is enabled.
pub(super) fn mock(node: &Node) -> Option<Mock> {
    let mock = node.data.get("mock")?;
    if mock.get("enabled") != Some(&Json::Bool(true)) {
        return None;
    }
    Some(match mock.get("outcome").and_then(Json::as_str) {
        Some("error") => {
            Mock::Error(mock.get("error").and_then(Json::as_str).unwrap_or("the mock fails").to_owned())
        }
        _ => Mock::Output(mock.get("output").map(Value::from).unwrap_or_default()),
    })
}

/// A declared value: a moment is one, though the document can only hold its text.
pub(super) fn typed(value_type: &str, json: &Json) -> Value {
    ValueType::named(value_type).read(json).unwrap_or_else(|| Value::from(json))
}

impl ValueType {
    fn named(name: &str) -> Self {
        match name {
            "text" => Self::Text,
            "number" => Self::Number,
            "bool" => Self::Bool,
            "list" => Self::List,
            "object" => Self::Object,
            "datetime" => Self::DateTime,
            _ => Self::Any,
        }
    }

    /// The value, if it is of this type.
    #[must_use]
    pub fn read(self, json: &Json) -> Option<Value> {
        let value = Value::from(json);
        let fits = match (self, &value) {
            (Self::Any, _)
            | (Self::Text, Value::Text(_))
            | (Self::Number, Value::Int(_) | Value::Float(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::List, Value::List(_))
            | (Self::Object, Value::Object(_)) => true,
            (Self::DateTime, Value::Text(text)) => return DateTime::parse(text).map(Value::DateTime),
            _ => false,
        };
        fits.then_some(value)
    }

    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Bool => "yes or no",
            Self::List => "a list",
            Self::Object => "an object",
            Self::DateTime => "a date and time (RFC 3339)",
        }
    }
}
