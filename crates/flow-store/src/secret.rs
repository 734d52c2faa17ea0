use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{Timestamp, UserId, WorkspaceId};

use crate::{Origin, StoreError};

/// As many as somebody can keep an eye on; one more is refused.
pub const SECRETS_PER_WORKSPACE: u32 = 100;

/// What anybody is told of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    pub name: String,
    pub changed_at: Timestamp,
    /// `None`: an operator.
    pub changed_by: Option<UserId>,
}

/// A secret as it is stored: stores see no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    pub workspace: WorkspaceId,
    pub name: String,
    pub sealed: Bytes,
}

/// What flows of workspaces sign in elsewhere with, by name. Sealed by whoever gives it here.
#[async_trait]
pub trait SecretStore: Debug + Send + Sync + 'static {
    /// Keeps a secret, in place of the one of its name.
    ///
    /// Only owners of the workspace do this, and operators. Whoever asks has been found to be
    /// one, but not in this transaction, so that is looked at again in it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such workspace, it has as many secrets as it may,
    /// or whoever does it is no owner any more; [`StoreError::Backend`].
    async fn put_secret(&self, secret: &SealedSecret, by: &Origin) -> Result<SecretRecord, StoreError>;

    /// Removes a secret; answers whether it was there. Who may is as for
    /// [`SecretStore::put_secret`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when whoever does it is no owner any more; [`StoreError::Backend`].
    async fn remove_secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// The workspace's secrets by name, in the order of its bytes.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<SecretRecord>, StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<Option<SealedSecret>, StoreError>;

    /// At most `limit` of all secrets, those after `after` by workspace and name.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn all_secrets(
        &self,
        after: Option<&SealedSecret>,
        limit: u32,
    ) -> Result<Vec<SealedSecret>, StoreError>;

    /// Seals a secret anew, if it is still as it was read; answers whether it was. Nothing else
    /// changes, and nothing is recorded: it is the same secret.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn reseal_secret(&self, read: &SealedSecret, sealed: &Bytes) -> Result<bool, StoreError>;
}
