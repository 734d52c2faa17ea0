use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{FlowId, SessionId, UserId};
use flow_store::FlowAccess;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::ApiError;

/// Who makes a request: somebody with a live sign-in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
}

impl Caller {
    /// The person behind an access token, if the sign-in it came from still lives.
    pub(crate) async fn authenticate(app: &App, token: &str) -> Result<Self, ApiError> {
        let now = app.now();
        let claims = app.keys().verify(token, now).map_err(|_| ApiError::SignedOut)?;
        if !app.store().session_is_live(claims.session, now).await? {
            return Err(ApiError::SignedOut);
        }
        Ok(Self { user: claims.user, session: claims.session })
    }

    /// The caller's access to a flow, if it includes `permission`.
    ///
    /// Who may not even know of the flow is told that there is none.
    pub(crate) async fn require(
        self,
        app: &App,
        flow: FlowId,
        permission: Permission,
    ) -> Result<FlowAccess, ApiError> {
        let access = app.store().flow_access(flow, self.user).await?;
        let access = access.ok_or(ApiError::NotFound("flow"))?;
        if permission.is_given_to(access.role) { Ok(access) } else { Err(ApiError::Forbidden) }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(ApiError::SignedOut)?;
        Self::authenticate(app, token).await
    }
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A flow's id in the path. Anything that is no id is a flow that does not exist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowPath(pub(crate) FlowId);

impl FromRequestParts<App> for FlowPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let not_found = ApiError::NotFound("flow");
        let Ok(Path(segments)) = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await else {
            return Err(not_found);
        };
        let flow = segments.iter().find(|(name, _)| name == "flow_id").and_then(|(_, id)| id.parse().ok());
        flow.map(Self).ok_or(not_found)
    }
}

/// A JSON body; what does not fit is answered in our own form.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let Json(body) = Json::<T>::from_request(request, app).await?;
        Ok(Self(body))
    }
}

/// What follows the `?`; what does not fit is answered in our own form.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Query(params) = Query::<T>::from_request_parts(parts, app).await?;
        Ok(Self(params))
    }
}

/// A body said to be JSON, unread: for what is too large to be read on an async thread.
#[derive(Debug)]
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl FromRequest<App> for JsonBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let said = request.headers().get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok());
        let said = said.and_then(|said| said.split(';').next()).map(str::trim);
        if !said.is_some_and(|said| said.eq_ignore_ascii_case("application/json")) {
            let message = "expected the content type application/json".to_owned();
            return Err(ApiError::Body(message, StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = Bytes::from_request(request, app).await;
        bytes.map(Self).map_err(|rejection| ApiError::Body(rejection.body_text(), rejection.status()))
    }
}
