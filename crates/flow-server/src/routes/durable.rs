use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{BufMut as _, Bytes, BytesMut};
use flow_auth::Permission;
use flow_base::Seq;
use flow_protocol::{CheckedUpdate, StateVector, UpdateLimits, check_update};
use flow_room::{Durability, Holding};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::body::Params;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::fields;

/// How long a commit is waited for. Longer than one takes, shorter than proxies wait.
const WAIT_FOR_COMMIT: Duration = Duration::from_secs(10);

/// Most bytes of each of the two: far more than a flow that people edit comes to.
const BYTES_MAX: usize = 32 << 10;

/// Padded or not, as the libraries of browsers and servers write it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DurableQuery {
    /// A Yjs state vector (`encodeStateVector`) as base64url: how far one's document goes.
    #[param(pattern = "^[A-Za-z0-9_-]+={0,2}$")]
    sv: String,
    /// A Yjs delete set (`encodeDeleteSet` or the end of an update, version 1) as base64url:
    /// what is deleted in it.
    #[param(pattern = "^[A-Za-z0-9_-]+={0,2}$")]
    ds: Option<String>,
}

/// Whether what somebody has of a flow is stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Durability)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DurabilityView {
    /// All of it is committed, and no crash undoes it.
    durable: bool,
    /// The server has all of it. If so and it is not durable, the commit is under way; if not,
    /// something has not arrived or was refused: send it again.
    received: bool,
    /// A position of the history by which it is stored; only if it is durable.
    #[schema(schema_with = fields::position_or_null)]
    seq: Option<Seq>,
}

/// `GET /api/flows/{id}/durable`: whether what one has of the flow is stored, for whoever
/// holds no WebSocket, on which a barrier asks the same. What is received is waited for until
/// it is committed, for 10 seconds at most.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/durable",
    operation_id = "getDurability",
    tag = "content",
    params(FlowPath, DurableQuery),
    responses((status = 200, body = DurabilityView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Params(query): Params<DurableQuery>,
) -> Result<Json<DurabilityView>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let state = StateVector::decode(&bytes("sv", &query.sv)?);
    let state = state.map_err(|error| ApiError::invalid("sv", error))?;
    let deletions = query.ds.as_deref().map(deletions).transpose()?;
    let room = app.room(flow).await?;
    let answer = timeout(WAIT_FOR_COMMIT, room.durability(Holding { state, deletions })).await;
    let (durable, received, seq) = match answer {
        Ok(Ok(Some(Durability::Durable { seq }))) => (true, true, Some(seq)),
        Ok(Ok(Some(Durability::Missing))) => (false, false, None),
        // The document is being read anew, or the room was replaced.
        Ok(Ok(None) | Err(_)) => return Err(ApiError::Unavailable(None)),
        Err(_) => (false, true, None),
    };
    Ok(Json(DurabilityView { durable, received, seq }))
}

fn bytes(field: &'static str, text: &str) -> Result<Vec<u8>, ApiError> {
    let bytes = BASE64.decode(text).map_err(|error| ApiError::invalid(field, error))?;
    if bytes.len() > BYTES_MAX {
        return Err(ApiError::invalid(field, format!("at most {BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// A delete set is what an update ends with: one that brings nothing before it.
fn deletions(text: &str) -> Result<CheckedUpdate, ApiError> {
    let deleted = bytes("ds", text)?;
    let mut update = BytesMut::with_capacity(1 + deleted.len());
    update.put_u8(0);
    update.put_slice(&deleted);
    check_update(Bytes::from(update), &UpdateLimits::default())
        .map_err(|error| ApiError::invalid("ds", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_set_is_read_padded_or_not_and_nothing_else_is() {
        // One client, 7, of whom one range is deleted: from 3 on, 2 clocks.
        for text in ["AQcBAwI", "AQcBAwI="] {
            let update = deletions(text).unwrap();
            let ranges: Vec<_> =
                update.walked().deleted().map(|range| (range.client, range.clock, range.len)).collect();
            assert_eq!(ranges, [(7, 3, 2)]);
        }
        for text in ["AQcBAw", "AQcBAwIA", "_____w8", "A+", "/w==", "{}"] {
            let refused = deletions(text);
            assert!(matches!(&refused, Err(ApiError::Invalid { field, .. }) if field == "ds"), "{refused:?}");
        }
    }
}
