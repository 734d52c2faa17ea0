//! What only the cache in Redis has to withstand.

use std::time::Duration;

use bytes::Bytes;
use flow_base::{FlowId, Seq};
use flow_cluster::{Cache, CachedFlow, LogSlice};
use flow_testing::TestRedis;
use redis::aio::MultiplexedConnection;

use crate::support::{Node, connect, node, slice, snapshot, stranger};

struct Names {
    snapshot: String,
    updates: String,
}

/// As they have been since the first release. Nodes of two releases share a Redis.
fn names(flow: FlowId) -> Names {
    let name = |what| format!("interflow:flow:{{{flow}}}:{what}");
    Names { snapshot: name("snapshot"), updates: name("updates") }
}

async fn run<T: redis::FromRedisValue>(redis: &mut MultiplexedConnection, words: &[&[u8]]) -> T {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.query_async(redis).await.unwrap()
}

async fn time_to_live(redis: &mut MultiplexedConnection, key: &str) -> Duration {
    let ms: i64 = run(redis, &[b"PTTL", key.as_bytes()]).await;
    Duration::from_millis(u64::try_from(ms).expect("it will be forgotten"))
}

#[tokio::test]
async fn what_is_kept_is_forgotten_after_an_hour_without_use() {
    let Node { cluster, redis } = node().await;
    let (cache, flow) = (cluster.cache(), FlowId::generate());
    let Names { snapshot: state, updates } = names(flow);
    let mut redis = stranger(redis.url()).await;
    let hour = Duration::from_secs(3_590)..=Duration::from_secs(3_600);
    let whole = CachedFlow { snapshot: Some(snapshot(2, 10)), tail: slice(3, 2) };
    for used in 0..5 {
        match used {
            0 => cache.replace(flow, &whole).await.unwrap(),
            1 => drop(cache.load(flow).await.unwrap().unwrap()),
            2 => drop(cache.updates_after(flow, Seq(2), 1).await.unwrap()),
            3 => cache.push(flow, &slice(5, 1)).await.unwrap(),
            _ => cache.put_snapshot(flow, &snapshot(5, 10)).await.unwrap(),
        }
        for key in [&state, &updates] {
            let left = time_to_live(&mut redis, key).await;
            assert!(hour.contains(&left), "{used} {key} {left:?}");
            let set: bool = run(&mut redis, &[b"PEXPIRE", key.as_bytes(), b"60000"]).await;
            assert!(set);
        }
    }
}

#[tokio::test]
async fn exactly_a_thousand_updates_are_kept_under_their_positions() {
    let Node { cluster, redis } = node().await;
    let (cache, flow) = (cluster.cache(), FlowId::generate());
    for first in [1, 701] {
        cache.push(flow, &slice(first, 700)).await.unwrap();
    }
    let mut redis = stranger(redis.url()).await;
    let stream = names(flow).updates;
    assert_eq!(run::<u64>(&mut redis, &[b"XLEN", stream.as_bytes()]).await, 1_000);
    type Entries = Vec<(String, Vec<Bytes>)>;
    let ends: Entries = run(&mut redis, &[b"XRANGE", stream.as_bytes(), b"-", b"+", b"COUNT", b"1"]).await;
    assert_eq!(ends[0].0, "401-0");
    assert_eq!(ends[0].1[0], "update");
}

/// Filling costs as much as what has to be moved.
#[tokio::test]
async fn what_comes_very_late_counts_as_lost() {
    let Node { cluster, redis: _redis } = node().await;
    let (cache, flow) = (cluster.cache(), FlowId::generate());
    cache.push(flow, &slice(1, 2)).await.unwrap();
    cache.push(flow, &slice(4, 150)).await.unwrap();
    cache.push(flow, &slice(3, 1)).await.unwrap();
    assert_eq!(cache.load(flow).await.unwrap().unwrap().tail.last(), Seq(2));
    assert_eq!(cache.updates_after(flow, Seq(3), 999).await.unwrap().last(), Seq(153));
    // A snapshot makes the hole meaningless, and new updates are kept as ever.
    cache.put_snapshot(flow, &snapshot(3, 10)).await.unwrap();
    cache.push(flow, &slice(150, 10)).await.unwrap();
    assert_eq!(cache.load(flow).await.unwrap().unwrap().tail.last(), Seq(159));
}

#[tokio::test]
async fn a_newer_snapshot_wins_whoever_comes_first() {
    let Node { cluster, redis } = node().await;
    let others = connect(redis.url()).await;
    let (ours, theirs) = (cluster.cache(), others.cache());
    let flow = FlowId::generate();
    for round in 0..50 {
        let (older, newer) = (snapshot(2 * round + 1, 1_000), snapshot(2 * round + 2, 1_000));
        let (first, second) =
            tokio::join!(ours.put_snapshot(flow, &newer), theirs.put_snapshot(flow, &older));
        first.and(second).unwrap();
        assert_eq!(ours.load(flow).await.unwrap().unwrap().snapshot, Some(newer));
    }
}

