use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

use super::ANSWER_WITHIN;
use super::rates::{RedisRates, TAKEN_WITHIN};
use super::scripts::TAKE_LEASE;
use crate::{ClusterError, LEASE_LASTS, Leases};

/// How many names go to Redis at once: others wait for theirs no longer than that takes.
const NAMES_AT_ONCE: usize = 500;

/// Of each name the ids, by when their leases end, by the clock of Redis.
#[async_trait]
impl Leases for RedisRates {
    async fn take(&self, name: &str, id: Uuid, most: usize) -> Result<bool, ClusterError> {
        let mut script = TAKE_LEASE.key(self.keys().lease(name));
        script.arg(millis()).arg(most).arg(id.to_string());
        let take = async |mut redis: MultiplexedConnection| script.invoke_async::<bool>(&mut redis).await;
        self.link().ask("take a lease", TAKEN_WITHIN, take).await
    }

    async fn keep(&self, held: &[(String, Vec<Uuid>)]) -> Result<(), ClusterError> {
        for held in held.chunks(NAMES_AT_ONCE) {
            let keep = async |mut redis: MultiplexedConnection| {
                let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await?;
                let ends_at = seconds * 1_000 + micros / 1_000 + millis();
                let mut all = redis::pipe();
                for (name, ids) in held {
                    let key = self.keys().lease(name);
                    let ids: Vec<_> = ids.iter().map(|id| (ends_at, id.to_string())).collect();
                    all.zadd_multiple(&key, &ids).ignore();
                    all.pexpire(&key, i64::try_from(millis()).expect("a lease is short")).ignore();
                }
                all.query_async::<()>(&mut redis).await
            };
            self.link().ask("keep leases", ANSWER_WITHIN, keep).await?;
        }
        Ok(())
    }

    async fn give_back(&self, name: &str, id: Uuid) -> Result<(), ClusterError> {
        let remove = redis::Cmd::zrem(self.keys().lease(name), id.to_string());
        let remove = async |mut redis: MultiplexedConnection| remove.query_async::<()>(&mut redis).await;
        self.link().ask("give back a lease", ANSWER_WITHIN, remove).await
    }
}

fn millis() -> u64 {
    u64::try_from(LEASE_LASTS.as_millis()).expect("a lease is short")
}
