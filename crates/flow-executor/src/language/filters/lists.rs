use std::cmp::Ordering;
use std::sync::Arc;

use super::{Arguments, Filter};
use crate::language::ast::{BinaryOp, Comparison};
use crate::language::error::EvalError;
use crate::language::eval::attribute_of;
use crate::language::fuel::Fuel;
use crate::language::operators::{self, list, shown};
use crate::value::Value;

pub(super) fn apply(
    fuel: &mut Fuel,
    filter: Filter,
    input: &Value,
    arguments: &Arguments,
) -> Result<Value, EvalError> {
    match filter {
        Filter::Length => length(fuel, input),
        Filter::First => first(input, false),
        Filter::Last => first(input, true),
        Filter::Reverse if matches!(input, Value::Text(_)) => {
            let reversed: String = input.as_text().unwrap_or_default().chars().rev().collect();
            operators::text(fuel, reversed)
        }
        Filter::Keys | Filter::Values | Filter::Items => fields(fuel, filter, input),
        Filter::List => {
            let items = items(input)?;
            list(fuel, items)
        }
        _ => {
            let items = items(input)?;
            fuel.steps(items.len())?;
            of_items(fuel, filter, items, arguments)
        }
    }
}

fn of_items(
    fuel: &mut Fuel,
    filter: Filter,
    mut items: Vec<Value>,
    arguments: &Arguments,
) -> Result<Value, EvalError> {
    match filter {
        Filter::Join => join(fuel, &items, arguments),
        Filter::Reverse => {
            items.reverse();
            list(fuel, items)
        }
        Filter::Map => {
            let attribute = arguments.text(0, "attribute")?.unwrap_or_default();
            let default = arguments.get(1, "default");
            let mapped = items.iter().map(|item| at_path(item, attribute).or_else(|| default.cloned()));
            let mapped = mapped.map(Option::unwrap_or_default).collect();
            list(fuel, mapped)
        }
        Filter::Min => extreme(items, Ordering::is_lt),
        Filter::Max => extreme(items, Ordering::is_gt),
        Filter::Sum => {
            let attribute = arguments.text(0, "attribute")?;
            let mut sum = Value::Int(0);
            for item in &items {
                let number = by(item, attribute).unwrap_or_default();
                sum = operators::binary(fuel, BinaryOp::Add, &sum, &number)?;
            }
            Ok(sum)
        }
        Filter::Sort => sort(fuel, items, arguments),
        Filter::Unique => {
            let attribute = arguments.text(0, "attribute")?;
            let mut kept: Vec<(Option<Value>, Value)> = Vec::new();
            for item in items {
                let key = by(&item, attribute);
                fuel.steps(kept.len())?;
                let is_known = |(known, _): &(Option<Value>, Value)| match (known, &key) {
                    (Some(known), Some(key)) => known.equals(key),
                    (None, None) => true,
                    _ => false,
                };
                if !kept.iter().any(is_known) {
                    kept.push((key, item));
                }
            }
            list(fuel, kept.into_iter().map(|(_, item)| item).collect())
        }
        Filter::Select | Filter::Reject => select(fuel, items, arguments, filter == Filter::Select),
        _ => unreachable!("only these are given here"),
    }
}

fn items(input: &Value) -> Result<Vec<Value>, EvalError> {
    match input {
        Value::List(items) => Ok(items.to_vec()),
        Value::Null => Ok(Vec::new()),
        Value::Text(text) => Ok(text.chars().map(|c| Value::text(c.to_string())).collect()),
        other => Err(EvalError::Type(format!("{} is no list", other.kind()))),
    }
}

