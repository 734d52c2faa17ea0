//! What the nodes of a cluster tell each other.
//!
//! Two contracts, each in memory and on Redis: the [`Relay`], which carries what one
//! node has committed to the others, and who is there; and the [`Cache`], which keeps the newest
//! snapshot and updates of a flow at hand. Neither is the truth. Whatever they lose,
//! the log has: a room that misses something sees a gap in the positions and reads
//! it there. So both may fail, forget and lag, and nothing is lost or diverges.
//!
//! Beside them are [`Rates`] and [`Leases`], on Redis only: alone, a node counts for itself.
//!
//! The crate knows nothing of what a document means, and no store.
//!
//! Start with [`LogSlice`], then [`Relay`].

mod cache;
mod error;
mod leases;
mod memory;
mod presence;
mod rates;
mod redis;
mod relay;
mod slice;

pub use cache::{Cache, CachedFlow, CachedSnapshot};
pub use error::ClusterError;
pub use leases::{LEASE_LASTS, Leases};
pub use memory::{CacheLimits, MemoryCache, MemoryRelay};
pub use presence::{NodePresence, Shown};
pub use rates::Rates;
pub use redis::{RedisCache, RedisCluster, RedisOptions, RedisRates, RedisRelay};
pub use relay::{Heard, Inlet, Relay, Subscription};
pub use slice::{LogSlice, LoggedUpdate};
