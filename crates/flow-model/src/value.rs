//! Between the document's plain values and JSON.
//!
//! JSON values come out in one form: whole numbers up to 2^53 as integers, all
//! others as floats, members sorted. So a value compares and hashes the same
//! whoever wrote it, and however.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use yrs::Any;

/// Arrays and objects nested deeper are cut off: far more than flows need, far
/// less than a stack holds.
pub(crate) const DEPTH_MAX: usize = 32;

/// Largest whole number that JavaScript keeps exactly.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// What kept a value from becoming JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Bytes, or a number that is none.
    NotJson,
    TooDeep,
}

/// The value as JSON; parts that are no JSON become `null` and are reported.
pub(crate) fn to_json(any: &Any, unfit: &mut Option<Unfit>) -> Value {
    json_at(any, 0, unfit)
}

pub(crate) fn json_at(any: &Any, depth: usize, unfit: &mut Option<Unfit>) -> Value {
    if depth > DEPTH_MAX && matches!(any, Any::Array(_) | Any::Map(_)) {
        *unfit = Some(Unfit::TooDeep);
        return Value::Null;
    }
    match any {
        Any::Null | Any::Undefined => Value::Null,
        Any::Bool(value) => Value::Bool(*value),
        Any::String(text) => Value::String(text.to_string()),
        Any::Number(yrs::Number::Int(number)) => whole(*number),
        Any::Number(yrs::Number::Float(number)) => float(*number).unwrap_or_else(|| {
            *unfit = Some(Unfit::NotJson);
            Value::Null
        }),
        Any::Buffer(_) => {
            *unfit = Some(Unfit::NotJson);
            Value::Null
        }
        Any::Array(items) => items.iter().map(|item| json_at(item, depth + 1, unfit)).collect(),
        Any::Map(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            members.into_iter().map(|(key, value)| (key.clone(), json_at(value, depth + 1, unfit))).collect()
        }
    }
}

/// The value as the document keeps it. Takes values in normal form.
pub(crate) fn to_any(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(value) => Any::Bool(*value),
        Value::String(text) => Any::String(Arc::from(text.as_str())),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Any::Number(yrs::Number::Int(whole)),
            None => number.as_f64().map_or(Any::Null, |float| Any::Number(yrs::Number::Float(float))),
        },
        Value::Array(items) => Any::Array(items.iter().map(to_any).collect()),
        Value::Object(members) => {
            let members: HashMap<_, _> =
                members.iter().map(|(key, value)| (key.clone(), to_any(value))).collect();
            Any::Map(Arc::new(members))
        }
    }
}

/// The value in the one form described above; nothing if it is nested too deep.
pub(crate) fn normal(value: &Value) -> Option<Value> {
    normal_at(value, 0)
}

/// The same for a value that is to lie so many levels inside another.
pub(crate) fn normal_at(value: &Value, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX && (value.is_array() || value.is_object()) {
        return None;
    }
    Some(match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => whole(number),
            // Parsed JSON holds no infinity, so there is always a number.
            None => number.as_f64().and_then(float).unwrap_or(Value::Null),
        },
        Value::Array(items) => items.iter().map(|item| normal_at(item, depth + 1)).collect::<Option<_>>()?,
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            let members =
                sorted.into_iter().map(|(key, value)| Some((key.clone(), normal_at(value, depth + 1)?)));
            Value::Object(members.collect::<Option<Map<_, _>>>()?)
        }
    })
}

fn whole(number: i64) -> Value {
    // Beyond 2^53 a peer in JavaScript would read another number than we do.
    if number.unsigned_abs() <= 1 << 53 { Value::from(number) } else { Value::from(number as f64) }
}

fn float(number: f64) -> Option<Value> {
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_however_it_was_written() {
        for (written, read) in [
            (Any::from(1.0), "1"),
            (Any::from(-0.0), "0"),
            (Any::from(0.5), "0.5"),
            (Any::from(9_007_199_254_740_992_i64), "9007199254740992"),
            (Any::from(i64::MAX), "9.223372036854776e+18"),
            (Any::from(9.223_372_036_854_776e18), "9.223372036854776e+18"),
        ] {
            let mut unfit = None;
            let value = to_json(&written, &mut unfit);
            assert_eq!((value.to_string().as_str(), unfit), (read, None), "{written}");
            assert_eq!(normal(&value), Some(value.clone()));
            assert_eq!(to_json(&to_any(&value), &mut unfit), value);
        }
    }

    #[test]
    fn what_is_no_json_is_reported_and_read_as_null() {
        for rubbish in [Any::from(f64::NAN), Any::from(f64::INFINITY), Any::from(vec![1_u8, 2])] {
            let mut unfit = None;
            assert_eq!(to_json(&rubbish, &mut unfit), Value::Null);
            assert_eq!(unfit, Some(Unfit::NotJson));
        }
    }

    #[test]
    fn nesting_ends_at_a_bound() {
        let mut any = Any::Null;
        for _ in 0..1_000 {
            any = Any::Array(Arc::from([any]));
        }
        let mut unfit = None;
        assert_eq!(normal(&to_json(&any, &mut unfit)).map(|_| unfit), Some(Some(Unfit::TooDeep)));
    }
}
