//! Typed comparisons of `condition` nodes.
//!
//! In strict mode comparing values of different types is an error. In loose mode they are
//! converted first:
//!
//! | left, right | compared as |
//! |---|---|
//! | a number, a text that is one | numbers |
//! | a moment, a text that is one | moments |
//! | yes or no, `true`, `false`, `yes`, `no`, 1, 0 | yes or no |
//! | nothing, anything | a text, nothing being empty |
//! | otherwise | texts |

use std::cmp::Ordering;

use crate::language::{EvalError, Scope};
use crate::plan::{Combine, Comparison, Condition, Operand, Operator, Rule, pattern};
use crate::value::{DateTime, Value};

/// The first branch that is true, by its place.
///
/// # Errors
/// [`EvalError`].
pub(crate) fn branch(condition: &Condition, scope: &dyn Scope) -> Result<Option<usize>, EvalError> {
    for (at, branch) in condition.branches.iter().enumerate() {
        if holds(&branch.test, condition.loose, scope)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn holds(rule: &Rule, loose: bool, scope: &dyn Scope) -> Result<bool, EvalError> {
    match rule {
        Rule::Expression(expression) => match expression.evaluate(scope)? {
            Value::Bool(value) => Ok(value),
            value if loose => Ok(value.is_true()),
            other => Err(EvalError::Type(format!("the expression is {}, not yes or no", other.kind()))),
        },
        Rule::Comparison(comparison) => self::comparison(comparison, loose, scope),
        Rule::Group { combine, rules } => {
            for rule in rules {
                let holds = holds(rule, loose, scope)?;
                if holds != (*combine == Combine::All) {
                    return Ok(holds);
                }
            }
            Ok(*combine == Combine::All)
        }
    }
}

fn comparison(comparison: &Comparison, loose: bool, scope: &dyn Scope) -> Result<bool, EvalError> {
    let Comparison { left, operator, right } = comparison;
    // Whether something is there can be asked of what is not.
    let left = match (left.evaluate(scope), operator) {
        (Err(EvalError::Unknown(_)), Operator::IsSet | Operator::IsEmpty) => Value::Null,
        (Err(EvalError::Unknown(_)), _) if loose => Value::Null,
        (left, _) => left?,
    };
    let right = match right {
        Operand::Pattern(pattern) => {
            let text = text_of(&left, loose, *operator)?;
            return Ok(pattern.is_match(&text) == (*operator == Operator::Matches));
        }
        Operand::Value(value) => value.clone(),
        Operand::Expression(expression) => match expression.evaluate(scope) {
            Err(EvalError::Unknown(_)) if loose => Value::Null,
            right => right?,
        },
    };
    compare(*operator, &left, &right, loose)
}

/// # Errors
/// [`EvalError`].
pub fn compare(operator: Operator, left: &Value, right: &Value, loose: bool) -> Result<bool, EvalError> {
    use Operator as O;
    match operator {
        O::IsSet => Ok(*left != Value::Null),
        O::IsEmpty => Ok(match left {
            Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::DateTime(_) => false,
        }),
        O::Equals => equals(left, right, loose, operator),
        O::NotEquals => Ok(!equals(left, right, loose, operator)?),
        O::Contains => contains(left, right, loose),
        O::NotContains => Ok(!contains(left, right, loose)?),
        O::InList => match right {
            Value::List(items) => any_equals(items, left, loose),
            Value::Text(list) if loose => {
                let items: Vec<Value> = list.split(',').map(|item| Value::text(item.trim())).collect();
                any_equals(&items, left, loose)
            }
            _ => Err(mismatch(operator, left, right)),
        },
        O::Greater => Ok(order(left, right, loose, operator)?.is_gt()),
        O::AtLeast => Ok(order(left, right, loose, operator)?.is_ge()),
        O::Less => Ok(order(left, right, loose, operator)?.is_lt()),
        O::AtMost => Ok(order(left, right, loose, operator)?.is_le()),
        O::Before | O::After => {
            let wanted = if operator == O::Before { Ordering::Less } else { Ordering::Greater };
            let (Some(left), Some(right)) = (moment(left), moment(right)) else {
                return Err(mismatch(operator, left, right));
            };
            Ok(left.timestamp().cmp(&right.timestamp()) == wanted)
        }
        O::StartsWith | O::EndsWith => {
            let (left, right) = (text_of(left, loose, operator)?, text_of(right, loose, operator)?);
            Ok(if operator == O::StartsWith { left.starts_with(&right) } else { left.ends_with(&right) })
        }
        O::Matches | O::NotMatches => {
            let (text, source) = (text_of(left, loose, operator)?, text_of(right, loose, operator)?);
            let pattern = pattern(&source).map_err(EvalError::Type)?;
            Ok(pattern.is_match(&text) == (operator == O::Matches))
        }
        O::LengthEquals => Ok(length(left, right, loose, operator)?.is_eq()),
        O::LengthGreater => Ok(length(left, right, loose, operator)?.is_gt()),
        O::LengthLess => Ok(length(left, right, loose, operator)?.is_lt()),
    }
}

fn mismatch(operator: Operator, left: &Value, right: &Value) -> EvalError {
    let (left, right) = (left.kind(), right.kind());
    EvalError::Type(match operator {
        Operator::Contains | Operator::NotContains => format!("{left} cannot contain {right}"),
        Operator::InList => format!("{left} is looked for in {right}, which is no list"),
        Operator::Before | Operator::After => format!("{left} and {right} are not both a date"),
        Operator::LengthEquals | Operator::LengthGreater | Operator::LengthLess => {
            format!("the length of {left} cannot be compared with {right}")
        }
        _ => format!("{left} and {right} cannot be compared"),
    })
}

fn equals(left: &Value, right: &Value, loose: bool, operator: Operator) -> Result<bool, EvalError> {
    if same_kind(left, right) {
        return Ok(left.equals(right));
    }
    // Whether it is nothing can always be asked.
    if !loose && (*left == Value::Null || *right == Value::Null) {
        return Ok(false);
    }
    // A fixed value is JSON, which has no moments of its own.
    if let (Value::DateTime(moment), Value::Text(text)) | (Value::Text(text), Value::DateTime(moment)) =
        (left, right)
        && let Some(other) = DateTime::parse(text)
    {
        return Ok(*moment == other);
    }
    if !loose {
        return Err(mismatch(operator, left, right));
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Ok(left.equals(&right));
    }
    if matches!(left, Value::Bool(_)) || matches!(right, Value::Bool(_)) {
        return Ok(matches!((truth(left), truth(right)), (Some(left), Some(right)) if left == right));
    }
    Ok(left.to_string() == right.to_string())
}

const fn same_kind(left: &Value, right: &Value) -> bool {
    use Value as V;
    matches!(
        (left, right),
        (V::Null, V::Null)
            | (V::Bool(_), V::Bool(_))
            | (V::Int(_) | V::Float(_), V::Int(_) | V::Float(_))
            | (V::Text(_), V::Text(_))
            | (V::List(_), V::List(_))
            | (V::Object(_), V::Object(_))
            | (V::DateTime(_), V::DateTime(_))
    )
}

fn any_equals(items: &[Value], wanted: &Value, loose: bool) -> Result<bool, EvalError> {
    for item in items {
        // Among values of several types the others are simply not it.
        let is_comparable = same_kind(item, wanted) || loose;
        if is_comparable && equals(item, wanted, loose, Operator::InList)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn contains(left: &Value, right: &Value, loose: bool) -> Result<bool, EvalError> {
    match (left, right) {
        (Value::List(items), _) => any_equals(items, right, loose),
        (Value::Object(fields), Value::Text(name)) => Ok(fields.contains_key(name)),
        (Value::Text(text), Value::Text(part)) if loose => {
            Ok(text.to_lowercase().contains(&part.to_lowercase()))
        }
        (Value::Text(text), Value::Text(part)) => Ok(text.contains(&**part)),
        _ if loose => Ok(left.to_string().to_lowercase().contains(&right.to_string().to_lowercase())),
        _ => Err(mismatch(Operator::Contains, left, right)),
    }
}

fn order(left: &Value, right: &Value, loose: bool, operator: Operator) -> Result<Ordering, EvalError> {
    if let Some(order) = left.compare(right) {
        return Ok(order);
    }
    if matches!(left, Value::DateTime(_)) || matches!(right, Value::DateTime(_)) {
        if let (Some(left), Some(right)) = (moment(left), moment(right)) {
            return Ok(left.timestamp().cmp(&right.timestamp()));
        }
    } else if loose && let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.compare(&right).ok_or_else(|| mismatch(operator, &left, &right));
    }
    Err(mismatch(operator, left, right))
}

fn length(left: &Value, right: &Value, loose: bool, operator: Operator) -> Result<Ordering, EvalError> {
    let length = match left {
        Value::Text(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null if loose => 0,
        _ if loose => left.to_string().chars().count(),
        _ => return Err(mismatch(operator, left, right)),
    };
    let length = Value::Int(i64::try_from(length).unwrap_or(i64::MAX));
    let wanted = if loose { number(right) } else { Some(right.clone()) };
    wanted.and_then(|wanted| length.compare(&wanted)).ok_or_else(|| mismatch(operator, left, right))
}

fn text_of(value: &Value, loose: bool, operator: Operator) -> Result<String, EvalError> {
    match value {
        Value::Text(text) => Ok(text.to_string()),
        other if loose => Ok(other.to_string()),
        other => Err(mismatch(operator, other, &Value::text(""))),
    }
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Float(_) => Some(value.clone()),
        Value::Text(text) => {
            let text = text.trim();
            text.parse().ok().map(Value::Int).or_else(|| text.parse().ok().and_then(Value::number))
        }
        _ => None,
    }
}

fn moment(value: &Value) -> Option<DateTime> {
    match value {
        Value::DateTime(moment) => Some(*moment),
        Value::Text(text) => DateTime::parse(text),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Int(1) => Some(true),
        Value::Int(0) => Some(false),
        Value::Text(text) => match &*text.trim().to_lowercase() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
