//! The relay, the cache and the rates on Redis.
//!
//! Redis is never the truth here. Everything fails with a [`ClusterError`] within a
//! deadline, at once while Redis is known to be away, and the connections come back by
//! themselves. Whoever listens meanwhile hears [`Heard::Missed`](crate::Heard::Missed)
//! afterwards.
//!
//! Four connections, so that a large snapshot on its way does not hold up what is said
//! of a commit: one for the cache, one to publish, one to listen, one for rates and leases. Redis 6
//! or later.

mod backoff;
mod cache;
mod keys;
mod leases;
mod link;
mod listening;
mod rates;
mod relay;
mod scripts;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use flow_base::{NodeId, Secret};
use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion};
use tokio::time::timeout;

pub use self::cache::RedisCache;
use self::keys::Keys;
pub use self::rates::RedisRates;
pub use self::relay::RedisRelay;
use crate::ClusterError;

/// Where Redis is, and what of it is ours.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://…` for TLS.
    pub url: Secret<String>,
    /// All names in Redis begin with it: clusters that share a Redis need different ones.
    pub prefix: String,
}

impl RedisOptions {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Secret::new(url.into()), prefix: "interflow".to_owned() }
    }
}

/// The relay, the cache and the rates of one node.
#[derive(Debug)]
pub struct RedisCluster {
    relay: Arc<RedisRelay>,
    cache: Arc<RedisCache>,
    rates: Arc<RedisRates>,
}

/// How long the start of a node waits for Redis before it goes on without it.
const START_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum OptionsError {
    #[error("the prefix is empty, longer than 64, or has other characters than A-Z a-z 0-9 - _ . :")]
    Prefix,
}

impl RedisCluster {
    /// Connects. If Redis is away that goes on in the background: this is no error, and
    /// [`RedisCluster::is_away`] tells.
    ///
    /// # Errors
    /// [`ClusterError`] when the options make no sense.
    pub async fn connect(options: &RedisOptions) -> Result<Self, ClusterError> {
        let wrong_prefix = || ClusterError { what: "use the prefix", source: OptionsError::Prefix.into() };
        let keys = Keys::with_prefix(&options.prefix).ok_or_else(wrong_prefix)?;
        let client = client(options.url.expose()).map_err(|error| ClusterError {
            what: "understand the address of Redis",
            source: error.into(),
        })?;
        let cluster = Self {
            relay: Arc::new(RedisRelay::start(&client, keys.clone(), NodeId::generate())),
            cache: Arc::new(RedisCache::start(client.clone(), keys.clone())),
            rates: Arc::new(RedisRates::start(client, keys)),
        };
        let connected = async {
            tokio::join!(cluster.relay.connected(), cluster.cache.connected(), cluster.rates.connected())
        };
        if timeout(START_WITHIN, connected).await.is_err() {
            tracing::warn!("starting without Redis");
        }
        Ok(cluster)
    }

    /// Who this node is to the others.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.relay.node()
    }

    #[must_use]
    pub fn relay(&self) -> Arc<RedisRelay> {
        Arc::clone(&self.relay)
    }

    #[must_use]
    pub fn cache(&self) -> Arc<RedisCache> {
        Arc::clone(&self.cache)
    }

    #[must_use]
    pub fn rates(&self) -> Arc<RedisRates> {
        Arc::clone(&self.rates)
    }

    /// Whether any of the connections is missing. It takes a few seconds to notice that
    /// Redis has fallen silent.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.relay.is_away() || self.cache.is_away() || self.rates.is_away()
    }

    /// Asks Redis on each connection whether it is there.
    ///
    /// # Errors
    /// [`ClusterError`] when it does not answer within a second.
    pub async fn ping(&self) -> Result<(), ClusterError> {
        let (relay, cache) = tokio::join!(self.relay.ping(), self.cache.ping());
        relay.and(cache)
    }
}

/// How long a command may take that carries no whole document.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

fn client(url: &str) -> redis::RedisResult<Client> {
    let info = url.into_connection_info()?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        // What this process uses for TLS everywhere. Somebody may have chosen before us;
        // then that is used.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
    // Only in this protocol does Redis answer on a connection that also listens.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = TcpSettings::default().set_nodelay(true);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))
}
