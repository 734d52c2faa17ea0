use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use redis::Client;
use redis::aio::MultiplexedConnection;

use super::keys::Keys;
use super::link::{Link, Purpose};
use super::scripts::{GIVE_BACK, TAKE};
use crate::{ClusterError, Rates};

/// Rates in Redis, by its clock: of each only until when it is used up, which Redis
/// forgets once it is whole again. Leases, too: see `leases.rs`.
#[derive(Debug)]
pub struct RedisRates {
    link: Link,
    keys: Keys,
}

/// Somebody waits for it with a request, and each node has its own count.
pub(super) const TAKEN_WITHIN: Duration = Duration::from_millis(100);

const PURPOSE: Purpose = Purpose { name: "rates", pong_within: Duration::from_secs(1) };

impl RedisRates {
    pub(super) fn start(client: Client, keys: Keys) -> Self {
        // Nobody speaks on this connection unless asked.
        Self { link: Link::start(client, PURPOSE, |_| {}), keys }
    }

    pub(super) async fn connected(&self) {
        self.link.connected().await;
    }

    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether there is no connection at the moment.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.link.is_away()
    }
}

#[async_trait]
impl Rates for RedisRates {
    async fn take(
        &self,
        name: &str,
        most: NonZeroU32,
        window: Duration,
    ) -> Result<Option<Duration>, ClusterError> {
        let mut script = TAKE.key(self.keys.rate(name));
        script.arg(micros_each(most, window)).arg(most.get());
        let take = async |mut redis: MultiplexedConnection| script.invoke_async::<u64>(&mut redis).await;
        let wait = self.link.ask("take of a rate", TAKEN_WITHIN, take).await?;
        Ok((wait > 0).then(|| Duration::from_micros(wait)))
    }

    async fn give_back(&self, name: &str, most: NonZeroU32, window: Duration) -> Result<(), ClusterError> {
        let mut script = GIVE_BACK.key(self.keys.rate(name));
        script.arg(micros_each(most, window));
        let give = async |mut redis: MultiplexedConnection| script.invoke_async::<()>(&mut redis).await;
        self.link.ask("give back of a rate", TAKEN_WITHIN, give).await
    }
}

/// How long one takes to come back.
fn micros_each(most: NonZeroU32, window: Duration) -> u64 {
    let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
    (window / u64::from(most.get())).max(1)
}
