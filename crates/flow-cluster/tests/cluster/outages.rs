//! Redis away in every way it can be, and back.

use std::error::Error;
use std::time::Duration;

use flow_base::{FlowId, Secret, Seq};
use flow_cluster::{Cache, Heard, RedisCluster, RedisOptions, Relay, Subscription};
use flow_testing::{Fault, FaultProxy, TestRedis, eventually};
use tokio::time::{Instant, timeout};

use crate::support::{connect, fails, hear, publish, slice, stranger};

/// Two nodes, one of which listens to a flow.
struct Pair {
    speaks: RedisCluster,
    listens: RedisCluster,
    flow: FlowId,
    heard: Subscription,
    said: u64,
}

impl Pair {
    async fn new(speaks: &str, listens: &str) -> Self {
        let (speaks, listens) = (connect(speaks).await, connect(listens).await);
        let flow = FlowId::generate();
        let heard = listens.relay().subscribe(flow).await.unwrap();
        let mut pair = Self { speaks, listens, flow, heard, said: 0 };
        pair.is_heard().await;
        pair
    }

    async fn say(&mut self) {
        self.said += 1;
        publish(&*self.speaks.relay(), self.flow, &slice(self.said, 1)).await;
    }

    async fn is_heard(&mut self) {
        self.say().await;
        let heard = hear(&mut self.heard).await;
        assert!(matches!(heard, Heard::Committed(slice) if slice.first == Seq(self.said)));
    }

    /// Both know that Redis is away, everything fails in time, and a room can be opened.
    async fn is_away(&mut self) -> Subscription {
        let is_away = async || (self.speaks.is_away(), self.listens.is_away());
        let first = fails(self.speaks.relay().publish(self.flow, &slice(1, 1))).await;
        assert_eq!(first.to_string(), "could not tell other nodes of a commit");
        eventually("Redis is away", is_away, |(speaks, listens)| *speaks && *listens).await;
        fails(self.speaks.relay().publish(self.flow, &slice(1, 1))).await;
        fails(self.speaks.cache().load(self.flow)).await;
        fails(self.speaks.cache().push(self.flow, &slice(1, 1))).await;
        fails(self.speaks.ping()).await;
        let relay = self.listens.relay();
        timeout(Duration::from_secs(2), relay.subscribe(self.flow)).await.unwrap().unwrap()
    }

