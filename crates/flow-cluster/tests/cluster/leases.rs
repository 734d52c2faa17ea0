use flow_cluster::{LEASE_LASTS, Leases, RedisCluster};
use flow_testing::{TestRedis, eventually};
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

use crate::support::{connect, fails, node, stranger};

/// What nobody else in this Redis holds.
fn name() -> String {
    format!("connections:{}", Uuid::now_v7())
}

fn key(name: &str) -> String {
    format!("interflow:lease:{name}")
}

async fn take(node: &RedisCluster, name: &str, id: Uuid) -> bool {
    node.rates().take(name, id, 2).await.unwrap()
}

/// Has it ended, as if the node that held it had died half a minute ago.
async fn end(redis: &mut MultiplexedConnection, name: &str, id: Uuid) {
    redis::Cmd::zadd(key(name), id.to_string(), 1).exec_async(redis).await.unwrap();
}

#[tokio::test]
async fn nodes_hold_so_many_together_and_each_name_for_itself() {
    let one = node().await;
    let other = connect(one.redis.url()).await;
    let (ann, ben) = (name(), name());
    let [first, second, third] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    assert!(take(&one.cluster, &ann, first).await && take(&other, &ann, second).await);
    assert!(!take(&one.cluster, &ann, third).await && !take(&other, &ann, third).await);
    assert!(take(&other, &ben, third).await);
    // What was refused is not held, and giving it back takes nobody anything away.
    one.cluster.rates().give_back(&ann, third).await.unwrap();
    assert!(!take(&other, &ann, third).await);
    one.cluster.rates().give_back(&ann, first).await.unwrap();
    assert!(take(&other, &ann, third).await && !take(&other, &ann, first).await);
}

#[tokio::test]
async fn what_is_not_kept_is_free_again() {
    let node = node().await;
    let mut redis = stranger(node.redis.url()).await;
    let (ann, [first, second, third]) = (name(), [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()]);
    assert!(take(&node.cluster, &ann, first).await && take(&node.cluster, &ann, second).await);
    end(&mut redis, &ann, first).await;
    end(&mut redis, &ann, second).await;
    node.cluster.rates().keep(&[(ann.clone(), vec![second]), (name(), vec![third])]).await.unwrap();
    assert!(take(&node.cluster, &ann, third).await, "the first has ended");
    assert!(!take(&node.cluster, &ann, first).await, "the second was kept");
    let left: i64 = redis::Cmd::pttl(key(&ann)).query_async(&mut redis).await.unwrap();
    assert!(
        left > 0 && left <= i64::try_from(LEASE_LASTS.as_millis()).unwrap(),
        "all is forgotten in {left} ms"
    );
}

#[tokio::test]
async fn what_redis_has_forgotten_is_held_once_it_is_kept() {
    let node = node().await;
    let mut redis = stranger(node.redis.url()).await;
    let (ann, ids) = (name(), vec![Uuid::now_v7(), Uuid::now_v7()]);
    redis::Cmd::del(key(&ann)).exec_async(&mut redis).await.unwrap();
    node.cluster.rates().keep(&[(ann.clone(), ids)]).await.unwrap();
    assert!(!take(&node.cluster, &ann, Uuid::now_v7()).await);
}

#[tokio::test]
async fn many_names_are_kept_in_parts() {
    let node = node().await;
    let held: Vec<_> = (0..1_200).map(|_| (name(), vec![Uuid::now_v7(), Uuid::now_v7()])).collect();
    node.cluster.rates().keep(&held).await.unwrap();
    for (name, _) in held.iter().step_by(100).chain(held.last()) {
        assert!(!take(&node.cluster, name, Uuid::now_v7()).await);
    }
}

#[tokio::test]
async fn without_redis_nobody_knows_what_is_held() {
    let mut redis = TestRedis::start().await.unwrap();
    let cluster = connect(&redis.url()).await;
    let (ann, id) = (name(), Uuid::now_v7());
    assert!(take(&cluster, &ann, id).await);
    redis.kill().unwrap();
    assert_eq!(fails(cluster.rates().take(&ann, id, 2)).await.to_string(), "could not take a lease");
    redis.restart().await.unwrap();
    let keep = async || cluster.rates().keep(&[(ann.clone(), vec![id])]).await.is_ok();
    eventually("it is back", keep, |is_back| *is_back).await;
}
