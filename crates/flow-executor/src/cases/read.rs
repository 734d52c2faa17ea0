//! A test case as the document has it, read into one that can be played.

use std::collections::BTreeMap;

use flow_model::graph::Test;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::assertion::{self, Assertion};
use crate::inputs::Answer;
use crate::plan::Mock;
use crate::value::{DateTime, Object, Value};

/// When a case begins that does not say so: the same moment whenever it is run, so that what holds
/// today holds tomorrow.
const BEGINS_AT: &str = "2026-01-01T00:00:00Z";

/// Turns of a case. More are an error of the case: it says too much to be read by anybody.
const TURNS_MAX: usize = 1_000;
/// Assertions of a turn, and of a case. More are an error of the case, as they are never read.
const TURN_ASSERTIONS_MAX: usize = 100;
const ASSERTIONS_MAX: usize = 2_000;

/// What is said to a flow, and what it is expected to say.
#[derive(Debug)]
pub struct Case {
    pub now: Timestamp,
    pub variables: Object,
    pub mocks: BTreeMap<String, Mock>,
    pub turns: Vec<Turn>,
}

#[derive(Debug)]
pub struct Turn {
    pub id: String,
    pub does: Does,
    pub expect: Vec<Assertion>,
}

/// What happens at the beginning of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// The flow begins: only of the first.
    Begins,
    Says(Answer),
    /// Nobody answers, until the flow no longer waits for an answer.
    Waits,
}

/// A test case that says something which cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct CaseError {
    /// Inside the case, such as `turns/u1/expect/a1/value`.
    pub path: String,
    pub message: String,
}

impl CaseError {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl Case {
    /// # Errors
    /// [`CaseError`] for the first thing that is wrong with it, or where it is not read by `end`.
    pub fn read(test: &Test, end: Instant) -> Result<Self, CaseError> {
        let field = |name: &str| test.data.get(name);
        let now = match field("now") {
            None => BEGINS_AT.parse().expect("it is written as a moment"),
            Some(now) => moment(now)?,
        };
        let variables = object(field("variables"), "variables")?;
        let mocks = object(field("mocks"), "mocks")?;
        let mocks = mocks.map(|(node, json)| Ok((node.clone(), mock(json, &format!("mocks/{node}"))?)));
        let turns = items(field("turns"), "turns")?;
        if turns.len() > TURNS_MAX {
            return Err(CaseError::new("turns", format!("a case has at most {TURNS_MAX}")));
        }
        let asserted = turns.iter().filter_map(|json| json.get("expect")?.as_array()).map(Vec::len);
        if asserted.sum::<usize>() > ASSERTIONS_MAX {
            return Err(CaseError::new("turns", format!("a case has at most {ASSERTIONS_MAX} assertions")));
        }
        let turns = turns.iter().enumerate();
        Ok(Self {
            now,
            variables: variables.map(|(name, json)| (name.as_str().into(), Value::from(json))).collect(),
            mocks: mocks.collect::<Result<_, CaseError>>()?,
            turns: turns.map(|(at, json)| turn(at, json, end)).collect::<Result<_, _>>()?,
        })
    }
}

fn moment(json: &Json) -> Result<Timestamp, CaseError> {
    let read = json.as_str().and_then(DateTime::parse);
    read.map(|moment| moment.timestamp())
        .ok_or_else(|| CaseError::new("now", "it is no date and time in ISO 8601"))
}

fn object<'j>(
    json: Option<&'j Json>,
    path: &str,
) -> Result<impl Iterator<Item = (&'j String, &'j Json)> + use<'j>, CaseError> {
    let members: Option<&Map<String, Json>> = match json {
        None => None,
        Some(Json::Object(members)) => Some(members),
        Some(_) => return Err(CaseError::new(path, "it must be an object")),
    };
    Ok(members.into_iter().flatten())
}

fn items<'j>(json: Option<&'j Json>, path: &str) -> Result<&'j [Json], CaseError> {
    match json {
        None => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(CaseError::new(path, "it must be a list")),
    }
}

fn mock(json: &Json, path: &str) -> Result<Mock, CaseError> {
    match json {
        Json::Array(items) if !items.is_empty() => {
            let each = items.iter().enumerate().map(|(at, json)| one_mock(json, &format!("{path}/{at}")));
            Ok(Mock::Sequence(each.collect::<Result<_, _>>()?))
        }
        json => one_mock(json, path),
    }
}

fn one_mock(json: &Json, path: &str) -> Result<Mock, CaseError> {
    let expected = || CaseError::new(path, "it must be {\"output\": …} or {\"error\": \"…\"}");
    let members = json.as_object().filter(|members| members.len() == 1).ok_or_else(expected)?;
    match (members.get("output"), members.get("error")) {
        (Some(output), None) => Ok(Mock::Output(Value::from(output))),
        (None, Some(Json::String(message))) => Ok(Mock::Error(message.clone())),
        _ => Err(expected()),
    }
}

fn turn(at: usize, json: &Json, end: Instant) -> Result<Turn, CaseError> {
    let id = json.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    let path = format!("turns/{id}");
    let waits = match json.get("wait") {
        None => false,
        Some(Json::Bool(waits)) => *waits,
        Some(_) => return Err(CaseError::new(format!("{path}/wait"), "it must be true or false")),
    };
    let does = match (json.get("say"), waits) {
        (Some(_), true) => return Err(CaseError::new(path, "a turn either says something or waits")),
        (Some(say), false) => Does::Says(answer(say, &format!("{path}/say"))?),
        (None, true) => Does::Waits,
        (None, false) if at == 0 => Does::Begins,
        (None, false) => {
            return Err(CaseError::new(path, "a turn after the first says something, or waits"));
        }
    };
    let path = format!("{path}/expect");
    let expect = items(json.get("expect"), &path)?;
    if expect.len() > TURN_ASSERTIONS_MAX {
        return Err(CaseError::new(path, format!("a turn has at most {TURN_ASSERTIONS_MAX} assertions")));
    }
    let expect = expect.iter().map(|json| {
        // A pattern may take milliseconds to be compiled.
        if Instant::now() >= end {
            return Err(CaseError::new(path.as_str(), super::TIME_IS_OVER));
        }
        assertion::read(json, &path)
    });
    let expect = expect.collect::<Result<_, _>>()?;
    Ok(Turn { id, does, expect })
}

fn answer(json: &Json, path: &str) -> Result<Answer, CaseError> {
    let expected = "it must be a text, {\"text\": …}, {\"value\": …}, {\"choice\": …} or {\"files\": […]}";
    let wrong = || CaseError::new(path, expected);
    match (json, json.get("choice")) {
        (Json::String(text), _) => Ok(Answer::Text(text.clone())),
        // Of a choice of one the list may be left out.
        (Json::Object(members), Some(Json::String(id))) if members.len() == 1 => {
            Ok(Answer::Choice(vec![id.clone()]))
        }
        (Json::Object(_), _) => serde_json::from_value(json.clone()).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
