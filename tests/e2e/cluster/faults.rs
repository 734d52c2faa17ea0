//! The database or Redis away: cut, killed, silent, emptied.

use std::time::{Duration, Instant};

use flow_base::{FlowId, Role};
use flow_client::{Api, ClientError, NewFlow, Peer, PeerOptions, PeerState};
use flow_protocol::CloseCode;
use flow_testing::{Fault, TestCluster, TestRedis, eventually};
use serde_json::{Value, json};

use super::scene::{cluster, load_for, store, stored_nodes};
use crate::PROGRAM;
use crate::people::{add, live, make, peer, until, until_graph};
use crate::raw::Raw;

async fn readiness(url: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{url}/api/health/ready")).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn sees(peer: &Peer, id: &str) {
    until_graph(peer, id, |graph| graph.nodes.contains_key(id)).await;
}

async fn new_flow(api: &Api) -> FlowId {
    api.create_flow(&NewFlow::default()).await.unwrap().id
}

/// A server on a database behind a proxy; Ann and Ben in one flow, another one cold.
async fn database_away(fault: Fault) {
    let cluster = TestCluster::start_behind_proxy(PROGRAM, 1, None).await.unwrap();
    let proxy = cluster.to_postgres().unwrap();
    let node = cluster.node(0).url();
    let person = cluster.person("ann").await.unwrap();
    let (warm, cold) = (new_flow(&person).await, new_flow(&person).await);
    let (ann, ben) = (live(&person, warm).await, live(&person, warm).await);
    make(&ann, add("before")).await;
    until(&ann, "saved", PeerState::is_saved).await;
    assert_eq!(readiness(&node).await, (200, json!({ "status": "ready", "parts": { "database": "here" } })));

    proxy.set(fault);
    make(&ann, add("meanwhile")).await;
    sees(&ben, "meanwhile").await;
    let away = json!({ "status": "away", "parts": { "database": "away" } });
    eventually("not ready", async || readiness(&node).await, |seen| *seen == (503, away.clone())).await;
    // A cold flow is not opened; nor is it shown empty.
    assert_eq!(Raw::refused(&person, cold).await.0, 503);
    let refused = person.export_flow(cold).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Refused { status: 503, .. })), "{refused:?}");
    let newcomer = peer(&person, cold);
    make(&ann, add("more")).await;
    sees(&ben, "more").await;
    let state = ann.state().borrow().clone();
    assert_eq!(state, PeerState::Live { unsaved: 2 }, "nothing is acknowledged, and nobody is sent away");
    assert!(matches!(*newcomer.state().borrow(), PeerState::Offline { .. }), "a flow that cannot be read");
    let stored = stored_nodes(&store(&cluster).await, warm).await;
    assert!(!stored.contains("meanwhile"), "{stored:?}");

    proxy.set(Fault::None);
    until(&ann, "saved", PeerState::is_saved).await;
    until(&newcomer, "live", PeerState::is_live).await;
    let stored = stored_nodes(&store(&cluster).await, warm).await;
    assert_eq!(stored.into_iter().collect::<Vec<_>>(), ["before", "meanwhile", "more"]);
    eventually("ready", async || readiness(&node).await.0, |status| *status == 200).await;
}

#[tokio::test]
async fn while_connections_to_the_database_are_cut_edits_flow_and_nothing_is_acknowledged() {
    database_away(Fault::Cut).await;
}

#[tokio::test]
async fn while_the_database_is_silent_edits_flow_and_nothing_is_acknowledged() {
    database_away(Fault::Blackhole).await;
}

/// Two servers on one database and one Redis, each with a peer in the same flow.
struct Pair {
    cluster: TestCluster,
    person: Api,
    flow: FlowId,
    here: Peer,
    there: Peer,
    edits: usize,
}

impl Pair {
    async fn start(redis: bool) -> Self {
        let cluster = cluster(2, redis).await;
        let person = cluster.person("ann").await.unwrap();
        let flow = new_flow(&person).await;
        let here = live(&cluster.at(0, &person).unwrap(), flow).await;
        let there = live(&cluster.at(1, &person).unwrap(), flow).await;
        let mut pair = Self { cluster, person, flow, here, there, edits: 0 };
        pair.exchange().await;
        pair
    }

