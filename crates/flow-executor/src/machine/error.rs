use serde::{Deserialize, Serialize};

use crate::language::EvalError;
use crate::plan::PlanNode;
use crate::value::{Object, Value};

/// Why a node or a run has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    pub kind: ErrorKind,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
}

/// Stable names of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A template or an expression came to nothing.
    Expression,
    /// It used more memory or time than one evaluation may.
    Exhausted,
    /// The run has done more than runs may.
    BudgetExceeded,
    /// A parameter is missing or of the wrong type.
    InvalidInput,
    /// The node makes no sense, or is of a type this release does not know.
    InvalidNode,
    NoStart,
    /// A web service answered with something else than 2xx.
    HttpStatus,
    Unreachable,
    Timeout,
    BrokenConnection,
    RefusedAddress,
    ResponseTooLarge,
    InvalidRequest,
    /// Whether a call was made nobody knows, and it must not be repeated.
    UnknownOutcome,
    /// A mock says so.
    Mock,
    /// The run could not be carried on by the server.
    Internal,
}

impl ErrorKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::Exhausted => "exhausted",
            Self::BudgetExceeded => "budget_exceeded",
            Self::InvalidInput => "invalid_input",
            Self::InvalidNode => "invalid_node",
            Self::NoStart => "no_start",
            Self::HttpStatus => "http_status",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::BrokenConnection => "broken_connection",
            Self::RefusedAddress => "refused_address",
            Self::ResponseTooLarge => "response_too_large",
            Self::InvalidRequest => "invalid_request",
            Self::UnknownOutcome => "unknown_outcome",
            Self::Mock => "mock",
            Self::Internal => "internal",
        }
    }
}

impl RunError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), node: None, status: None }
    }

    /// The server cannot carry the run on; why is in its log.
    pub(crate) fn internal() -> Self {
        Self::new(ErrorKind::Internal, "the run could not be carried on")
    }

    /// Where it happened, unless it says so.
    pub(crate) fn at(mut self, node: &PlanNode) -> Self {
        self.node.get_or_insert_with(|| node.id.to_string());
        self
    }

    /// What `last_error` holds.
    pub(crate) fn value(&self) -> Value {
        let mut fields = Object::new();
        fields.insert("kind".into(), Value::text(self.kind.as_str()));
        fields.insert("message".into(), Value::text(self.message.as_str()));
        if let Some(node) = &self.node {
            fields.insert("node".into(), Value::text(node.as_str()));
        }
        if let Some(status) = self.status {
            fields.insert("status".into(), Value::Int(status.into()));
        }
        Value::object(fields)
    }
}

impl From<EvalError> for RunError {
    fn from(error: EvalError) -> Self {
        let kind = if error.is_exhausted() { ErrorKind::Exhausted } else { ErrorKind::Expression };
        Self::new(kind, error.to_string())
    }
}
