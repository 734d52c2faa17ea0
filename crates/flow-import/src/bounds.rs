//! How large an export may be.

use serde_json::Value;

use crate::ImportError;

/// Arrays and objects nested deeper are refused: far more than either format needs,
/// far less than a stack holds.
pub const DEPTH_MAX: usize = 64;
/// Values of an export, members and items included; more are refused. A flow has at
/// most 10,000 nodes, and hardly any node a hundred values.
pub const VALUES_MAX: usize = 1_000_000;
/// Bytes of the export that are kept in the flow, as every opening of the flow
/// carries them; a larger one is left out, with a note.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;

/// Looks through an export without recursion, so that what comes after may recurse.
pub(crate) fn check(value: &Value) -> Result<(), ImportError> {
    let mut waiting = vec![(value, 0)];
    let mut seen = 0;
    while let Some((value, depth)) = waiting.pop() {
        seen += 1;
        if seen > VALUES_MAX {
            return Err(ImportError::new("", format!("this has more than {VALUES_MAX} values")));
        }
        if depth > DEPTH_MAX {
            return Err(ImportError::new("", format!("this is nested deeper than {DEPTH_MAX} levels")));
        }
        match value {
            Value::Array(items) => waiting.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => waiting.extend(members.values().map(|member| (member, depth + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

/// Whether a value fits into a field of a node: fields lie a few levels inside the
/// flow, which is 32 deep at most.
pub(crate) fn fits(value: &Value) -> bool {
    fn at(value: &Value, depth: usize) -> bool {
        const FIELD_DEPTH_MAX: usize = 20;
        match value {
            Value::Array(items) => depth < FIELD_DEPTH_MAX && items.iter().all(|item| at(item, depth + 1)),
            Value::Object(members) => {
                depth < FIELD_DEPTH_MAX
                    && members.iter().all(|(key, member)| flow_model::is_key(key) && at(member, depth + 1))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    at(value, 0)
}