    /// Each makes an edit and sees the other's; answers how long that took.
    async fn exchange(&mut self) -> Duration {
        let (from_here, from_there) = (format!("here-{}", self.edits), format!("there-{}", self.edits));
        self.edits += 1;
        let began = Instant::now();
        make(&self.here, add(&from_here)).await;
        make(&self.there, add(&from_there)).await;
        tokio::join!(sees(&self.there, &from_here), sees(&self.here, &from_there));
        began.elapsed()
    }

    fn redis(&mut self) -> &mut TestRedis {
        self.cluster.redis().unwrap()
    }

    /// Nothing is lost, and everybody has the same: those who were there, the database,
    /// and whoever comes now.
    async fn compare(&self) {
        for peer in [&self.here, &self.there] {
            until(peer, "saved", PeerState::is_saved).await;
        }
        let stored = stored_nodes(&store(&self.cluster).await, self.flow).await;
        assert_eq!(stored.len(), 2 * self.edits);
        let newcomer = live(&self.cluster.at(1, &self.person).unwrap(), self.flow).await;
        for peer in [&self.here, &self.there, &newcomer] {
            until_graph(peer, "everything", |graph| graph.nodes.keys().all(|id| stored.contains(&**id)))
                .await;
            until_graph(peer, "everything", |graph| graph.nodes.len() == stored.len()).await;
        }
    }
}

/// The promise is a second; a loaded machine gets more before this fails.
const SOON: Duration = Duration::from_secs(5);

#[expect(clippy::print_stdout, reason = "figures for those who look")]
fn took(what: &str, time: Duration) {
    println!("{what}: {time:?}");
    assert!(time < SOON, "{what}: {time:?}");
}

#[tokio::test]
async fn an_emptied_redis_loses_nothing() {
    let mut pair = Pair::start(true).await;
    for _ in 0..5 {
        pair.redis().flush_all().await.unwrap();
        let time = pair.exchange().await;
        took("with Redis just emptied", time);
    }
    pair.compare().await;
}

#[tokio::test]
async fn without_redis_two_nodes_find_out_from_the_database() {
    let mut pair = Pair::start(true).await;
    pair.redis().kill().unwrap();
    for _ in 0..3 {
        let time = pair.exchange().await;
        took("with Redis killed", time);
    }
    let node = pair.cluster.node(0).url();
    let parts = json!({ "status": "ready", "parts": { "database": "here", "redis": "away" } });
    eventually("serves without Redis", async || readiness(&node).await, |seen| *seen == (200, parts.clone()))
        .await;
    pair.redis().restart().await.unwrap();
    let here = |seen: &(u16, Value)| seen.1["parts"]["redis"] == "here";
    eventually("Redis is back", async || readiness(&node).await, here).await;
    let time = pair.exchange().await;
    took("with Redis back", time);
    pair.compare().await;
}

#[tokio::test]
async fn a_redis_that_is_silent_for_ten_seconds_loses_nothing() {
    let mut pair = Pair::start(true).await;
    pair.redis().pause().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        let time = pair.exchange().await;
        took("with Redis silent", time);
    }
    pair.redis().resume().unwrap();
    let time = pair.exchange().await;
    took("with Redis awake", time);
    pair.compare().await;
}

#[tokio::test]
async fn two_nodes_that_never_had_redis_work_together() {
    let mut pair = Pair::start(false).await;
    for _ in 0..3 {
        let time = pair.exchange().await;
        took("without Redis", time);
    }
    pair.compare().await;
}

