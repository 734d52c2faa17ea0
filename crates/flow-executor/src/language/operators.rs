//! What operators do, and what their results cost.

use std::sync::Arc;

use super::ast::{BinaryOp, Comparison};
use super::error::EvalError;
use super::fuel::Fuel;
use crate::value::{VALUE_DEPTH_MAX, Value};

pub(super) fn binary(fuel: &mut Fuel, op: BinaryOp, left: &Value, right: &Value) -> Result<Value, EvalError> {
    match (op, left, right) {
        (BinaryOp::Concatenate, ..) => concatenate(fuel, left, right),
        (BinaryOp::Add, Value::Text(left), Value::Text(right)) => {
            fuel.build(left.len() + right.len())?;
            Ok(Value::text(format!("{left}{right}")))
        }
        (BinaryOp::Add, Value::List(left), Value::List(right)) => {
            let joined: Vec<Value> = left.iter().chain(right.iter()).cloned().collect();
            list(fuel, joined)
        }
        (BinaryOp::Multiply, Value::Text(text), Value::Int(times))
        | (BinaryOp::Multiply, Value::Int(times), Value::Text(text)) => {
            let times = usize::try_from(*times).unwrap_or(0);
            fuel.build(text.len().saturating_mul(times))?;
            Ok(Value::text(text.repeat(times)))
        }
        (_, Value::Int(left), Value::Int(right)) => ints(op, *left, *right),
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => floats(op, left, right),
            _ => Err(mismatch(op, left, right)),
        },
    }
}

/// A new list, once it has been paid for.
pub(super) fn list(fuel: &mut Fuel, items: Vec<Value>) -> Result<Value, EvalError> {
    fuel.steps(items.len())?;
    fuel.build(items.iter().map(Value::bytes).sum())?;
    shallow(Value::list(items))
}

/// The value, if it is not too deep.
pub(super) fn shallow(value: Value) -> Result<Value, EvalError> {
    if value.depth() > VALUE_DEPTH_MAX { Err(EvalError::TooDeep(VALUE_DEPTH_MAX)) } else { Ok(value) }
}

pub(super) fn text(fuel: &mut Fuel, text: String) -> Result<Value, EvalError> {
    fuel.build(text.len())?;
    Ok(Value::text(text))
}

/// A value as text. A list or an object is as long as its JSON may become.
pub(super) fn shown(fuel: &mut Fuel, value: &Value) -> Result<Arc<str>, EvalError> {
    if let Value::Text(text) = value {
        return Ok(Arc::clone(text));
    }
    fuel.build(json_bytes(value))?;
    Ok(value.to_string().into())
}

/// About what its JSON takes: every character may need an escape.
pub(super) fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() * 2 + 2,
        Value::List(items) => items.iter().map(|item| json_bytes(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() * 2 + 4 + json_bytes(value)).sum::<usize>() + 2
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::DateTime(_) => 24,
    }
}

fn concatenate(fuel: &mut Fuel, left: &Value, right: &Value) -> Result<Value, EvalError> {
    let (left, right) = (shown(fuel, left)?, shown(fuel, right)?);
    fuel.build(left.len() + right.len())?;
    Ok(Value::text(format!("{left}{right}")))
}

