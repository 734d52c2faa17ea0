use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flow_auth::CredentialError;
use flow_executor::runner::RunFailed;
use flow_model::Diagnostic;
use flow_room::{EditFailed, EditRefused, OpenError};
use flow_store::{Conflict, Quota, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::model;
use crate::request_id;

/// Every way in which a request fails, as its caller sees it. Causes are logged,
/// never sent.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("sign in first")]
    SignedOut,
    #[error("the address or the password is wrong")]
    WrongCredentials,
    #[error("you may not do this")]
    Forbidden,
    /// Also where the caller may not know that the thing exists.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("this cannot be done here; `Allow` says what can")]
    MethodNotAllowed,
    #[error("{0}")]
    Conflict(Conflict),
    #[error("{field}: {message}")]
    Invalid { field: Cow<'static, str>, message: String },
    #[error("the body is not what this request takes: {}{message}", .field.as_ref().map_or_else(String::new, |field| format!("{field}: ")))]
    Body { message: String, field: Option<String>, status: StatusCode },
    #[error("what follows the ? is not what this request takes: {field}: {message}")]
    Params { field: String, message: String },
    #[error("the edits do not fit the flow: {}", .0.refusal)]
    Edit(flow_model::EditError),
    /// It has another `ETag` than the request asks for.
    #[error("the flow has changed meanwhile")]
    Changed,
    /// It cannot be activated as it is.
    #[error("the flow has errors")]
    HasErrors(Vec<Diagnostic>),
    /// No version of it is.
    #[error("the flow is not active")]
    NotActive,
    /// The run asks something else, or nothing.
    #[error("the run does not wait for this")]
    NotWaiting(Box<RunStanding>),
    /// No file may have more bytes.
    #[error("a file has at most {0} bytes")]
    FileTooLarge(u64),
    /// Or as many bytes.
    #[error("the run has as many files as it may")]
    TooManyFiles,
    /// A run of which no test case can be made, and why not.
    #[error("{0}")]
    NoTest(String),
    /// Such a request of the caller's is under way already, or as many of others as may be.
    #[error("such a request of yours, or too many of others, are under way; ask again later")]
    Busy,
    #[error("the flow has reached its size limit")]
    TooLarge,
    #[error("the body has more than the {0} bytes that this server takes")]
    BodyTooLarge(usize),
    #[error("this is a WebSocket, and the request does not ask for one")]
    NoWebSocket,
    #[error("too many people are here")]
    RoomFull,
    #[error("you have too many connections")]
    TooManyConnections,
    /// After so long there may be another.
    #[error("you connect too often")]
    TooManyOpens(Duration),
    /// After so long there may be another.
    #[error("you ask too often")]
    TooManyRequests(Duration),
    /// After so long one may be right.
    #[error("too many wrong passwords; wait a while")]
    TooManyAttempts(Duration),
    #[error("this is temporarily unavailable, try again")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    #[error("something went wrong on our side")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The body of every error response.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetail {
    /// Stable; programs may rely on it.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Of the request, as in the header `X-Request-Id` and in the server's logs.
    pub request_id: String,
    /// What is wrong, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Details)]
    pub details: Option<Details>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ErrorDetails)]
