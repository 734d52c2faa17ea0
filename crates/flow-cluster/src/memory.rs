//! The relay and the cache of a single process. Several nodes in one process, as
//! tests have them, share one relay and one cache.

mod cache;
mod relay;

pub use cache::{CacheLimits, MemoryCache};
pub use relay::MemoryRelay;
