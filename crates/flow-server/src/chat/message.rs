use flow_base::{FlowId, RunFileId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::routes::runs::AnswerBody;

/// What a client sends: one JSON object in each frame.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ClientMessage {
    #[serde(rename = "chat:start")]
    Start(Start),
    #[serde(rename = "chat:message")]
    Message(Said),
    /// From the beginning, with the same parameters.
    #[serde(rename = "chat:reset")]
    Reset,
    #[serde(rename = "chat:disconnect")]
    Disconnect,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Start {
    /// Of the flow as it is.
    pub(super) preview: bool,
    /// Of this version, active or not; for those who may try the flow as it is.
    pub(super) version: Option<u32>,
    pub(super) variables: Map<String, Value>,
    /// The token of the chat that goes on.
    pub(super) resume: Option<String>,
    /// The last message that the client has of it.
    pub(super) after: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    text: Option<String>,
    value: Option<Value>,
    choice: Option<Vec<String>>,
    files: Option<Vec<RunFileId>>,
    pub(super) visit: Option<u32>,
    pub(super) idempotency_key: Option<String>,
}

impl Said {
    /// The answer; `None` unless it is exactly one.
    pub(super) fn answer(&mut self) -> Option<AnswerBody> {
        match (self.text.take(), self.value.take(), self.choice.take(), self.files.take()) {
            (Some(text), None, None, None) => Some(AnswerBody::Text(text)),
            (None, Some(value), None, None) => Some(AnswerBody::Value(value)),
            (None, None, Some(ids), None) => Some(AnswerBody::Choice(ids)),
            (None, None, None, Some(ids)) => Some(AnswerBody::Files(ids)),
            _ => None,
        }
    }
}

pub(super) fn connected(run: &str, token: &str, flow: FlowId, name: &str) -> Value {
    json!({
        "type": "chat:connected", "sessionId": run, "resumeToken": token, "flow": { "id": flow, "name": name },
    })
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!({ "type": "chat:error", "code": code, "message": message })
}

/// With its own fields beside the type.
pub(super) fn typed(name: &str, mut fields: Value) -> Value {
    fields["type"] = name.into();
    fields
}
