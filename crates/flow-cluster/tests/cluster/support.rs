use std::time::Duration;

use bytes::Bytes;
use flow_base::{BatchId, FlowId, Seq};
use flow_cluster::{
    CachedSnapshot, ClusterError, Heard, LogSlice, RedisCluster, RedisOptions, Relay, Subscription,
};
use flow_testing::{SharedRedis, TestRedis};
use tokio::time::timeout;

/// A node, and the Redis it needs, shared with other tests.
pub(crate) struct Node {
    pub(crate) cluster: RedisCluster,
    pub(crate) redis: SharedRedis,
}

pub(crate) async fn node() -> Node {
    let redis = TestRedis::shared().await.unwrap();
    Node { cluster: connect(redis.url()).await, redis }
}

pub(crate) async fn connect(url: &str) -> RedisCluster {
    RedisCluster::connect(&RedisOptions::new(url)).await.unwrap()
}

/// Redis as somebody else uses it.
pub(crate) async fn stranger(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// `count` updates of one batch, each with its position in it.
pub(crate) fn slice(first: u64, count: u64) -> LogSlice {
    let updates = (first..first + count).map(|seq| Bytes::from(format!("update {seq}")));
    LogSlice::of_batch(Seq(first), BatchId::generate(), updates)
}

pub(crate) fn snapshot(seq: u64, bytes: usize) -> CachedSnapshot {
    CachedSnapshot { seq: Seq(seq), batch: None, state: Bytes::from(vec![7; bytes]) }
}

/// The next thing heard.
pub(crate) async fn hear(subscription: &mut Subscription) -> Heard {
    timeout(Duration::from_secs(15), subscription.next()).await.expect("something is heard")
}

/// Publishes until it succeeds: a connection may be about to be replaced.
pub(crate) async fn publish(relay: &dyn Relay, flow: FlowId, slice: &LogSlice) {
    flow_testing::eventually("publishing", async || relay.publish(flow, slice).await, Result::is_ok)
        .await
        .unwrap();
}

/// Within its deadline.
pub(crate) async fn fails<T: std::fmt::Debug>(
    asked: impl Future<Output = Result<T, ClusterError>>,
) -> ClusterError {
    timeout(Duration::from_secs(2), asked).await.expect("it has a deadline").unwrap_err()
}
