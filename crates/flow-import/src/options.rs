//! A foreign node's options, taken one by one: what nobody takes was dropped.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::draft::Draft;

/// Objects inside are opened so far; deeper ones are one option.
const LEVELS: usize = 3;
/// Options named one by one in the notes of a node.
const NAMED_MAX: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Options<'v> {
    /// By their path, such as `labels/placeholder`.
    members: BTreeMap<String, &'v Value>,
}

impl<'v> Options<'v> {
    pub(crate) fn of(value: Option<&'v Value>) -> Self {
        let mut options = Self::default();
        if let Some(value) = value {
            options.open(value, "", 0);
        }
        options
    }

    fn open(&mut self, value: &'v Value, path: &str, level: usize) {
        match value {
            Value::Object(members) if level < LEVELS => {
                for (key, member) in members {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                    self.open(member, &path, level + 1);
                }
            }
            _ => {
                self.members.insert(path.to_owned(), value);
            }
        }
    }

    /// The value as it is.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'v Value> {
        self.members.remove(key)
    }

    /// A text that is not empty. Anything else stays, and is reported as dropped.
    pub(crate) fn text(&mut self, key: &str) -> Option<&'v str> {
        let text = self.members.get(key)?.as_str().filter(|text| !text.is_empty())?;
        self.members.remove(key);
        Some(text)
    }

    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        let flag = self.members.get(key)?.as_bool()?;
        self.members.remove(key);
        Some(flag)
    }

    /// A number, or a text that is one.
    pub(crate) fn number(&mut self, key: &str) -> Option<f64> {
        let value = self.members.get(key)?;
        let number = value
            .as_f64()
            .or_else(|| value.as_str()?.trim().parse().ok())
            .filter(|number| number.is_finite())?;
        self.members.remove(key);
        Some(number)
    }

    pub(crate) fn array(&mut self, key: &str) -> &'v [Value] {
        match self.members.get(key).and_then(|value| value.as_array()) {
            Some(items) => {
                self.members.remove(key);
                items
            }
            None => &[],
        }
    }

    /// Takes options that say nothing to a run.
    pub(crate) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.members.remove(*key);
        }
    }

    /// Says of all that is left that it was dropped; what is empty or off is not missed.
    pub(crate) fn report(self, draft: &mut Draft, node: &str) {
        let says_something = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(true) | Value::Number(_) => true,
        };
        let left: Vec<_> =
            self.members.into_iter().filter(|(_, value)| says_something(value)).map(|(key, _)| key).collect();
        for key in left.iter().take(NAMED_MAX) {
            draft.dropped(node, key);
        }
        if left.len() > NAMED_MAX {
            draft.dropped(node, &format!("{} and {} more", left[NAMED_MAX], left.len() - NAMED_MAX - 1));
        }
    }
}
