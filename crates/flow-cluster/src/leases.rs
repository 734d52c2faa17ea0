use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::ClusterError;

/// Of what somebody may hold so many at a time, counted by all nodes together.
///
/// Each is held by a lease, so that what a node held that died is free again.
#[async_trait]
pub trait Leases: Debug + Send + Sync + 'static {
    /// Takes one of `most` as `id`, for [`LEASE_LASTS`]. `name` says of whom and what: the
    /// same for all nodes. `false`: all are taken.
    ///
    /// # Errors
    /// [`ClusterError`]: nobody knows; each node goes by its own count then.
    async fn take(&self, name: &str, id: Uuid, most: usize) -> Result<bool, ClusterError>;

    /// Holds all of these, by name, for another [`LEASE_LASTS`], even those that are not
    /// known any more.
    ///
    /// # Errors
    /// [`ClusterError`]: some may end, if it does not succeed in time.
    async fn keep(&self, held: &[(String, Vec<Uuid>)]) -> Result<(), ClusterError>;

    /// # Errors
    /// [`ClusterError`]: they end with their lease.
    async fn give_back(&self, name: &str, id: Uuid) -> Result<(), ClusterError>;
}

/// How long what a node held that died stays taken. Whoever holds something has to keep it
/// well before.
pub const LEASE_LASTS: Duration = Duration::from_secs(30);