/// Whoever is thrown out at one node is out at all of them.
async fn revoked(redis: bool) {
    let pair = Pair::start(redis).await;
    let ed = pair.cluster.person("ed").await.unwrap();
    pair.person.put_member(pair.flow, "ed@example.org", Role::Editor).await.unwrap();
    let member = ed.me().await.unwrap().id;
    let socket = live(&pair.cluster.at(1, &ed).unwrap(), pair.flow).await;
    let removed = Instant::now();
    pair.cluster.at(0, &pair.person).unwrap().remove_member(pair.flow, member).await.unwrap();
    let closed = |state: &PeerState| matches!(state, PeerState::Closed { code: CloseCode::NotAllowed, .. });
    until(&socket, "closed with 4403", closed).await;
    took("until a removed member's socket was closed", removed.elapsed());

    // And a sign-in that ends ends its sockets.
    let vic = pair.cluster.person("vic").await.unwrap();
    pair.person.put_member(pair.flow, "vic@example.org", Role::Viewer).await.unwrap();
    let socket = live(&pair.cluster.at(1, &vic).unwrap(), pair.flow).await;
    let left = Instant::now();
    pair.cluster.at(0, &vic).unwrap().logout().await.unwrap();
    let closed = |state: &PeerState| matches!(state, PeerState::Closed { code: CloseCode::SignedOut, .. });
    until(&socket, "closed with 4401", closed).await;
    took("until a signed out person's socket was closed", left.elapsed());
}

#[tokio::test]
async fn access_that_ends_at_one_node_ends_at_all() {
    revoked(true).await;
}

#[tokio::test]
async fn access_that_ends_at_one_node_ends_at_all_without_redis() {
    revoked(false).await;
}

async fn shown(api: &Api, flow: FlowId, name: &str) -> Peer {
    let presence = Some(json!({ "name": name }));
    let peer = Peer::open(api, PeerOptions { presence, ..PeerOptions::new(flow) }).unwrap();
    until(&peer, "live", PeerState::is_live).await;
    peer
}

async fn until_sees(peer: &Peer, who: &[&str]) {
    let presence = peer.presence();
    let names = async || {
        let mut names: Vec<String> =
            presence.borrow().iter().filter_map(|state| Some(state["name"].as_str()?.to_owned())).collect();
        names.sort();
        names
    };
    eventually("the others are seen", names, |names| names == who).await;
}

/// Nobody is at the node that is asked.
#[tokio::test]
async fn a_node_says_who_is_at_another() {
    let pair = Pair::start(true).await;
    let (here, there) =
        (pair.cluster.at(0, &pair.person).unwrap(), pair.cluster.at(1, &pair.person).unwrap());
    let ben = shown(&there, pair.flow, "ben").await;
    let present = async || {
        let present = here.presence(pair.flow).await.unwrap();
        let names = present.iter().filter_map(|client| client.state["name"].as_str().map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    eventually("ben is seen", &present, |names| *names == ["ben"]).await;
    drop(ben);
    eventually("ben has left", &present, Vec::is_empty).await;
}

#[tokio::test]
async fn people_at_two_nodes_see_each_other_and_no_ghosts() {
    let mut pair = Pair::start(true).await;
    let (here, there) =
        (pair.cluster.at(0, &pair.person).unwrap(), pair.cluster.at(1, &pair.person).unwrap());
    let ann = shown(&here, pair.flow, "ann").await;
    let ben = shown(&there, pair.flow, "ben").await;
    let vic = shown(&there, pair.flow, "vic").await;
    until_sees(&ann, &["ben", "vic"]).await;
    until_sees(&ben, &["ann", "vic"]).await;
    let left = Instant::now();
    drop(vic);
    until_sees(&ann, &["ben"]).await;
    took("until somebody who left another node was gone", left.elapsed());
    // Without Redis it ends at the node, and comes back with it.
    pair.redis().kill().unwrap();
    load_for(Duration::from_secs(1)).await;
    pair.redis().restart().await.unwrap();
    let late = shown(&there, pair.flow, "late").await;
    until_sees(&ann, &["ben", "late"]).await;
    drop(late);
    until_sees(&ann, &["ben"]).await;
    // A node that dies takes its people with it, within 30 s.
    let died = Instant::now();
    pair.cluster.node_mut(1).kill().await.unwrap();
    let presence = ann.presence();
    let gone = async || presence.borrow().len();
    while gone().await > 0 {
        assert!(died.elapsed() < Duration::from_secs(30), "a ghost of a node that died");
        load_for(Duration::from_millis(100)).await;
    }
    drop(ben);
}