pub enum Details {
    /// Where in the body, or which parameter: names joined by `/`.
    Field { field: String },
    /// Which of the edits, counted from 0, and the stable name of why.
    Edit { edit: usize, reason: &'static str },
    Diagnostics {
        #[schema(value_type = Vec<model::Diagnostic>)]
        diagnostics: Vec<Diagnostic>,
    },
    /// Where the run is.
    Run {
        #[schema(value_type = Object)]
        run: Box<RunStanding>,
    },
    /// Which of the workspace's quotas is used up.
    Quota { quota: &'static str },
}

/// Where a run is, for whoever thought that it was elsewhere.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStanding {
    /// Counts its turns.
    pub seq: u64,
    pub status: &'static str,
    pub asks: Option<flow_executor::machine::Ask>,
}

impl From<RunFailed> for ApiError {
    fn from(error: RunFailed) -> Self {
        match error {
            RunFailed::Unknown => Self::NotFound("run"),
            RunFailed::NotWaited(run) => {
                let (seq, status) = (run.version, run.summary.status.as_str());
                Self::NotWaiting(Box::new(RunStanding { seq, status, asks: run.asks }))
            }
            RunFailed::NoStep => Self::NotFound("step"),
            RunFailed::NoVariable(_) => Self::invalid("variables", error.to_string()),
            RunFailed::NoFlow => Self::NotFound("flow"),
            RunFailed::TooMany => Self::Conflict(Conflict::QuotaReached(Quota::RunsPerDay)),
            RunFailed::Store(error) => error.into(),
            RunFailed::ShuttingDown | RunFailed::Contended => Self::Unavailable(Some(Box::new(error))),
            RunFailed::Pin(_) | RunFailed::State(_) => Self::internal(error),
        }
    }
}

impl ApiError {
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, message: impl std::fmt::Display) -> Self {
        Self::Invalid { field: field.into(), message: message.to_string() }
    }

    /// A body that cannot be read.
    pub(crate) fn body(status: StatusCode, message: impl std::fmt::Display) -> Self {
        Self::Body { message: message.to_string(), field: None, status }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    /// The one table from error to status and code.
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::SignedOut => (StatusCode::UNAUTHORIZED, "signed_out"),
            Self::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong_credentials"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Conflict(Conflict::EmailTaken) => (StatusCode::CONFLICT, "email_taken"),
            Self::Conflict(Conflict::RegistrationClosed) => (StatusCode::FORBIDDEN, "registration_closed"),
            Self::Conflict(Conflict::TooManyKeys) => (StatusCode::CONFLICT, "too_many_keys"),
            Self::Conflict(Conflict::LastOwner) => (StatusCode::CONFLICT, "last_owner"),
            Self::Conflict(Conflict::OwnsShared) => (StatusCode::CONFLICT, "owns_shared"),
            Self::Conflict(Conflict::PersonalWorkspace) => (StatusCode::CONFLICT, "personal_workspace"),
            Self::Conflict(Conflict::TooManyWorkspaces) => (StatusCode::CONFLICT, "too_many_workspaces"),
            Self::Conflict(Conflict::TooManyInvitations) => (StatusCode::CONFLICT, "too_many_invitations"),
            Self::Conflict(Conflict::TooManyLinks) => (StatusCode::CONFLICT, "too_many_links"),
            Self::Conflict(Conflict::TooManyWebhooks) => (StatusCode::CONFLICT, "too_many_webhooks"),
            Self::Conflict(Conflict::TooManySecrets) => (StatusCode::CONFLICT, "too_many_secrets"),
            Self::Conflict(Conflict::SlugTaken) => (StatusCode::CONFLICT, "slug_taken"),
            Self::Conflict(Conflict::QuotaReached(_)) => (StatusCode::CONFLICT, "quota_reached"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::Body { status, .. } => (*status, "malformed_body"),
            Self::Params { .. } => (StatusCode::BAD_REQUEST, "malformed_query"),
            Self::Edit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "edit_refused"),
            Self::Changed => (StatusCode::PRECONDITION_FAILED, "changed"),
            Self::HasErrors(_) => (StatusCode::UNPROCESSABLE_ENTITY, "has_errors"),
            Self::NotActive => (StatusCode::CONFLICT, "not_active"),
            Self::NotWaiting(_) => (StatusCode::CONFLICT, "not_waiting"),
            Self::FileTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large"),
            Self::TooManyFiles => (StatusCode::CONFLICT, "too_many_files"),
            Self::NoTest(_) => (StatusCode::CONFLICT, "no_test"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
            Self::TooLarge | Self::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::NoWebSocket => (StatusCode::BAD_REQUEST, "no_websocket"),
            Self::RoomFull => (StatusCode::TOO_MANY_REQUESTS, "room_full"),
            Self::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, "too_many_connections"),
            Self::TooManyOpens(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_opens"),
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Stable; programs may rely on it.
    pub(crate) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    /// Seconds after which trying again may help.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Unavailable(_) | Self::Busy => Some(2),
            // Somebody has to leave first.
            Self::RoomFull | Self::TooManyConnections => Some(10),
            Self::TooManyOpens(wait) | Self::TooManyAttempts(wait) | Self::TooManyRequests(wait) => {
                Some(wait.as_secs() + 1)
            }
            _ => None,
        }
    }