#[tokio::test]
async fn a_document_as_large_as_may_be_is_kept() {
    let Node { cluster, redis: _redis } = node().await;
    let (cache, flow) = (cluster.cache(), FlowId::generate());
    let whole = CachedFlow { snapshot: Some(snapshot(3, 16 << 20)), tail: slice(4, 100) };
    cache.replace(flow, &whole).await.unwrap();
    assert!(cache.load(flow).await.unwrap() == Some(whole.clone()));
    let newer = snapshot(60, 16 << 20);
    cache.put_snapshot(flow, &newer).await.unwrap();
    let loaded = cache.load(flow).await.unwrap().unwrap();
    assert_eq!(loaded.snapshot.map(|snapshot| snapshot.state.len()), Some(16 << 20));
    assert_eq!(loaded.tail.updates, whole.tail.updates[57..]);
}

/// Whatever somebody has put there: no document is made of it, and replacing heals it.
#[tokio::test]
async fn what_is_not_ours_is_not_believed() {
    let Node { cluster, redis } = node().await;
    let cache = cluster.cache();
    let mut redis = stranger(redis.url()).await;
    let snapshots: [&[&[u8]]; 8] = [
        &[b"seq", b"3", b"state", b""],
        &[b"seq", b"3", b"state", b"\x02\x00\x01a"],
        &[b"seq", b"3", b"state", b"\x01\x00\x09a"],
        &[b"seq", b"3", b"state", b"\x01\x00\xfd\x00\x00\x00\x00\x00\x00\x00\x10"],
        &[b"seq", b"99999999999999999", b"state", b"\x01\x00\x01a"],
        &[b"seq", b"-1", b"state", b"\x01\x00\x01a"],
        &[b"seq", b"many", b"state", b"\x01\x00\x01a"],
        &[b"seq", b"3"],
    ];
    for fields in snapshots {
        let flow = FlowId::generate();
        let key = names(flow).snapshot;
        let _: u64 = run(&mut redis, &[&[&b"HSET"[..], key.as_bytes()], fields].concat()).await;
        assert!(!matches!(cache.load(flow).await, Ok(Some(_))), "{fields:?}");
        heals(&*cache, flow).await;
    }
    let entries: [&[&[u8]]; 5] = [
        &[b"3-0", b"update", b"garbage"],
        &[b"3-0", b"update", b""],
        &[b"3-0", b"other", b"\x01"],
        &[b"3-7", b"update", b"\x01"],
        &[b"18446744073709551615-0", b"update", b"\x01"],
    ];
    for entry in entries {
        let flow = FlowId::generate();
        cache.push(flow, &slice(1, 2)).await.unwrap();
        let key = names(flow).updates;
        let _: String = run(&mut redis, &[&[&b"XADD"[..], key.as_bytes()], entry].concat()).await;
        let loaded = cache.load(flow).await.unwrap().unwrap();
        assert_eq!(loaded.tail.last(), Seq(2), "{entry:?}");
        assert_eq!(cache.updates_after(flow, Seq(2), 9).await.unwrap(), LogSlice::empty_after(Seq(2)));
        // It stands in the way of what comes, or does not; nothing breaks.
        drop(cache.push(flow, &slice(3, 2)).await);
        assert!(cache.load(flow).await.unwrap().is_some());
        heals(&*cache, flow).await;
    }
}

#[tokio::test]
async fn keys_of_another_type_are_errors_until_they_are_replaced() {
    let Node { cluster, redis } = node().await;
    let cache = cluster.cache();
    let mut redis = stranger(redis.url()).await;
    let flow = FlowId::generate();
    let Names { snapshot: state, updates } = names(flow);
    for key in [&state, &updates] {
        let _: () = run(&mut redis, &[b"SET", key.as_bytes(), b"text"]).await;
    }
    cache.load(flow).await.unwrap_err();
    cache.updates_after(flow, Seq(1), 9).await.unwrap_err();
    cache.push(flow, &slice(1, 1)).await.unwrap_err();
    cache.put_snapshot(flow, &snapshot(1, 1)).await.unwrap_err();
    heals(&*cache, flow).await;
    let _: () = run(&mut redis, &[b"SET", updates.as_bytes(), b"text"]).await;
    cache.load(flow).await.unwrap_err();
    heals(&*cache, flow).await;
}

async fn heals(cache: &dyn Cache, flow: FlowId) {
    let whole = CachedFlow { snapshot: Some(snapshot(2, 50)), tail: slice(3, 2) };
    cache.replace(flow, &whole).await.unwrap();
    assert_eq!(cache.load(flow).await.unwrap(), Some(whole));
}

#[tokio::test]
async fn an_emptied_redis_has_nothing_and_keeps_what_comes() {
    let redis = TestRedis::start().await.unwrap();
    let cluster = connect(&redis.url()).await;
    let (cache, flow) = (cluster.cache(), FlowId::generate());
    cache.put_snapshot(flow, &snapshot(3, 10)).await.unwrap();
    cache.push(flow, &slice(4, 1)).await.unwrap();
    redis.flush_all().await.unwrap();
    // The scripts, too: they are sent again.
    let _: () = run(&mut stranger(&redis.url()).await, &[b"SCRIPT", b"FLUSH"]).await;
    assert_eq!(cache.load(flow).await.unwrap(), None);
    cache.push(flow, &slice(5, 1)).await.unwrap();
    assert_eq!(cache.load(flow).await.unwrap(), None, "the beginning is missing");
    cache.put_snapshot(flow, &snapshot(4, 10)).await.unwrap();
    assert_eq!(cache.load(flow).await.unwrap().unwrap().tail.last(), Seq(5));
}
