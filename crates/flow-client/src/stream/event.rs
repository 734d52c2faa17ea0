use flow_base::Seq;
use serde::Deserialize;
use serde_json::Value;

use crate::{PresentClient, Version};

/// What a stream tells of a flow.
#[derive(Debug, Clone, PartialEq)]
pub enum FlowEvent {
    /// The whole flow. What was known before is to be forgotten.
    Reset(FlowReset),
    Change(FlowChanged),
    Presence(PresenceChanged),
    /// A version was made; its cause is `activation` when it runs now.
    Version(Version),
    /// The server has ended the stream for good; nothing follows.
    Closed(StreamClosed),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FlowReset {
    /// A position of the history by which all of that is stored.
    pub seq: Seq,
    /// As [`Api::graph`](crate::Api::graph) has it.
    pub graph: Value,
}

/// What is different now.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FlowChanged {
    /// A position of the history by which all of that is stored.
    pub seq: Seq,
    /// In a line of English.
    pub summary: String,
    /// Whole, as [`Api::version_diff`](crate::Api::version_diff) has it.
    pub diff: Value,
}

/// Who came or changed, and who left.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PresenceChanged {
    /// These are all there are; otherwise the others stay as they are.
    pub all: bool,
    pub clients: Vec<PresentClient>,
    pub gone: Vec<u64>,
}

/// By which close code of a socket a stream has ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StreamClosed {
    pub code: u16,
    pub reason: String,
}

impl FlowEvent {
    /// `None`: it is one that only newer servers know.
    pub(super) fn read(name: &str, data: &str) -> Result<Option<Self>, serde_json::Error> {
        let event = match name {
            "reset" => Self::Reset(serde_json::from_str(data)?),
            "change" => Self::Change(serde_json::from_str(data)?),
            "presence" => Self::Presence(serde_json::from_str(data)?),
            "version" => Self::Version(serde_json::from_str(data)?),
            "closed" => Self::Closed(serde_json::from_str(data)?),
            _ => return Ok(None),
        };
        Ok(Some(event))
    }
}

impl StreamClosed {
    /// Whether coming back is pointless until something else changes.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self.code, 4400..=4499)
    }
}
