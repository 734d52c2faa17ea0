use super::{Arguments, Filter};
use crate::language::error::EvalError;
use crate::language::eval::whole;
use crate::value::Value;

pub(super) fn apply(filter: Filter, input: &Value, arguments: &Arguments) -> Result<Value, EvalError> {
    match filter {
        Filter::Abs => match input {
            Value::Int(number) => number.checked_abs().map(Value::Int).ok_or(EvalError::Number),
            Value::Float(number) => Ok(Value::Float(number.abs())),
            other => Err(no_number(other)),
        },
        Filter::Int => or_default(truncated(input), input, arguments),
        Filter::Float => {
            let number = parsed(input).and_then(|number| Value::number(number.as_f64()?));
            or_default(number, input, arguments)
        }
        Filter::Round => round(input, arguments),
        _ => unreachable!("only these are given here"),
    }
}

fn no_number(value: &Value) -> EvalError {
    EvalError::Type(format!("{} is no number", value.kind()))
}

fn or_default(number: Option<Value>, input: &Value, arguments: &Arguments) -> Result<Value, EvalError> {
    number.or_else(|| arguments.get(0, "default").cloned()).ok_or_else(|| no_number(input))
}

/// What a number, or a text that is one, comes to.
pub(crate) fn parsed(input: &Value) -> Option<Value> {
    match input {
        Value::Int(_) | Value::Float(_) => Some(input.clone()),
        Value::Bool(value) => Some(Value::Int(i64::from(*value))),
        Value::Text(text) => {
            let text = text.trim();
            let int = text.parse().ok().map(Value::Int);
            int.or_else(|| text.parse().ok().and_then(Value::number))
        }
        _ => None,
    }
}

fn truncated(input: &Value) -> Option<Value> {
    match parsed(input)? {
        Value::Float(number) => whole(&Value::Float(number.trunc())).ok().map(Value::Int),
        number => Some(number),
    }
}

/// Halves away from zero, as people do.
fn round(input: &Value, arguments: &Arguments) -> Result<Value, EvalError> {
    let digits = arguments.get(0, "digits").map(whole).transpose()?.unwrap_or(0).clamp(0, 15);
    match input {
        Value::Int(_) => Ok(input.clone()),
        Value::Float(number) if digits == 0 => {
            let rounded = Value::Float(number.round());
            Ok(whole(&rounded).map_or(rounded, Value::Int))
        }
        Value::Float(number) => {
            // By its decimal digits, which are what people see: 1.005 is not 1.00499….
            let shown = format!("{number}");
            let places = shown.split_once('.').map_or(0, |(_, places)| places.len());
            let digits = usize::try_from(digits).expect("it was bounded");
            if places <= digits {
                return Ok(input.clone());
            }
            let factor = 10_f64.powi(i32::try_from(digits).expect("it was bounded"));
            let scaled = (number.abs() * factor) * (1.0 + f64::EPSILON);
            Value::number(scaled.round() / factor * number.signum()).ok_or(EvalError::Number)
        }
        other => Err(no_number(other)),
    }
}
