//! What the room of a flow says: who is there, and what is stored.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flow_base::{FlowId, Seq};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::Api;
use crate::ClientError;

/// A client that shows itself in a flow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PresentClient {
    /// Of its Yjs document.
    pub client_id: u64,
    /// What it shows; `user.id` and `user.name` are the server's word.
    pub state: Value,
}

/// Whether what somebody has of a flow is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Durability {
    /// All of it is committed.
    pub durable: bool,
    /// The server has all of it; otherwise send it again.
    pub received: bool,
    /// A position of the history by which it is stored, once it is.
    pub seq: Option<Seq>,
}

impl Api {
    /// Who is in the flow now, on any node.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn presence(&self, flow: FlowId) -> Result<Vec<PresentClient>, ClientError> {
        #[derive(Deserialize)]
        struct Presence {
            clients: Vec<PresentClient>,
        }
        let path = format!("api/flows/{flow}/presence");
        Ok(self.send::<Presence>(Method::GET, &path, None::<&()>).await?.clients)
    }

    /// Whether a document with this state vector and delete set, in Yjs's encoding of version
    /// 1, is stored. What has arrived is waited for until it is, for 10 seconds at most.
    ///
    /// # Errors
    /// [`ClientError`]; of kind `invalid` if one of them is not what it should be.
    pub async fn durability(
        &self,
        flow: FlowId,
        state_vector: &[u8],
        delete_set: Option<&[u8]>,
    ) -> Result<Durability, ClientError> {
        let state_vector = BASE64_URL_SAFE_NO_PAD.encode(state_vector);
        let delete_set = delete_set.map(|bytes| format!("&ds={}", BASE64_URL_SAFE_NO_PAD.encode(bytes)));
        let delete_set = delete_set.unwrap_or_default();
        let path = format!("api/flows/{flow}/durable?sv={state_vector}{delete_set}");
        self.send(Method::GET, &path, None::<&()>).await
    }
}
