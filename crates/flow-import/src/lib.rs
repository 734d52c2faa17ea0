//! Flows of other programs, read into Interflow's JSON form.
//!
//! [`import`] takes an export of Typebot (versions 3 to 6) or of Node-RED, or
//! Interflow JSON, and answers a [`FlowJson`] with [`ImportNote`]s: whatever was
//! dropped or works differently is said, with its node. Nothing is executed and no
//! template is evaluated. Code becomes text in a placeholder: a node whose type
//! names the foreign one (`typebot:Google Sheets`), which no release knows, so that
//! validation refuses to publish the flow, and a run to go past it.
//!
//! It refuses to know tokio and IO. Input may be hostile: sizes and nesting are
//! bounded, and an [`ImportError`] says where.
//!
//! Start with [`import`], then `draft`, then `typebot` and `node_red`.

mod bounds;
mod draft;
mod node_red;
mod note;
mod options;
mod text;
mod typebot;
mod variables;

use std::fmt;
use std::str::FromStr;

use flow_model::{FlowJson, JsonError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use bounds::{DEPTH_MAX, SOURCE_BYTES_MAX, VALUES_MAX};
pub use note::{ImportNote, NOTES_MAX, NoteCode};

/// What an export is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Interflow,
    Typebot,
    NodeRed,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Interflow, Self::Typebot, Self::NodeRed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interflow => "interflow",
            Self::Typebot => "typebot",
            Self::NodeRed => "node-red",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| "expected interflow, typebot or node-red".to_owned())
    }
}

/// A flow that was read, and what was lost on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    pub format: Format,
    pub flow: FlowJson,
    /// In the order in which they came up.
    pub notes: Vec<ImportNote>,
}

/// The export cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct ImportError {
    /// Where, such as `groups/2/blocks/0/id`; empty for the whole.
    pub path: String,
    pub message: String,
}

impl ImportError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl From<JsonError> for ImportError {
    fn from(JsonError { path, message }: JsonError) -> Self {
        Self { path, message }
    }
}

/// Which format an export is in, by what only that format has; nothing if none of
/// them looks like this.
#[must_use]
pub fn detect(value: &Value) -> Option<Format> {
    if value.get("interflow").is_some() {
        Some(Format::Interflow)
    } else if value.get("groups").is_some_and(Value::is_array)
        && value.get("edges").is_some_and(Value::is_array)
    {
        Some(Format::Typebot)
    } else if node_red::looks_like(value) {
        Some(Format::NodeRed)
    } else {
        None
    }
}

/// Reads an export.
///
/// # Errors
/// [`ImportError`] says where the export is not what its format prescribes, or is
/// larger or deeper than this reads.
pub fn import(value: &Value, format: Format) -> Result<Imported, ImportError> {
    bounds::check(value)?;
    let (flow, notes) = match format {
        Format::Interflow => (FlowJson::from_value(value)?, Vec::new()),
        Format::Typebot => typebot::import(value)?.finish(value)?,
        Format::NodeRed => node_red::import(value)?.finish(value)?,
    };
    Ok(Imported { format, flow, notes })
}

#[cfg(test)]
mod tests;
