//! How much may be sent to a run: what it gets it keeps, and stores anew with every turn.

use std::io;

use flow_executor::inputs::Answer;
use serde::Serialize;
use serde_json::{Map, Value as AnyJson};

use crate::error::ApiError;

const ANSWER_BYTES_MAX: usize = 64 << 10;
const VARIABLES_BYTES_MAX: usize = 256 << 10;
/// Lists and objects in one another.
const DEPTH_MAX: usize = 32;

/// # Errors
/// [`ApiError::Invalid`].
pub(super) fn check_answer(answer: &Answer) -> Result<(), ApiError> {
    check_bytes("answer", answer, ANSWER_BYTES_MAX)?;
    match answer {
        Answer::Value(value) => check_depth("answer", value),
        Answer::Text(_) | Answer::Choice(_) | Answer::Files(_) => Ok(()),
    }
}

/// # Errors
/// [`ApiError::Invalid`].
pub(super) fn check_variables(variables: &Map<String, AnyJson>) -> Result<(), ApiError> {
    check_bytes("variables", variables, VARIABLES_BYTES_MAX)?;
    variables.values().try_for_each(|value| check_depth("variables", value))
}

fn check_bytes(field: &'static str, value: &impl Serialize, most: usize) -> Result<(), ApiError> {
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, value).map_err(ApiError::internal)?;
    if counted.0 > most {
        return Err(ApiError::invalid(field, format!("has at most {} KiB as JSON", most >> 10)));
    }
    Ok(())
}

fn check_depth(field: &'static str, value: &AnyJson) -> Result<(), ApiError> {
    if is_deeper(value, DEPTH_MAX) {
        return Err(ApiError::invalid(field, format!("is nested at most {DEPTH_MAX} deep")));
    }
    Ok(())
}

/// Looks no deeper than it may be.
fn is_deeper(value: &AnyJson, most: usize) -> bool {
    let inside = |value| is_deeper(value, most - 1);
    match value {
        AnyJson::Array(items) => most == 0 || items.iter().any(inside),
        AnyJson::Object(fields) => most == 0 || fields.values().any(inside),
        _ => false,
    }
}

/// Bytes that are written.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> AnyJson {
        (0..depth)
            .fold(json!(1), |value, at| if at % 2 == 0 { json!([value]) } else { json!({ "a": value }) })
    }

    fn is_refused(done: Result<(), ApiError>, name: &str) -> bool {
        matches!(done, Err(ApiError::Invalid { field, .. }) if field == name)
    }

    #[test]
    fn answers_are_bounded() {
        // With the name of what it is, and the quotes.
        let text = |bytes: usize| Answer::Text("x".repeat(bytes - r#"{"text":""}"#.len()));
        assert!(check_answer(&text(64 << 10)).is_ok());
        assert!(is_refused(check_answer(&text((64 << 10) + 1)), "answer"));
        assert!(is_refused(check_answer(&Answer::Choice(vec!["x".repeat(1 << 10); 64])), "answer"));
        assert!(check_answer(&Answer::Value(nested(32))).is_ok());
        assert!(is_refused(check_answer(&Answer::Value(nested(33))), "answer"));
    }

    #[test]
    fn variables_are_bounded() {
        let variables = |value: AnyJson| Map::from_iter([("a".to_owned(), value)]);
        let text = |bytes: usize| variables(json!("x".repeat(bytes - r#"{"a":""}"#.len())));
        assert!(check_variables(&text(256 << 10)).is_ok());
        assert!(is_refused(check_variables(&text((256 << 10) + 1)), "variables"));
        assert!(check_variables(&variables(nested(32))).is_ok());
        assert!(is_refused(check_variables(&variables(nested(33))), "variables"));
    }
}
