//! What is expected of a turn. The names are promptfoo's
//! (<https://www.promptfoo.dev/docs/configuration/expected-outputs/deterministic/>), and mean what
//! they mean there; `expression` and `status` are our own.

use std::cell::OnceCell;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::read::CaseError;
use crate::language::{Expression, Names, Scope, Slot};
use crate::machine::State;
use crate::plan::{Plan, pattern};
use crate::value::Value;

/// Bytes of what is shown of a text in a failure.
const SHOWN_BYTES: usize = 4 << 10;

/// Texts that one assertion looks for. What was said is searched for each of them, and between two
/// assertions the time is looked at.
pub(super) const TEXTS_MAX: usize = 100;

/// One expectation.
#[derive(Debug)]
pub struct Assertion {
    pub id: String,
    pub what: Test,
    /// It must not hold.
    pub negated: bool,
    /// As the document has it.
    pub name: String,
    pub expected: Json,
}

#[derive(Debug)]
pub enum Test {
    Equals(Json),
    /// One of the texts, or all of them; in any case, or as they are.
    Contains {
        texts: Vec<String>,
        all: bool,
        any_case: bool,
    },
    StartsWith(String),
    /// Compiled while it is judged: those of all test cases together may be of any size.
    Regex(String),
    IsJson,
    /// The turn takes at most so many milliseconds of the case's clock.
    Latency {
        ms: f64,
    },
    Expression(String),
    Status(String),
}

/// What a turn came to.
#[derive(Debug)]
pub(super) struct Judged<'p> {
    pub(super) plan: &'p Plan,
    pub(super) state: &'p State,
    pub(super) said: &'p str,
    pub(super) ms: u64,
    /// `waiting`, or how the run ended.
    pub(super) status: &'p str,
    /// With what it ended.
    pub(super) output: Option<&'p Json>,
    pub(super) readings: Readings,
}

/// What was said, as assertions of some types look at it: read when the first of them does.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// In lower case.
    folded: OnceCell<String>,
    /// As JSON, if it is any.
    json: OnceCell<Option<Value>>,
    own: Option<OwnNames>,
}

/// The flow's names and, where it has none of these, `said` and `output` with their values.
#[derive(Debug)]
struct OwnNames {
    names: Names,
    values: Vec<(Slot, Value)>,
}

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The assertion's id; none where the run failed and nobody expected it to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub assertion: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub expected: Json,
    pub actual: Json,
    pub message: String,
}

pub(super) fn read(json: &Json, path: &str) -> Result<Assertion, CaseError> {
    let id = json.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    let path = format!("{path}/{id}");
    let Some(name) = json.get("type").and_then(Json::as_str) else {
        return Err(CaseError::new(path, "it has no type"));
    };
    let (negated, plain) = name.strip_prefix("not-").map_or((false, name), |plain| (true, plain));
    let value = json.get("value");
    let wrong = |expected: &str| CaseError::new(format!("{path}/value"), format!("{name} needs {expected}"));
    let text = || value.and_then(text_of).ok_or_else(|| wrong("a text"));
    let contains = |all, any_case| {
        let texts = value.and_then(texts_of).filter(|texts| !texts.is_empty());
        let texts = texts.ok_or_else(|| wrong("a list of texts"))?;
        if texts.len() > TEXTS_MAX {
            return Err(wrong(&format!("at most {TEXTS_MAX} texts")));
        }
        Ok(Test::Contains { texts, all, any_case })
    };
    let what = match plain {
        "equals" => Test::Equals(value.cloned().ok_or_else(|| wrong("a value"))?),
        "contains" => Test::Contains { texts: vec![text()?], all: true, any_case: false },
        "icontains" => Test::Contains { texts: vec![text()?], all: true, any_case: true },
        "contains-any" => contains(false, false)?,
        "contains-all" => contains(true, false)?,
        "icontains-any" => contains(false, true)?,
        "icontains-all" => contains(true, true)?,
        "starts-with" => Test::StartsWith(text()?),
        "regex" => {
            let source = text()?;
            pattern(&source).map_err(|why| CaseError::new(format!("{path}/value"), why))?;
            Test::Regex(source)
        }
        // promptfoo compares with a schema here. We judge flows of others on our servers, and
        // a schema may ask for any amount of work.
        "is-json" if value.is_some() => return Err(wrong("no value: schemas are not compared with")),
        "is-json" => Test::IsJson,
        "latency" => {
            let ms = json.get("threshold").and_then(Json::as_f64).filter(|ms| *ms >= 0.0);
            let expected = "latency needs milliseconds, 0 or more";
            Test::Latency { ms: ms.ok_or_else(|| CaseError::new(format!("{path}/threshold"), expected))? }
        }
        "expression" => {
            let source = text()?;
            Expression::parse(&source, &mut Names::default())
                .map_err(|error| CaseError::new(format!("{path}/value"), error.to_string()))?;
            Test::Expression(source)
        }
        "status" => match text()? {
            status if ["waiting", "completed", "failed"].contains(&status.as_str()) => Test::Status(status),
            _ => return Err(wrong("waiting, completed or failed")),
        },
        _ => {
            return Err(CaseError::new(format!("{path}/type"), format!("{name:?} is no type of assertions")));
        }
    };
    let expected = match &what {
        Test::Latency { ms } => Json::from(*ms),
        _ => value.cloned().unwrap_or_default(),
    };
    Ok(Assertion { id, what, negated, name: name.to_owned(), expected })
}

