use std::num::NonZeroU32;
use std::time::Duration;

use flow_cluster::Rates;
use flow_testing::{TestRedis, eventually};
use uuid::Uuid;

use crate::support::{connect, fails, node, stranger};

const MINUTE: Duration = Duration::from_secs(60);

fn most(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// What nobody else in this Redis counts.
fn name() -> String {
    format!("user:{}", Uuid::now_v7())
}

#[tokio::test]
async fn nodes_count_together_and_each_name_for_itself() {
    let one = node().await;
    let other = connect(one.redis.url()).await;
    let (ann, ben) = (name(), name());
    let take = async |node: &flow_cluster::RedisCluster, name: &str| {
        node.rates().take(name, most(4), MINUTE).await.unwrap()
    };
    for node in [&one.cluster, &other, &one.cluster, &other] {
        assert_eq!(take(node, &ann).await, None);
    }
    let wait = take(&other, &ann).await.expect("four are taken");
    assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(15), "{wait:?}");
    assert_eq!(take(&one.cluster, &ben).await, None);
}

#[tokio::test]
async fn what_was_taken_comes_back_and_is_forgotten() {
    let node = node().await;
    let name = name();
    let window = Duration::from_millis(600);
    let take = async || node.cluster.rates().take(&name, most(3), window).await.unwrap();
    for _ in 0..3 {
        assert_eq!(take().await, None);
    }
    assert!(take().await.is_some_and(|wait| wait <= Duration::from_millis(200)));
    eventually("one has come back", take, Option::is_none).await;
    let redis = stranger(node.redis.url()).await;
    let key = format!("interflow:rate:{name}");
    let exists =
        async || redis::cmd("EXISTS").arg(&key).query_async::<bool>(&mut redis.clone()).await.unwrap();
    eventually("it is whole and forgotten", exists, |exists| !exists).await;
}

#[tokio::test]
async fn what_is_given_back_was_never_taken() {
    let one = node().await;
    let other = connect(one.redis.url()).await;
    let name = name();
    let take = async || one.cluster.rates().take(&name, most(2), MINUTE).await.unwrap();
    let give_back = async || other.rates().give_back(&name, most(2), MINUTE).await.unwrap();
    for _ in 0..10 {
        assert_eq!(take().await, None);
        give_back().await;
    }
    give_back().await;
    assert_eq!((take().await, take().await), (None, None));
    assert!(take().await.is_some(), "what nobody had taken makes it no more");
    give_back().await;
    assert_eq!(take().await, None);
}

#[tokio::test]
async fn without_redis_nobody_knows() {
    let mut redis = TestRedis::start().await.unwrap();
    let cluster = connect(&redis.url()).await;
    assert_eq!(cluster.rates().take(&name(), most(1), MINUTE).await.unwrap(), None);
    redis.kill().unwrap();
    let error = fails(cluster.rates().take(&name(), most(1), MINUTE)).await;
    assert_eq!(error.to_string(), "could not take of a rate");
    redis.restart().await.unwrap();
    let take = async || cluster.rates().take("user:back", most(1_000), MINUTE).await.is_ok();
    eventually("it is back", take, |is_back| *is_back).await;
}