fn ints(op: BinaryOp, left: i64, right: i64) -> Result<Value, EvalError> {
    let checked = |number: Option<i64>| number.map(Value::Int).ok_or(EvalError::Number);
    match op {
        BinaryOp::Add => checked(left.checked_add(right)),
        BinaryOp::Subtract => checked(left.checked_sub(right)),
        BinaryOp::Multiply => checked(left.checked_mul(right)),
        BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Remainder if right == 0 => {
            Err(EvalError::DivisionByZero)
        }
        // A quotient that is whole is a whole number.
        BinaryOp::Divide if left.checked_rem(right) == Some(0) => checked(left.checked_div(right)),
        // Towards minus infinity, and a remainder with the sign of the divisor, as in Python.
        BinaryOp::FloorDivide => checked(left.checked_div(right)).map(|quotient| match quotient {
            Value::Int(quotient) if left % right != 0 && (left < 0) != (right < 0) => {
                Value::Int(quotient - 1)
            }
            quotient => quotient,
        }),
        BinaryOp::Remainder => Ok(Value::Int(match left.checked_rem(right) {
            Some(rest) if rest != 0 && (rest < 0) != (right < 0) => rest + right,
            Some(rest) => rest,
            // The smallest number by -1.
            None => 0,
        })),
        BinaryOp::Power if right >= 0 => {
            checked(u32::try_from(right).ok().and_then(|right| left.checked_pow(right)))
        }
        #[expect(clippy::cast_precision_loss, reason = "as JavaScript and JSON have it")]
        BinaryOp::Divide | BinaryOp::Power => floats(op, left as f64, right as f64),
        BinaryOp::Concatenate => unreachable!("it is done before"),
    }
}

fn floats(op: BinaryOp, left: f64, right: f64) -> Result<Value, EvalError> {
    let number = match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Remainder if right == 0.0 => {
            return Err(EvalError::DivisionByZero);
        }
        BinaryOp::Divide => left / right,
        BinaryOp::FloorDivide => (left / right).floor(),
        BinaryOp::Remainder => (left / right).floor().mul_add(-right, left),
        BinaryOp::Power => left.powf(right),
        BinaryOp::Concatenate => unreachable!("it is done before"),
    };
    Value::number(number).ok_or(EvalError::Number)
}

fn mismatch(op: BinaryOp, left: &Value, right: &Value) -> EvalError {
    let verb = match op {
        BinaryOp::Add => "add",
        BinaryOp::Subtract => "subtract",
        BinaryOp::Multiply => "multiply",
        BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Remainder => "divide",
        BinaryOp::Power => "raise to a power",
        BinaryOp::Concatenate => "join",
    };
    EvalError::Type(format!("cannot {verb} {} and {}", left.kind(), right.kind()))
}

pub(super) fn compare(
    fuel: &mut Fuel,
    comparison: Comparison,
    left: &Value,
    right: &Value,
) -> Result<bool, EvalError> {
    let ordered = |wanted: fn(std::cmp::Ordering) -> bool| {
        let unordered = || EvalError::Type(format!("{} and {} have no order", left.kind(), right.kind()));
        left.compare(right).map(wanted).ok_or_else(unordered)
    };
    fuel.look(looked_at(left).min(looked_at(right)))?;
    Ok(match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::NotEqual => !left.equals(right),
        Comparison::Less => ordered(std::cmp::Ordering::is_lt)?,
        Comparison::AtMost => ordered(std::cmp::Ordering::is_le)?,
        Comparison::Greater => ordered(std::cmp::Ordering::is_gt)?,
        Comparison::AtLeast => ordered(std::cmp::Ordering::is_ge)?,
        Comparison::In => contains(fuel, right, left)?,
        Comparison::NotIn => !contains(fuel, right, left)?,
    })
}

/// What comparing looks at; numbers cost nothing.
fn looked_at(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(_) | Value::Object(_) => value.bytes(),
        _ => 0,
    }
}

pub(super) fn contains(fuel: &mut Fuel, whole: &Value, part: &Value) -> Result<bool, EvalError> {
    match (whole, part) {
        (Value::Text(whole), Value::Text(part)) => {
            fuel.look(whole.len())?;
            Ok(whole.contains(&**part))
        }
        (Value::List(items), _) => {
            fuel.steps(items.len())?;
            fuel.look(whole.bytes())?;
            Ok(items.iter().any(|item| item.equals(part)))
        }
        (Value::Object(fields), Value::Text(name)) => Ok(fields.contains_key(name)),
        _ => Err(EvalError::Type(format!("{} cannot be in {}", part.kind(), whole.kind()))),
    }
}
