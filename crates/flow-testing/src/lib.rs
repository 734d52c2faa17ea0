//! What tests share: the server as a real process, people signed in to it, databases of
//! their own, and waiting for conditions instead of sleeping.
//!
//! Nothing here is part of the product. Start with [`TestServer`] and [`TestPostgres`];
//! [`TestCluster`] is several of the one on one of the other.

mod balancer;
#[cfg(feature = "server")]
mod cluster;
mod eventually;
mod postgres;
mod process;
mod proxy;
mod redis;
#[cfg(feature = "server")]
mod server;
mod throttled;

pub use balancer::Balancer;
#[cfg(feature = "server")]
pub use cluster::TestCluster;
pub use eventually::eventually;
pub use postgres::{POSTGRES_URL, TestDatabase, TestPostgres};
pub use proxy::{Fault, FaultProxy};
pub use redis::{REDIS_URL, SharedRedis, TestRedis};
#[cfg(feature = "server")]
pub use server::TestServer;
pub use throttled::{Speed, Throttled};
