//! What a request says, in its body and behind the `?`.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::app::App;
use crate::error::ApiError;

/// A JSON body; what does not fit is answered in our own form.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let JsonBytes(body) = JsonBytes::from_request(request, app).await?;
        object(&body).map(Self)
    }
}

/// Reads an object. An array that happens to have the values of its fields in order is none.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match serde_json::from_slice(body) {
        Ok(value) if begins == Some(&b'{') => Ok(value),
        Ok(_) => Err(ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, "expected an object")),
        // Read once more, for where it goes wrong: to keep track of that takes time.
        Err(_) => {
            let mut from = serde_json::Deserializer::from_slice(body);
            serde_path_to_error::deserialize::<_, T>(&mut from).map_or_else(
                |error| Err(unread(body, &error)),
                |_| Err(ApiError::body(StatusCode::BAD_REQUEST, "something follows its end")),
            )
        }
    }
}

fn unread(body: &[u8], error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let (path, cause) = (error.path(), error.inner());
    // A number in place of a name is a syntax error to serde, in a body that is JSON.
    if !cause.is_data() && serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return ApiError::body(StatusCode::BAD_REQUEST, cause);
    }
    let message = cause.to_string();
    let place = path.iter().map(ToString::to_string).filter(|part| part != "?");
    let place = place.chain(missing(&message).map(str::to_owned)).collect::<Vec<_>>().join("/");
    let field = (!place.is_empty()).then_some(place);
    ApiError::Body { message, field, status: StatusCode::UNPROCESSABLE_ENTITY }
}

/// A field that `null` empties, unlike one that is left out.
#[derive(Debug, Default)]
pub(crate) enum Given<T> {
    #[default]
    Not,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Null, Self::Value))
    }
}

/// A field that is missing is nowhere, and only named by what serde says.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub(crate) struct MaybeBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(Self(T::default()));
        }
        let Body(body) = Body::<T>::from_request(request, app).await?;
        Ok(Self(body))
    }
}

/// What follows the `?`; what does not fit is answered in our own form.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let from = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(from).map(Self).map_err(|error| {
            let at = error.path().iter().map(ToString::to_string).find(|at| at != "?");
            let message = error.into_inner().to_string();
            let field = at.or_else(|| missing(&message).map(str::to_owned)).unwrap_or_default();
            ApiError::Params { field, message }
        })
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
            let message = "expected the content type application/json";
            return Err(ApiError::body(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let bytes = Bytes::from_request(request, app).await;
        bytes.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge(app.limits().body_bytes),
            status => ApiError::body(status, rejection.body_text()),
        })
    }
}