/// A text, or what is written as one.
fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(json.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A list of texts, or a text with commas between them.
fn texts_of(json: &Json) -> Option<Vec<String>> {
    match json {
        Json::Array(items) => items.iter().map(text_of).collect(),
        Json::String(text) => Some(text.split(',').map(|part| part.trim().to_owned()).collect()),
        _ => None,
    }
}

impl Assertion {
    pub(super) fn is_of_status(&self) -> bool {
        matches!(self.what, Test::Status(_))
    }

    /// `None`: it holds.
    pub(super) fn judge(&self, turn: &mut Judged<'_>) -> Option<Failure> {
        let held = match &self.what {
            Test::Equals(value) => turn.equals(value),
            Test::Contains { texts, all, any_case } => turn.contains(texts, *all, *any_case),
            Test::StartsWith(text) => turn.said.starts_with(text.as_str()),
            Test::Regex(source) => match pattern(source) {
                Ok(regex) => regex.is_match(turn.said),
                Err(why) => return Some(self.failure(Json::Null, why)),
            },
            Test::IsJson => serde_json::from_str::<serde::de::IgnoredAny>(turn.said).is_ok(),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of at most some years")]
            Test::Latency { ms } => turn.ms as f64 <= *ms,
            Test::Status(status) => turn.status == status,
            Test::Expression(source) => match turn.evaluate(source) {
                Ok(value) => value.is_true(),
                Err(why) => {
                    return Some(self.failure(Json::Null, format!("{}: {}", shown(source), shown(&why))));
                }
            },
        };
        if held != self.negated {
            return None;
        }
        let (actual, what) = match &self.what {
            Test::Latency { .. } => (Json::from(turn.ms), format!("it took {} ms", turn.ms)),
            Test::Status(_) => (Json::from(turn.status), format!("the run is {}", turn.status)),
            Test::Expression(source) => (Json::from(held), format!("{} is {held}", shown(source))),
            _ => (Json::from(shown(turn.said)), "what was said does not fit".to_owned()),
        };
        Some(self.failure(actual, format!("{}: {what}", self.name)))
    }

    fn failure(&self, actual: Json, message: String) -> Failure {
        Failure {
            assertion: Some(self.id.clone()),
            kind: self.name.clone(),
            expected: shown_json(&self.expected),
            actual,
            message,
        }
    }
}

/// What was expected, if it is not long; otherwise the beginning of its text.
fn shown_json(json: &Json) -> Json {
    let text = json.to_string();
    if text.len() <= SHOWN_BYTES { json.clone() } else { Json::from(shown(&text)) }
}

/// The beginning of a text, if it is long.
pub(super) fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_BYTES)]
}

impl Judged<'_> {
    /// Text with text; anything else with what was said, read as JSON.
    fn equals(&self, value: &Json) -> bool {
        if let Json::String(text) = value {
            return text == self.said;
        }
        let said = self.readings.json.get_or_init(|| {
            let said: Result<Json, _> = serde_json::from_str(self.said);
            // What is no JSON equals none.
            said.ok().map(|said| Value::from(&said))
        });
        // As values: 1.0 and 1 are one number.
        said.as_ref().is_some_and(|said| said.equals(&Value::from(value)))
    }

    fn contains(&self, texts: &[String], all: bool, any_case: bool) -> bool {
        let holds = |text: &String| {
            if !any_case {
                return self.said.contains(text.as_str());
            }
            self.readings.folded.get_or_init(|| self.said.to_lowercase()).contains(&text.to_lowercase())
        };
        if all { texts.iter().all(holds) } else { texts.iter().any(holds) }
    }

    fn evaluate(&mut self, source: &str) -> Result<Value, String> {
        let own = self.readings.own.get_or_insert_with(|| {
            let mut names = self.plan.names.clone();
            let said = ("said", Value::text(self.said));
            let output = ("output", self.output.map(Value::from).unwrap_or_default());
            let values = [said, output]
                .into_iter()
                .filter_map(|(name, value)| names.find(name).is_none().then(|| (names.slot(name), value)));
            let values = values.collect();
            OwnNames { names, values }
        });
        let expression = Expression::parse(source, &mut own.names).map_err(|error| error.to_string())?;
        let scope = TurnScope { own, state: self.state };
        expression.evaluate(&scope).map_err(|error| error.to_string())
    }
}

/// The run's variables, and, where the flow has none of these names, what was said and what the
/// run ended with.
struct TurnScope<'s> {
    own: &'s OwnNames,
    state: &'s State,
}

impl Scope for TurnScope<'_> {
    fn get(&self, slot: Slot) -> Option<&Value> {
        let own = self.own.values.iter().find(|(known, _)| *known == slot).map(|(_, value)| value);
        own.or_else(|| self.state.get(slot))
    }

    fn name(&self, slot: Slot) -> &str {
        self.own.names.name(slot)
    }
}
