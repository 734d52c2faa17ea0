use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RunError;
use crate::inputs::Answer;
use crate::value::Object;

/// Something that happens to a run, and when.
#[derive(Debug, Clone)]
pub struct Event {
    pub at: Timestamp,
    pub what: Happened,
}

#[derive(Debug, Clone)]
pub enum Happened {
    /// The run begins with these parameters.
    Start {
        input: Object,
    },
    /// Nothing: on with the next node.
    Go,
    /// Somebody has answered what was asked.
    Answered(Answer),
    /// The moment that was waited for is here.
    Due,
    /// A call has come to something.
    Called {
        visit: u32,
        attempt: u32,
        result: Result<Response, CallError>,
    },
    Cancel,
    /// The turn has taken longer than turns may.
    Overran,
    /// It has written more.
    Overflowed,
}

/// What a web service has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    /// Names in small letters; of several of one name, the last.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub ms: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    pub failure: CallFailure,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    /// It was never sent: nobody was reached.
    Unreachable,
    /// It was sent, and nothing came back in time.
    Timeout,
    /// It was sent, and the connection ended.
    Broken,
    /// The address must not be called.
    Refused,
    /// The answer is larger than answers may be.
    TooLarge,
    /// There is no secret of this name, or a header that cannot be sent.
    Invalid,
    /// The node died meanwhile: whether it was sent nobody knows.
    UnknownOutcome,
}

impl From<RunError> for CallError {
    fn from(error: RunError) -> Self {
        Self { failure: CallFailure::Invalid, message: error.message }
    }
}
