//! What servers with one Redis know together.

use flow_client::{Api, ClientError, NewFlow, Peer, PeerOptions, PeerState};
use futures_util::future::join_all;
use serde_json::json;

use super::scene::cluster;
use crate::people::until;

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
