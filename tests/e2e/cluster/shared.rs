//! What servers with one Redis know together.

use flow_client::{NewFlow, Peer, PeerOptions, PeerState};
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
