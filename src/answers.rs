//! Answers that a run is given in the terminal: as they are, and of an input that asks for
//! files, the files that they name.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow_base::RunId;
use flow_client::{Answer, Api, ClientError};
use serde_json::Value;

/// What is said to a run.
pub(crate) enum Said {
    Plain(Answer),
    /// Names and contents.
    Files(Vec<(String, Vec<u8>)>),
}

/// The answers in a file.
pub(crate) fn listed(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON list of answers", path.display()))
}

impl Said {
    /// Of an input that asks for files all that are named are read before any is sent. A text that
    /// is no path to anything is said as it is: the flow has an answer to "I have none".
    ///
    /// # Errors
    /// One cannot be read, or there is none where a list of paths says so.
    pub(crate) async fn read(asks: &Value, value: Value) -> anyhow::Result<Self> {
        let Some(paths) = paths(asks, &value) else {
            return Ok(Self::Plain(match value {
                Value::String(text) => Answer::Text(text),
                value => Answer::Value(value),
            }));
        };
        let mut files = Vec::new();
        for path in paths {
            let content = match (tokio::fs::read(&path).await, &value) {
                (Err(error), Value::String(text))
                    if error.kind() == ErrorKind::NotFound && Path::new(text.trim()) == path =>
                {
                    return Ok(Self::Plain(Answer::Text(text.clone())));
                }
                (content, _) => content,
            };
            let content = content.with_context(|| format!("could not read {}", path.display()))?;
            files.push((name_of(&path), content));
        }
        Ok(Self::Files(files))
    }

    /// The answer that it is. Files are sent for that.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn answer(self, api: &Api, run: RunId) -> Result<Answer, ClientError> {
        let files = match self {
            Self::Plain(answer) => return Ok(answer),
            Self::Files(files) => files,
        };
        let mut sent = Vec::new();
        for (name, content) in files {
            sent.push(api.send_run_file(run, &name, content).await?.id);
        }
        Ok(Answer::Files(sent))
    }
}

/// A path, or a list of paths; `None` where none are asked for, or something else is said: the
/// flow says that this does not fit.
fn paths(asks: &Value, value: &Value) -> Option<Vec<PathBuf>> {
    if asks["kind"] != "file" {
        return None;
    }
    match value {
        // Whoever types has no other way to say that there are several.
        Value::String(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).ok().or_else(|| Some(vec![text.into()]))
        }
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(vec![text.trim().into()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(PathBuf::from)).collect(),
        _ => None,
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_said_alone_or_as_a_list() {
        let of = |value: Value| paths(&json!({ "kind": "file" }), &value);
        let some = |names: &[&str]| Some(names.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(json!(" a b.png ")), some(&["a b.png"]));
        assert_eq!(of(json!("[\"a\", \"b\"]")), some(&["a", "b"]));
        assert_eq!(of(json!("[draft].md")), some(&["[draft].md"]));
        assert_eq!(of(json!(["a", "b"])), some(&["a", "b"]));
        assert_eq!((of(json!("")), of(json!(7)), of(json!(["a", 7]))), (None, None, None));
        assert_eq!(paths(&json!({ "kind": "text" }), &json!("a.png")), None);
        assert_eq!(name_of(Path::new("/tmp/a b.png")), "a b.png");
    }
}
