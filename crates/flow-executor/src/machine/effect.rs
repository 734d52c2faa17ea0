use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Something to be done for a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Say this, once the turn is durable.
    Emit(Message),
    /// The run waits for an answer of this kind.
    Ask(Ask),
    /// Call a web service; answer with [`super::Happened::Called`]. Recorded before it begins.
    Call(Box<CallRequest>),
    /// Wake the run then, with [`super::Happened::Due`]. There is one timer; this replaces it.
    SetTimer(Timestamp),
    ClearTimer,
    /// Show that something is being written, for so long.
    Typing {
        ms: u64,
    },
}

/// Something that is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The messages of a run are numbered, from 1.
    pub id: u32,
    /// How long the typing indicator shows before it.
    pub typing_ms: u64,
    pub block: Json,
    /// The same as plain text.
    pub text: String,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// The visit that asks: an answer to an earlier one is stale.
    pub visit: u32,
    pub node: String,
    pub kind: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What the kind brings: options, bounds, labels.
    #[serde(flatten)]
    pub details: serde_json::Map<String, Json>,
}

/// A request to a web service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRequest {
    pub visit: u32,
    pub attempt: u32,
    pub node: String,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<String>,
    pub auth: CallAuth,
    pub timeout_ms: u64,
    /// The same for every attempt of a visit.
    pub idempotency_key: String,
    /// It may be made again though nobody knows whether it was.
    pub repeatable: bool,
}

/// Secrets by name: a journal holds none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum CallAuth {
    None,
    Basic { user: String, secret: String },
    Bearer { secret: String },
    Header { name: String, secret: String },
    Query { name: String, secret: String },
}

impl CallAuth {
    /// The name of the secret that it needs.
    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Basic { secret, .. }
            | Self::Bearer { secret }
            | Self::Header { secret, .. }
            | Self::Query { secret, .. } => Some(secret),
        }
    }
}
