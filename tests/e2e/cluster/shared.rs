//! What servers with one Redis know together.

use flow_base::Scope;
use flow_client::{Api, ClientError, NewFlow, NewKey, Peer, PeerOptions, PeerState};
use flow_testing::eventually;
use futures_util::future::join_all;
use serde_json::json;

use super::scene::{cluster, cluster_with};
use crate::people::until;
use crate::raw::Raw;

/// The first who asks makes the node ask the other; whoever comes while it waits must not take
/// its silence for an answer.
#[tokio::test]
async fn whoever_asks_at_the_same_time_hears_who_is_at_another_node() {
    let cluster = cluster(2, true).await;
    let person = cluster.person("ann").await.unwrap();
    let flow = person.create_flow(&NewFlow::default()).await.unwrap().id;
    let (here, there) = (cluster.at(0, &person).unwrap(), cluster.at(1, &person).unwrap());
    let presence = Some(json!({ "name": "ann" }));
    let ann = Peer::open(&there, PeerOptions { presence, ..PeerOptions::new(flow) }).unwrap();
    until(&ann, "live", PeerState::is_live).await;
    for _ in 0..3 {
        let seen = async || here.presence(flow).await.unwrap().len();
        let at_once = join_all((0..6).map(|_| seen())).await;
        assert_eq!(at_once, [1; 6]);
    }
}

/// Otherwise as many nodes were as many times the tries.
#[tokio::test]
async fn wrong_passwords_count_for_all_nodes_and_right_ones_for_none() {
    let mut cluster = cluster(2, true).await;
    cluster.person("ann").await.unwrap();
    let nodes = [0, 1].map(|number| Api::new(&cluster.node(number).url()).unwrap());
    let login = async |node: usize, password: &str| match nodes[node].login("ann@example.org", password).await
    {
        Ok(_) => 200,
        Err(ClientError::Refused { status, .. }) => status,
        Err(error) => panic!("{error}"),
    };
    for turn in 0..12 {
        assert_eq!(login(turn % 2, "correct horse battery staple").await, 200);
    }
    // Ten by default.
    for turn in 0..10 {
        assert_eq!(login(turn % 2, "wrong").await, 401);
    }
    for node in [0, 1] {
        assert_eq!(login(node, "wrong").await, 429);
        assert_eq!(login(node, "correct horse battery staple").await, 429);
    }
    // Each has its own count when nobody else knows: five of ten.
    cluster.redis().unwrap().kill().unwrap();
    for node in [0, 1] {
        for _ in 0..5 {
            assert_eq!(login(node, "wrong").await, 401);
        }
        assert_eq!(login(node, "wrong").await, 429);
    }
}

/// By turns, so that neither has let through as much as one may.
#[tokio::test]
async fn requests_count_for_all_nodes_and_each_counts_alone_without_redis() {
    let settings =
        [("INTERFLOW_LIMITS__REQUESTS_PER_USER", "12"), ("INTERFLOW_LIMITS__REQUESTS_PER_KEY", "8")];
    let mut cluster = cluster_with(2, true, &settings).await;
    let ann = cluster.person("ann").await.unwrap();
    let key = NewKey { name: "Bot".into(), scopes: vec![Scope::Read], expires_at: None };
    let key = ann.create_key(&key).await.unwrap().secret;
    let bot = |node: usize| {
        let api = Api::new(&cluster.node(node).url()).unwrap();
        api.use_token(key.clone());
        api
    };
    let bots = [bot(0), bot(1)];
    let asked = async |node: usize| match bots[node].flows(1, None).await {
        Ok(_) => 200,
        Err(ClientError::Refused { status, .. }) => status,
        Err(error) => panic!("{error}"),
    };
    for turn in 0..8 {
        assert_eq!(asked(turn % 2).await, 200, "{turn}");
    }
    assert_eq!([asked(0).await, asked(1).await], [429, 429]);
    // Her own are others.
    let anns = [cluster.at(0, &ann).unwrap(), cluster.at(1, &ann).unwrap()];
    let mut passed = 0;
    for turn in 0..24 {
        passed += u32::from(anns[turn % 2].flows(1, None).await.is_ok());
    }
    assert!((11..=12).contains(&passed), "{passed}; one of twelve was for the key");
    cluster.redis().unwrap().kill().unwrap();
    let mut passed = [0, 0];
    for turn in 0..24 {
        passed[turn % 2] += u32::from(asked(turn % 2).await == 200);
    }
    // Of eight each knows of its own four, and of the one that the other count refused.
    assert!(passed.iter().all(|passed| (3..=4).contains(passed)), "{passed:?}");
}

#[tokio::test]
async fn opens_count_for_all_nodes() {
    let cluster = cluster_with(2, true, &[("INTERFLOW_LIMITS__OPENS_PER_USER", "6")]).await;
    let ann = cluster.person("ann").await.unwrap();
    let flow = ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let anns = [cluster.at(0, &ann).unwrap(), cluster.at(1, &ann).unwrap()];
    for turn in 0..6 {
        Raw::join(&anns[turn % 2], flow).await.sync().await;
    }
    for ann in &anns {
        let (status, after) = Raw::refused(ann, flow).await;
        assert_eq!(status, 429);
        assert!((1..=10).contains(&after), "six a minute are one every 10 s, not {after}");
    }
}

#[tokio::test]
async fn connections_count_for_all_nodes_while_they_last() {
    let mut cluster = cluster_with(2, true, &[("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "4")]).await;
    let ann = cluster.person("ann").await.unwrap();
    let flow = ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let anns = [cluster.at(0, &ann).unwrap(), cluster.at(1, &ann).unwrap()];
    let mut held = Vec::new();
    for turn in 0..4 {
        let mut raw = Raw::join(&anns[turn % 2], flow).await;
        raw.sync().await;
        held.push(raw);
    }
    for ann in &anns {
        assert_eq!(Raw::refused(ann, flow).await, (429, 10));
    }
    // One that ends at one node makes room at the other.
    drop(held.remove(0));
    let mut join = async || match Raw::try_join(&anns[1], flow).await {
        Ok(raw) => {
            held.push(raw);
            true
        }
        Err(_) => false,
    };
    eventually("one is free", &mut join, |joined| *joined).await;
    assert_eq!(Raw::refused(&anns[0], flow).await, (429, 10));
    // A server that stops gives back what it held.
    cluster.node_mut(0).stop().await.unwrap();
    eventually("what it held was given back", &mut join, |joined| *joined).await;
}
