//! What stands behind `is`. Named as in Jinja, and no others.

use super::ast::Comparison;
use super::error::EvalError;
use super::eval::whole;
use super::filters::{Arguments, Signature};
use super::fuel::Fuel;
use super::operators;
use crate::value::Value;

macro_rules! predicates {
    ($($predicate:ident $($name:literal)|+ $(($says:literal))?;)+) => {
        /// A test.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Predicate {
            $($predicate),+
        }

        impl Predicate {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$predicate),)+
                    _ => None,
                }
            }

            pub(super) const fn arguments(self) -> Signature {
                match self {
                    $(Self::$predicate => predicates!(@signature $($says)?),)+
                }
            }
        }
    };
    (@signature) => { Signature::new(0, &[], "nothing") };
    (@signature $says:literal) => { Signature::new(1, &["other"], $says) };
}

predicates! {
    AtLeast "ge" | ">=" ("a value");
    AtMost "le" | "<=" ("a value");
    Boolean "boolean";
    Defined "defined";
    DivisibleBy "divisibleby" ("a number");
    EndsWith "endingwith" ("a text");
    Equal "eq" | "equalto" | "==" ("a value");
    Even "even";
    False "false";
    Float "float";
    Greater "gt" | "greaterthan" | ">" ("a value");
    In "in" ("a list, a text or an object");
    Integer "integer";
    Iterable "iterable";
    Less "lt" | "lessthan" | "<" ("a value");
    Lower "lower";
    Mapping "mapping";
    None "none";
    NotEqual "ne" | "!=" ("a value");
    Number "number";
    Odd "odd";
    Sequence "sequence";
    StartsWith "startingwith" ("a text");
    String "string";
    True "true";
    Undefined "undefined";
    Upper "upper";
}

pub(super) fn holds(
    fuel: &mut Fuel,
    predicate: Predicate,
    input: Option<&Value>,
    arguments: &Arguments,
) -> Result<bool, EvalError> {
    use Predicate as P;
    let nothing = Value::Null;
    let value = input.unwrap_or(&nothing);
    let other = arguments.get(0, "other").unwrap_or(&nothing);
    let mut compare = |comparison| operators::compare(fuel, comparison, value, other);
    Ok(match predicate {
        P::Defined => input.is_some(),
        P::Undefined => input.is_none(),
        P::None => *value == Value::Null,
        P::Boolean => matches!(value, Value::Bool(_)),
        P::True => *value == Value::Bool(true),
        P::False => *value == Value::Bool(false),
        P::Number => matches!(value, Value::Int(_) | Value::Float(_)),
        P::Integer => matches!(value, Value::Int(_)),
        P::Float => matches!(value, Value::Float(_)),
        P::String => matches!(value, Value::Text(_)),
        P::Sequence => matches!(value, Value::List(_)),
        P::Mapping => matches!(value, Value::Object(_)),
        P::Iterable => matches!(value, Value::List(_) | Value::Object(_) | Value::Text(_)),
        P::Even => whole(value)? % 2 == 0,
        P::Odd => whole(value)? % 2 != 0,
        P::DivisibleBy => match whole(other)? {
            0 => return Err(EvalError::DivisionByZero),
            by => whole(value)?.checked_rem(by).is_none_or(|rest| rest == 0),
        },
        P::Lower => value.as_text().is_some_and(|text| !text.chars().any(char::is_uppercase)),
        P::Upper => value.as_text().is_some_and(|text| !text.chars().any(char::is_lowercase)),
        P::StartsWith => texts(value, other)?.is_some_and(|(text, with)| text.starts_with(with)),
        P::EndsWith => texts(value, other)?.is_some_and(|(text, with)| text.ends_with(with)),
        P::Equal => compare(Comparison::Equal)?,
        P::NotEqual => compare(Comparison::NotEqual)?,
        P::Less => compare(Comparison::Less)?,
        P::AtMost => compare(Comparison::AtMost)?,
        P::Greater => compare(Comparison::Greater)?,
        P::AtLeast => compare(Comparison::AtLeast)?,
        P::In => compare(Comparison::In)?,
    })
}

/// Both as texts; `None` if the first is none.
fn texts<'v>(value: &'v Value, other: &'v Value) -> Result<Option<(&'v str, &'v str)>, EvalError> {
    let other = other.as_text().ok_or_else(|| EvalError::Type(format!("{} is no text", other.kind())))?;
    Ok(value.as_text().map(|value| (value, other)))
}
