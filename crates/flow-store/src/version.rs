use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, FlowId, Seq, Timestamp};

use crate::{Origin, StoreError};

/// Why a version was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionCause {
    /// Somebody wanted to keep it.
    Named,
    /// The flow was activated: this is what runs.
    Activation,
}

impl VersionCause {
    pub const ALL: [Self; 2] = [Self::Named, Self::Activation];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Activation => "activation",
        }
    }
}

impl std::str::FromStr for VersionCause {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "named" => Ok(Self::Named),
            "activation" => Ok(Self::Activation),
            _ => Err(()),
        }
    }
}

/// What a flow said at some moment, to be kept as it is for ever.
#[derive(Debug, Clone)]
pub struct NewVersion {
    pub flow: FlowId,
    pub name: String,
    pub description: String,
    pub cause: VersionCause,
    /// A position of the log by which all of it was stored.
    pub seq: Seq,
    /// SHA-256 in hex: what runs are pinned to.
    pub content_hash: String,
    /// The flow; stores keep these bytes and do not look at them.
    pub content: Bytes,
    pub author: ActorId,
    pub created_at: Timestamp,
}

/// A version without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// 1, 2, … in each flow.
    pub number: u32,
    pub name: String,
    pub description: String,
    pub cause: VersionCause,
    pub seq: Seq,
    pub content_hash: String,
    pub author: ActorId,
    pub created_at: Timestamp,
}

impl VersionRecord {
    #[must_use]
    pub fn new(number: u32, version: &NewVersion) -> Self {
        let NewVersion { name, description, content_hash, .. } = version.clone();
        let NewVersion { cause, seq, author, created_at, .. } = *version;
        Self { number, name, description, cause, seq, content_hash, author, created_at }
    }
}

/// What flows said, kept by number.
#[async_trait]
pub trait VersionStore: Debug + Send + Sync + 'static {
    /// Keeps a version under the next number of its flow. One that was caused by an
    /// activation becomes the flow's active version, in the same transaction; but of an
    /// older state (a lower `seq`) than the one that is active, as when two activate at once,
    /// nothing is kept and that one is answered.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`], also when the flow is deleted; [`StoreError::Backend`].
    async fn create_version(&self, version: &NewVersion, by: &Origin) -> Result<VersionRecord, StoreError>;

    /// At most `limit` versions with a number below `before`, newest first; none when the
    /// flow does not exist. Whether the caller may know them is for the caller to ask.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn versions(
        &self,
        flow: FlowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRecord>, StoreError>;

    /// A version with its content.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn version(&self, flow: FlowId, number: u32) -> Result<Option<(VersionRecord, Bytes)>, StoreError>;

    /// No version of the flow is active any more; answers whether one was.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`], also when the flow is deleted; [`StoreError::Backend`].
    async fn deactivate(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError>;
}