    /// Both rooms are told that they missed something, and then hear again.
    async fn comes_back(&mut self, mut late: Subscription) {
        assert_eq!(hear(&mut self.heard).await, Heard::Missed);
        assert_eq!(hear(&mut late).await, Heard::Missed);
        self.is_heard().await;
        assert!(matches!(hear(&mut late).await, Heard::Committed(slice) if slice.first == Seq(self.said)));
        let ping = async || self.speaks.ping().await.is_ok() && self.listens.ping().await.is_ok();
        eventually("Redis answers", ping, |answers| *answers).await;
        assert!(!self.speaks.is_away() && !self.listens.is_away());
        assert_eq!(self.listens.cache().load(self.flow).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_killed_redis_is_missed_and_heard_again() {
    let mut redis = TestRedis::start().await.unwrap();
    let mut pair = Pair::new(&redis.url(), &redis.url()).await;
    redis.kill().unwrap();
    let late = pair.is_away().await;
    redis.restart().await.unwrap();
    pair.comes_back(late).await;
}

#[tokio::test]
async fn a_redis_that_is_stopped_is_noticed_by_its_silence() {
    let redis = TestRedis::start().await.unwrap();
    let mut pair = Pair::new(&redis.url(), &redis.url()).await;
    redis.pause().unwrap();
    let late = pair.is_away().await;
    redis.resume().unwrap();
    pair.comes_back(late).await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_by_its_silence() {
    let redis = TestRedis::start().await.unwrap();
    let proxy = FaultProxy::start(redis.address()).await.unwrap();
    let url = format!("redis://{}", proxy.address());
    let mut pair = Pair::new(&url, &url).await;
    proxy.set(Fault::Blackhole);
    let late = pair.is_away().await;
    proxy.set(Fault::None);
    pair.comes_back(late).await;
}

#[tokio::test]
async fn a_node_that_is_cut_off_hears_that_it_missed_what_others_said() {
    let redis = TestRedis::start().await.unwrap();
    let proxy = FaultProxy::start(redis.address()).await.unwrap();
    let mut pair = Pair::new(&redis.url(), &format!("redis://{}", proxy.address())).await;
    proxy.set(Fault::Cut);
    eventually("the node is alone", async || pair.listens.is_away(), |away| *away).await;
    pair.say().await;
    proxy.set(Fault::None);
    assert_eq!(hear(&mut pair.heard).await, Heard::Missed);
    pair.is_heard().await;
}

/// So does Redis when somebody does not read fast enough what it has to say.
#[tokio::test]
async fn a_connection_that_redis_closes_is_made_again_before_the_next_ping() {
    let redis = TestRedis::start().await.unwrap();
    let mut pair = Pair::new(&redis.url(), &redis.url()).await;
    let mut stranger = stranger(&redis.url()).await;
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let started = Instant::now();
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("pubsub");
        let closed: u64 = kill.query_async(&mut stranger).await.unwrap();
        assert_eq!(closed, 1, "the one that listens");
        assert_eq!(hear(&mut pair.heard).await, Heard::Missed);
        fastest = fastest.min(started.elapsed());
        pair.is_heard().await;
    }
    // Each connection is pinged after a second, and none was that old.
    assert!(fastest < Duration::from_millis(700), "{fastest:?}");
}

/// Slow is not away.
#[tokio::test]
async fn a_slow_network_loses_nothing() {
    let redis = TestRedis::start().await.unwrap();
    let proxy = FaultProxy::start(redis.address()).await.unwrap();
    let url = format!("redis://{}", proxy.address());
    let mut pair = Pair::new(&url, &url).await;
    proxy.set(Fault::Delay(Duration::from_millis(150)));
    for _ in 0..5 {
        pair.is_heard().await;
    }
}

#[tokio::test]
async fn a_node_starts_without_redis_and_finds_it_later() {
    let mut redis = TestRedis::start().await.unwrap();
    redis.kill().unwrap();
    let node = connect(&redis.url()).await;
    let flow = FlowId::generate();
    assert!(node.is_away());
    fails(node.ping()).await;
    let mut heard = node.relay().subscribe(flow).await.unwrap();
    redis.restart().await.unwrap();
    assert_eq!(hear(&mut heard).await, Heard::Missed);
    let other = connect(&redis.url()).await;
    publish(&*other.relay(), flow, &slice(1, 1)).await;
    assert!(matches!(hear(&mut heard).await, Heard::Committed(slice) if slice.first == Seq(1)));
}

#[tokio::test]
async fn redis_sends_nothing_more_for_rooms_that_have_closed() {
    let redis = TestRedis::start().await.unwrap();
    let node = connect(&redis.url()).await;
    let open = node.relay().subscribe(FlowId::generate()).await.unwrap();
    for _ in 0..300 {
        drop(node.relay().subscribe(FlowId::generate()).await.unwrap());
    }
    let stranger = stranger(&redis.url()).await;
    let channels = async || {
        let mut asks = redis::cmd("PUBSUB");
        asks.arg("CHANNELS").query_async::<Vec<String>>(&mut stranger.clone()).await.unwrap().len()
    };
    eventually("channels of open rooms", &channels, |count| *count == 1).await;
    drop(open);
    eventually("channels of open rooms", &channels, |count| *count == 0).await;
}

#[tokio::test]
async fn many_rooms_hear_again_after_a_restart() {
    let mut redis = TestRedis::start().await.unwrap();
    let (ours, theirs) = (connect(&redis.url()).await, connect(&redis.url()).await);
    let mut rooms = Vec::new();
    for _ in 0..2_500 {
        let flow = FlowId::generate();
        rooms.push((flow, theirs.relay().subscribe(flow).await.unwrap()));
    }
    redis.kill().unwrap();
    redis.restart().await.unwrap();
    for (_, heard) in &mut rooms {
        assert_eq!(hear(heard).await, Heard::Missed);
    }
    for (flow, heard) in rooms.iter_mut().step_by(100) {
        publish(&*ours.relay(), *flow, &slice(1, 1)).await;
        assert!(matches!(hear(heard).await, Heard::Committed(_)));
    }
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_without_telling_the_password() {
    for url in ["", "localhost", "http://localhost", "redis://u:hunter2@", "redis://u:hunter2@h:99999/"] {
        let error = RedisCluster::connect(&RedisOptions::new(url)).await.unwrap_err();
        assert_eq!(error.to_string(), "could not understand the address of Redis");
        let chain = format!("{error:?} {:?} {}", error.source(), error.source().unwrap());
        assert!(!chain.contains("hunter2"), "{chain}");
    }
    let url = Secret::new("redis://localhost".to_owned());
    let braces = RedisOptions { url, prefix: "a{b}".to_owned() };
    let error = RedisCluster::connect(&braces).await.unwrap_err();
    assert_eq!(error.to_string(), "could not use the prefix");
}

#[tokio::test]
async fn a_redis_without_tls_is_away_for_those_who_want_tls() {
    let redis = TestRedis::start().await.unwrap();
    let node = connect(&format!("rediss://{}", redis.address())).await;
    assert!(node.is_away());
    fails(node.ping()).await;
}
