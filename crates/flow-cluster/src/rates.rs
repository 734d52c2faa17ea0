use std::fmt::Debug;
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use crate::ClusterError;

/// How often somebody may do something, counted by all nodes together.
#[async_trait]
pub trait Rates: Debug + Send + Sync + 'static {
    /// Takes one of `most` in `window`, all of which may be taken at once and come back
    /// evenly. `name` says who and what: the same for all nodes, and another for each rate.
    /// Answers how long it is until there is one, if there is none.
    ///
    /// # Errors
    /// [`ClusterError`]: nobody knows; each node goes by its own count then.
    async fn take(
        &self,
        name: &str,
        most: NonZeroU32,
        window: Duration,
    ) -> Result<Option<Duration>, ClusterError>;

    /// Gives back one that was taken at the same rate, as if it never had been.
    ///
    /// # Errors
    /// [`ClusterError`]: it comes back with time, as all do.
    async fn give_back(&self, name: &str, most: NonZeroU32, window: Duration) -> Result<(), ClusterError>;
}