fn length(fuel: &mut Fuel, input: &Value) -> Result<Value, EvalError> {
    let length = match input {
        Value::Text(text) => {
            fuel.look(text.len())?;
            text.chars().count()
        }
        Value::List(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null => 0,
        other => return Err(EvalError::Type(format!("{} has no length", other.kind()))),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn first(input: &Value, from_the_end: bool) -> Result<Value, EvalError> {
    Ok(match input {
        Value::List(items) => if from_the_end { items.last() } else { items.first() }.cloned(),
        Value::Text(text) => {
            let mut chars = text.chars();
            let found = if from_the_end { chars.next_back() } else { chars.next() };
            found.map(|c| Value::text(c.to_string()))
        }
        Value::Null => None,
        other => return Err(EvalError::Type(format!("{} is no list", other.kind()))),
    }
    .unwrap_or_default())
}

fn fields(fuel: &mut Fuel, filter: Filter, input: &Value) -> Result<Value, EvalError> {
    let Value::Object(fields) = input else {
        return Err(EvalError::Type(format!("{} has no fields", input.kind())));
    };
    let name = |name: &Arc<str>| Value::Text(Arc::clone(name));
    let items = match filter {
        Filter::Keys => fields.keys().map(name).collect(),
        Filter::Values => fields.values().cloned().collect(),
        _ => fields.iter().map(|(key, value)| Value::list(vec![name(key), value.clone()])).collect(),
    };
    list(fuel, items)
}

/// `attribute` may name one inside another: `address.city`.
fn at_path(value: &Value, attribute: &str) -> Option<Value> {
    attribute.split('.').try_fold(value.clone(), |value, name| attribute_of(&value, name))
}

fn by(value: &Value, attribute: Option<&str>) -> Option<Value> {
    attribute.map_or_else(|| Some(value.clone()), |attribute| at_path(value, attribute))
}

fn join(fuel: &mut Fuel, items: &[Value], arguments: &Arguments) -> Result<Value, EvalError> {
    let separator = arguments.text(0, "separator")?.unwrap_or_default();
    let attribute = arguments.text(1, "attribute")?;
    let mut pieces = Vec::new();
    for item in items {
        pieces.push(shown(fuel, &by(item, attribute).unwrap_or_default())?);
    }
    let between = separator.len().saturating_mul(pieces.len().saturating_sub(1));
    fuel.build(pieces.iter().map(|piece| piece.len()).sum::<usize>().saturating_add(between))?;
    Ok(Value::text(pieces.join(separator)))
}

fn extreme(items: Vec<Value>, wins: fn(Ordering) -> bool) -> Result<Value, EvalError> {
    let mut items = items.into_iter();
    let mut best = items.next().unwrap_or_default();
    for item in items {
        if wins(ordered(&item, &best)?) {
            best = item;
        }
    }
    Ok(best)
}

fn ordered(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    let unordered = || EvalError::Type(format!("{} and {} have no order", left.kind(), right.kind()));
    left.compare(right).ok_or_else(unordered)
}

fn sort(fuel: &mut Fuel, items: Vec<Value>, arguments: &Arguments) -> Result<Value, EvalError> {
    let attribute = arguments.text(1, "attribute")?;
    let mut keyed: Vec<(Value, Value)> =
        items.into_iter().map(|item| (by(&item, attribute).unwrap_or_default(), item)).collect();
    // Each is compared with about log n others.
    fuel.steps(keyed.len() * (keyed.len().max(2).ilog2() as usize))?;
    fuel.look(keyed.iter().map(|(key, _)| key.bytes()).sum())?;
    // Sorting cannot fail half way: whether they have an order is seen before.
    for pair in keyed.windows(2) {
        ordered(&pair[0].0, &pair[1].0)?;
    }
    let texts = keyed.iter().any(|(key, _)| matches!(key, Value::Text(_)));
    if texts && keyed.iter().any(|(key, _)| !matches!(key, Value::Text(_))) {
        return Err(EvalError::Type("texts and other values have no order".to_owned()));
    }
    keyed.sort_by(|(left, _), (right, _)| match (left, right) {
        // As people look for them; the same but for their case keep their order.
        (Value::Text(left), Value::Text(right)) => left.to_lowercase().cmp(&right.to_lowercase()),
        _ => left.compare(right).unwrap_or(Ordering::Equal),
    });
    if arguments.is_true(0, "reverse") {
        keyed.reverse();
    }
    list(fuel, keyed.into_iter().map(|(_, item)| item).collect())
}

/// `selectattr("price", "greater", 10)`; without a test, those whose attribute is true.
fn select(
    fuel: &mut Fuel,
    items: Vec<Value>,
    arguments: &Arguments,
    wanted: bool,
) -> Result<Value, EvalError> {
    let attribute = arguments.text(0, "attribute")?.unwrap_or_default();
    let test = arguments.text(1, "test")?;
    let with = arguments.get(2, "value").cloned().unwrap_or_default();
    let mut kept = Vec::new();
    for item in items {
        let value = at_path(&item, attribute);
        let holds = match test {
            None => value.is_some_and(|value| value.is_true()),
            Some("defined") => value.is_some(),
            Some(test) => {
                let comparison = comparison(test)
                    .ok_or_else(|| EvalError::Type(format!("there is no test {test:?} for selecting")))?;
                match value {
                    Some(value) => operators::compare(fuel, comparison, &value, &with)?,
                    None => false,
                }
            }
        };
        if holds == wanted {
            kept.push(item);
        }
    }
    list(fuel, kept)
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "eq" | "equalto" | "==" => Comparison::Equal,
        "ne" | "!=" => Comparison::NotEqual,
        "lt" | "lessthan" | "<" => Comparison::Less,
        "le" | "<=" => Comparison::AtMost,
        "gt" | "greaterthan" | ">" => Comparison::Greater,
        "ge" | ">=" => Comparison::AtLeast,
        "in" => Comparison::In,
        _ => return None,
    })
}