    /// Logged once, here, with its whole chain.
    fn log(&self) {
        let error = self as &dyn std::error::Error;
        match self {
            Self::Internal(_) => tracing::error!(error, "request failed"),
            Self::Unavailable(_) => tracing::warn!(error, "request could not be served"),
            _ => tracing::debug!(error, "request refused"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, code) = self.status_and_code();
        let (message, retry_after) = (self.to_string(), self.retry_after());
        let details = match self {
            Self::Invalid { field, .. } => Some(Details::Field { field: field.into_owned() }),
            Self::Body { field: Some(field), .. } | Self::Params { field, .. } => {
                Some(Details::Field { field })
            }
            Self::NotWaiting(run) => Some(Details::Run { run }),
            Self::Edit(error) => Some(Details::Edit { edit: error.index, reason: error.refusal.code() }),
            Self::HasErrors(diagnostics) => Some(Details::Diagnostics { diagnostics }),
            Self::Conflict(Conflict::QuotaReached(quota)) => Some(Details::Quota { quota: quota.as_str() }),
            _ => None,
        };
        let body =
            ErrorBody { error: ErrorDetail { code, message, request_id: request_id::current(), details } };
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UnknownFlow(_) => Self::NotFound("flow"),
            StoreError::Conflict(
                conflict @ (Conflict::EmailTaken
                | Conflict::LastOwner
                | Conflict::OwnsShared
                | Conflict::PersonalWorkspace
                | Conflict::QuotaReached(_)
                | Conflict::RegistrationClosed
                | Conflict::SlugTaken
                | Conflict::TooManyInvitations
                | Conflict::TooManyKeys
                | Conflict::TooManyLinks
                | Conflict::TooManySecrets
                | Conflict::TooManyWebhooks
                | Conflict::TooManyWorkspaces),
            ) => Self::Conflict(conflict),
            // It was there when the role in it was looked at.
            StoreError::Conflict(Conflict::UnknownWorkspace) => Self::NotFound("workspace"),
            // It was theirs when they asked.
            StoreError::Conflict(Conflict::NotAllowed) => Self::Forbidden,
            // It was right when it was looked at.
            StoreError::Conflict(Conflict::PasswordChanged) => Self::WrongCredentials,
            // Named by the request, and never there or gone since.
            StoreError::Conflict(Conflict::UnknownUser) => Self::NotFound("member"),
            // Rules that no request can break, unless we made a mistake.
            StoreError::Conflict(_) => Self::internal(error),
            // What is damaged can be mended, or put back from a copy: it is not gone.
            StoreError::Backend { .. } | StoreError::Damaged { .. } => {
                Self::Unavailable(Some(Box::new(error)))
            }
        }
    }
}

impl From<CredentialError> for ApiError {
    fn from(error: CredentialError) -> Self {
        use CredentialError as E;
        let field = match &error {
            E::PasswordTooShort | E::PasswordTooLong => "password",
            E::EmailMalformed | E::EmailTooLong => "email",
            E::NameEmpty | E::NameTooLong | E::NameInvisible => "name",
            E::Hash(_) => return Self::internal(error),
        };
        Self::invalid(field, error)
    }
}

impl From<OpenError> for ApiError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(Some(Box::new(error)))
    }
}

impl From<EditFailed> for ApiError {
    fn from(error: EditFailed) -> Self {
        match error {
            EditFailed::Refused(EditRefused::Edit(error)) => Self::Edit(error),
            EditFailed::Refused(EditRefused::Changed) => Self::Changed,
            EditFailed::Refused(EditRefused::TooLarge(_)) => Self::TooLarge,
            EditFailed::Refused(EditRefused::Unavailable) | EditFailed::Closed(_) => {
                Self::Unavailable(Some(Box::new(error)))
            }
        }
    }
}
