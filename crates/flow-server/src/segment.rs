//! What paths name.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use flow_base::{
    FlowId, InvitationId, KeyId, LinkId, RunFileId, RunId, Seq, SessionId, TestResultId, UserId, WebhookId,
    WorkspaceId,
};
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::app::App;
use crate::error::ApiError;
use crate::openapi::fields;

/// Something that a segment of a path names.
pub(crate) trait Named: FromStr {
    /// In the route.
    const NAME: &'static str;
    /// What there is none of, where the segment names nothing.
    const KIND: &'static str;
    const DESCRIPTION: &'static str;

    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(fields::id()))
    }
}

impl Named for FlowId {
    const NAME: &'static str = "flow_id";
    const KIND: &'static str = "flow";
    const DESCRIPTION: &'static str = "The flow.";
}

impl Named for RunId {
    const NAME: &'static str = "run_id";
    const KIND: &'static str = "run";
    const DESCRIPTION: &'static str = "The run.";
}

impl Named for RunFileId {
    const NAME: &'static str = "file_id";
    const KIND: &'static str = "file";
    const DESCRIPTION: &'static str = "The file.";
}

impl Named for TestResultId {
    const NAME: &'static str = "result_id";
    const KIND: &'static str = "test result";
    const DESCRIPTION: &'static str = "What running test cases came to.";
}

impl Named for UserId {
    const NAME: &'static str = "user_id";
    const KIND: &'static str = "member";
    const DESCRIPTION: &'static str = "The account.";
}

impl Named for KeyId {
    const NAME: &'static str = "key_id";
    const KIND: &'static str = "key";
    const DESCRIPTION: &'static str = "The key.";
}

impl Named for SessionId {
    const NAME: &'static str = "session_id";
    const KIND: &'static str = "sign-in";
    const DESCRIPTION: &'static str = "The sign-in.";
}

impl Named for WorkspaceId {
    const NAME: &'static str = "workspace_id";
    const KIND: &'static str = "workspace";
    const DESCRIPTION: &'static str = "The workspace.";
}

impl Named for InvitationId {
    const NAME: &'static str = "invitation_id";
    const KIND: &'static str = "invitation";
    const DESCRIPTION: &'static str = "The invitation.";
}

impl Named for LinkId {
    const NAME: &'static str = "link_id";
    const KIND: &'static str = "link";
    const DESCRIPTION: &'static str = "The share link.";
}

impl Named for WebhookId {
    const NAME: &'static str = "webhook_id";
    const KIND: &'static str = "webhook";
    const DESCRIPTION: &'static str = "The webhook.";
}

/// Characters of the name of a secret.
pub(crate) const SECRET_NAME_MAX: usize = 64;

/// By which nodes name a secret.
#[derive(Debug, Clone)]
pub(crate) struct SecretName(pub(crate) String);

/// A text that cannot be one.
#[derive(Debug)]
pub(crate) struct NoSecretName;

impl FromStr for SecretName {
    type Err = NoSecretName;

    fn from_str(text: &str) -> Result<Self, NoSecretName> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_name = (1..=SECRET_NAME_MAX).contains(&text.len()) && text.bytes().all(is_part);
        if is_name && !text.starts_with('.') { Ok(Self(text.to_owned())) } else { Err(NoSecretName) }
    }
}

impl Named for SecretName {
    const NAME: &'static str = "secret_name";
    const KIND: &'static str = "secret";
    const DESCRIPTION: &'static str = "By which nodes name the secret.";

    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(fields::secret_name()))
    }
}

/// A delivery's number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryNumber(pub(crate) u64);

impl FromStr for DeliveryNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Named for DeliveryNumber {
    const NAME: &'static str = "delivery_id";
    const KIND: &'static str = "delivery";
    const DESCRIPTION: &'static str = "The delivery's number.";

    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(fields::position()))
    }
}

/// A version's number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VersionNumber(pub(crate) u32);

impl FromStr for VersionNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Named for VersionNumber {
    const NAME: &'static str = "version";
    const KIND: &'static str = "version";
    const DESCRIPTION: &'static str = "The version's number.";

    fn schema() -> RefOr<Schema> {
        u32::schema()
    }
}

/// A visit of a node, in the order in which a run made them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit(pub(crate) u32);

impl FromStr for Visit {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Named for Visit {
    const NAME: &'static str = "visit";
    const KIND: &'static str = "step";
    const DESCRIPTION: &'static str = "The visit, counted from 1.";

    fn schema() -> RefOr<Schema> {
        u32::schema()
    }
}

/// A position of a flow's history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position(pub(crate) Seq);

impl FromStr for Position {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|seq| Self(Seq(seq)))
    }
}

impl Named for Position {
    const NAME: &'static str = "seq";
    const KIND: &'static str = "position in the history";
    const DESCRIPTION: &'static str = "The position.";

    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(fields::position()))
    }
}

/// A segment of the path. What cannot be a name, or is no text, names nothing that exists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<T>(pub(crate) T);

impl<T: Named> FromRequestParts<App> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let not_found = ApiError::NotFound(T::KIND);
        let Ok(Path(segments)) = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await else {
            return Err(not_found);
        };
        let segment = segments.iter().find(|(name, _)| name == T::NAME);
        segment.and_then(|(_, text)| text.parse().ok()).map(Self).ok_or(not_found)
    }
}
