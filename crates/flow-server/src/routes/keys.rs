use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::{ApiKey, display_name};
use flow_base::{KeyId, Scopes, Timestamp};
use flow_store::{KeyRecord, NewKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Body;
use crate::caller::Person;
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::Segment;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Key)]
pub(crate) struct KeyView {
    #[schema(value_type = Uuid)]
    id: KeyId,
    name: String,
    #[schema(schema_with = fields::scope_list)]
    scopes: Scopes,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `null`: it does not.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Timestamp>,
    /// To the minute; `null` before the first time.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_used_at: Option<Timestamp>,
}

impl From<KeyRecord> for KeyView {
    fn from(key: KeyRecord) -> Self {
        let KeyRecord { id, name, scopes, created_at, expires_at, last_used_at, .. } = key;
        Self { id, name, scopes, created_at, expires_at, last_used_at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself, which is shown here and never again.
    key: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateKey {
    #[schema(schema_with = fields::display_name)]
    name: String,
    #[schema(schema_with = fields::scopes)]
    scopes: Scopes,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// `GET /api/keys`: the caller's keys, the newest first; those that have expired stay
/// until they are revoked.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "listKeys",
    tag = "keys",
    responses((status = 200, body = [KeyView])),
    security(("signIn" = [])),
)]
pub(crate) async fn list(State(app): State<App>, person: Person) -> Result<Json<Vec<KeyView>>, ApiError> {
    Ok(Json(app.store().keys(person.user).await?.into_iter().map(KeyView::from).collect()))
}

/// `POST /api/keys`: makes a key; `201` with the key itself.
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "createKey",
    tag = "keys",
    request_body = CreateKey,
    responses((status = 201, body = CreatedKey), (status = 409, description = "There are as many keys as one may have.")),
    security(("signIn" = [])),
)]
pub(crate) async fn create(
    State(app): State<App>,
    person: Person,
    Body(body): Body<CreateKey>,
) -> Result<impl IntoResponse, ApiError> {
    let (name, now) = (display_name(&body.name)?, app.now());
    if body.scopes.is_empty() {
        return Err(ApiError::invalid("scopes", "a key is for something: read, edit, run or manage"));
    }
    if body.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::invalid("expiresAt", "this is not in the future"));
    }
    let key = ApiKey::generate();
    let new = NewKey {
        id: KeyId::generate(),
        user: person.user,
        name,
        hash: key.hash(),
        scopes: body.scopes,
        created_at: now,
        expires_at: body.expires_at,
    };
    app.store().create_key(&new, &person.origin(&app)).await?;
    let NewKey { id, name, scopes, created_at, expires_at, .. } = new;
    let view = KeyView { id, name, scopes, created_at, expires_at, last_used_at: None };
    let created = CreatedKey { view, key: key.to_text().into_inner() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
}

/// `DELETE /api/keys/{id}`: revokes a key and ends its sockets; `204`.
#[utoipa::path(
    delete,
    path = "/keys/{key_id}",
    operation_id = "revokeKey",
    tag = "keys",
    params(Segment<KeyId>),
    responses((status = 204)),
    security(("signIn" = [])),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    person: Person,
    Segment(key): Segment<KeyId>,
) -> Result<StatusCode, ApiError> {
    match app.store().revoke_key(person.user, key, &person.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("key")),
    }
}
