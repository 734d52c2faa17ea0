//! What stands behind `|`. Named as in Jinja, and no others.

mod lists;
mod numbers;
mod texts;

use std::sync::Arc;

use super::ast::Call;
use super::error::{EvalError, ParseError};
use super::fuel::Fuel;
use super::operators;
use crate::value::Value;

/// What a filter or a test is given beside its input.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) placed: Vec<Value>,
    pub(super) named: Vec<(Arc<str>, Value)>,
}

impl Arguments {
    /// The argument at this place, or of this name.
    pub(super) fn get(&self, place: usize, name: &str) -> Option<&Value> {
        let named = || self.named.iter().find(|(given, _)| &**given == name).map(|(_, value)| value);
        self.placed.get(place).or_else(named)
    }

    pub(super) fn is_true(&self, place: usize, name: &str) -> bool {
        self.get(place, name).is_some_and(Value::is_true)
    }

    pub(super) fn text(&self, place: usize, name: &str) -> Result<Option<&str>, EvalError> {
        match self.get(place, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(EvalError::Type(format!("{name} must be a text, not {}", other.kind()))),
        }
    }
}

/// What may be given, checked when it is compiled.
pub(super) struct Signature {
    least: usize,
    names: &'static [&'static str],
    /// What an error says.
    says: &'static str,
}

impl Signature {
    pub(super) const fn new(least: usize, names: &'static [&'static str], says: &'static str) -> Self {
        Self { least, names, says }
    }

    pub(super) fn check<F>(&self, name: &str, call: &Call<F>) -> Result<(), ParseError> {
        let given = call.arguments.len() + call.named.len();
        let known = call.named.iter().all(|(name, _)| self.names.contains(&&**name));
        if known && (self.least..=self.names.len()).contains(&given) {
            return Ok(());
        }
        Err(ParseError::Arguments { name: name.to_owned(), expected: self.says })
    }
}

macro_rules! filters {
    ($($filter:ident $($name:literal)|+ ($least:literal, [$($argument:literal),*], $says:literal);)+) => {
        /// A filter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Filter {
            $($filter),+
        }

        impl Filter {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$filter),)+
                    _ => None,
                }
            }

            pub(super) const fn arguments(self) -> Signature {
                match self {
                    $(Self::$filter => Signature::new($least, &[$($argument),*], $says),)+
                }
            }
        }

        /// The names of all filters.
        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$($($name),+),+];
    };
}

filters! {
    Abs "abs" (0, [], "nothing");
    Capitalize "capitalize" (0, [], "nothing");
    Date "date" (0, ["format"], "a format");
    DateTime "datetime" (0, [], "nothing");
    Default "default" | "d" (0, ["default", "boolean"], "a value, and whether it stands for what is empty, too");
    First "first" (0, [], "nothing");
    Float "float" (0, ["default"], "a number");
    FromJson "fromjson" (0, [], "nothing");
    Int "int" (0, ["default"], "a number");
    Items "items" (0, [], "nothing");
    Join "join" (0, ["separator", "attribute"], "a separator and an attribute");
    Keys "keys" (0, [], "nothing");
    Last "last" (0, [], "nothing");
    Length "length" | "count" (0, [], "nothing");
    List "list" (0, [], "nothing");
    Lower "lower" (0, [], "nothing");
    Map "map" (1, ["attribute", "default"], "an attribute and what stands for a missing one");
    Max "max" (0, [], "nothing");
    Min "min" (0, [], "nothing");
    Reject "rejectattr" (1, ["attribute", "test", "value"], "an attribute, a test and what it compares with");
    Replace "replace" (2, ["old", "new"], "what is replaced, and by what");
    Reverse "reverse" (0, [], "nothing");
    Round "round" (0, ["digits"], "a number of digits");
    Select "selectattr" (1, ["attribute", "test", "value"], "an attribute, a test and what it compares with");
    Sort "sort" (0, ["reverse", "attribute"], "whether to reverse, and an attribute");
    Split "split" (0, ["separator"], "a separator");
    String "string" (0, [], "nothing");
    Sum "sum" (0, ["attribute"], "an attribute");
    Title "title" (0, [], "nothing");
    ToJson "tojson" (0, [], "nothing");
    Trim "trim" (0, [], "nothing");
    Truncate "truncate" (1, ["length", "end"], "a length and an end");
    Unique "unique" (0, ["attribute"], "an attribute");
    Upper "upper" (0, [], "nothing");
    UrlEncode "urlencode" (0, [], "nothing");
    Values "values" (0, [], "nothing");
    WordCount "wordcount" (0, [], "nothing");
}

pub(super) fn apply(
    fuel: &mut Fuel,
    filter: Filter,
    input: Option<Value>,
    arguments: &Arguments,
) -> Result<Value, EvalError> {
    use Filter as F;
    if filter == F::Default {
        let replaces_empty = arguments.is_true(1, "boolean");
        let stays = |input: &Value| *input != Value::Null && (!replaces_empty || input.is_true());
        let default = || arguments.get(0, "default").cloned().unwrap_or_else(|| Value::text(""));
        return Ok(input.filter(stays).unwrap_or_else(default));
    }
    let input = input.unwrap_or_default();
    match filter {
        F::Default => unreachable!("it is done before"),
        F::Capitalize
        | F::Lower
        | F::Upper
        | F::Title
        | F::Trim
        | F::Replace
        | F::Split
        | F::Truncate
        | F::UrlEncode
        | F::WordCount => texts::apply(fuel, filter, &input, arguments),
        F::Abs | F::Float | F::Int | F::Round => numbers::apply(filter, &input, arguments),
        F::String => Ok(Value::Text(operators::shown(fuel, &input)?)),
        F::ToJson => {
            fuel.build(operators::json_bytes(&input))?;
            Ok(Value::text(input.to_json().to_string()))
        }
        F::FromJson => from_json(fuel, &input),
        F::Date => {
            let moment = moment(&input)?;
            let format = arguments.text(0, "format")?.unwrap_or("%Y-%m-%d");
            // The longest directive writes far less than this for each byte of the format.
            fuel.build(format.len().saturating_mul(32))?;
            let unknown = || EvalError::Type(format!("{format:?} is no format of a date"));
            moment.format(format).map(Value::text).ok_or_else(unknown)
        }
        F::DateTime => moment(&input).map(Value::DateTime),
        _ => lists::apply(fuel, filter, &input, arguments),
    }
}

fn moment(input: &Value) -> Result<crate::value::DateTime, EvalError> {
    match input {
        Value::DateTime(moment) => Some(*moment),
        Value::Text(text) => crate::value::DateTime::parse(text),
        _ => None,
    }
    .ok_or_else(|| EvalError::Type(format!("{} is no date and time", input.kind())))
}

fn from_json(fuel: &mut Fuel, input: &Value) -> Result<Value, EvalError> {
    let Value::Text(text) = input else {
        return Err(EvalError::Type(format!("{} is no JSON", input.kind())));
    };
    // A byte of text may become a value: `[1,1,1]`.
    fuel.look(text.len() * 16)?;
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| EvalError::Type(format!("it is no JSON: {error}")))?;
    let value = Value::from(&json);
    fuel.build(value.bytes())?;
    operators::shallow(value)
}
