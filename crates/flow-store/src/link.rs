use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{FlowId, LinkId, LinkRole, Timestamp, UserId};

use crate::{Origin, StoreError};

/// Share links that a flow may have, those that have expired included.
pub const LINKS_PER_FLOW: u32 = 100;

#[derive(Debug, Clone)]
pub struct NewLink {
    pub id: LinkId,
    pub flow: FlowId,
    /// SHA-256 of the token; the token itself is never stored.
    pub hash: [u8; 32],
    pub role: LinkRole,
    pub created_by: UserId,
    /// `None`: it does not.
    pub expires_at: Option<Timestamp>,
}

/// A share link as it is stored, live or expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    pub id: LinkId,
    pub flow: FlowId,
    pub role: LinkRole,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// A live link with the revision of its flow's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkAccess {
    pub link: LinkRecord,
    pub access_rev: u64,
}

/// Links that share a flow with whoever has them.
#[async_trait]
pub trait LinkStore: Debug + Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::UnknownFlow`], also when the flow is deleted; [`StoreError::Conflict`]
    /// when it has [`LINKS_PER_FLOW`], or whoever does it does not own it any more;
    /// [`StoreError::Backend`].
    async fn create_link(&self, link: &NewLink, by: &Origin) -> Result<(), StoreError>;

    /// The flow's links, expired ones as well, the newest first. Whether the caller may
    /// know them is for the caller to ask.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn links(&self, flow: FlowId) -> Result<Vec<LinkRecord>, StoreError>;

    /// The link with this hash, if it has neither been revoked nor expired and its flow is
    /// not deleted.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn live_link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<LinkAccess>, StoreError>;

    /// Ends the link; answers whether the flow had it.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn revoke_link(&self, flow: FlowId, link: LinkId, by: &Origin) -> Result<bool, StoreError>;
}
