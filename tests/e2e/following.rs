//! A flow that is followed over HTTP: what a stream tells, whatever becomes of its connection.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_base::{FlowId, Role};
use flow_client::{Api, ClientError, FlowEvent, FlowStream, Version};
use flow_testing::{Fault, FaultProxy};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::people::{Scene, add, live, scene, scene_with};

const SOON: Duration = Duration::from_secs(20);

/// What somebody knows of a flow who is told of it.
struct Follower {
    events: FlowStream,
    nodes: BTreeSet<String>,
    versions: Vec<u32>,
    resets: usize,
}

fn follow(api: &Api, flow: FlowId) -> Follower {
    Follower { events: api.stream(flow), nodes: BTreeSet::new(), versions: Vec::new(), resets: 0 }
}

fn ids(nodes: &Value) -> impl Iterator<Item = String> {
    nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned())
}

impl Follower {
    async fn next(&mut self) -> Option<Result<FlowEvent, ClientError>> {
        let next = timeout(SOON, self.events.next()).await.expect("in time");
        match &next {
            Some(Ok(FlowEvent::Reset(reset))) => {
                self.resets += 1;
                self.nodes = reset.graph["nodes"].as_object().unwrap().keys().cloned().collect();
            }
            Some(Ok(FlowEvent::Change(change))) => {
                for new in ids(&change.diff["nodes"]["added"]) {
                    assert!(self.nodes.insert(new), "it was not there");
                }
                for gone in ids(&change.diff["nodes"]["removed"]) {
                    assert!(self.nodes.remove(&gone), "it was there");
                }
            }
            Some(Ok(FlowEvent::Version(Version { version, .. }))) => self.versions.push(*version),
            _ => {}
        }
        next
    }

    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            self.next().await.expect("it goes on").unwrap();
        }
    }

    async fn until_nodes(&mut self, nodes: &[&str]) {
        self.until(|known| known.nodes.iter().eq(nodes)).await;
    }

    /// The code it was closed with.
    async fn closed(mut self) -> u16 {
        loop {
            if let FlowEvent::Closed(closed) = self.next().await.expect("it says why").unwrap() {
                assert!(self.next().await.is_none(), "nothing comes after that");
                return closed.code;
            }
        }
    }
}

/// Ann's sign-in, over a network that can break.
async fn far_away(scene: &Scene) -> (FaultProxy, Api) {
    let proxy = FaultProxy::start(scene.server.url().strip_prefix("http://").unwrap()).await.unwrap();
    let api = Api::new(&format!("http://{}", proxy.address())).unwrap();
    api.use_token(scene.ann.token().unwrap());
    (proxy, api)
}

async fn make_versions(scene: &Scene, count: usize) {
    for made in join_all((0..count).map(|_| scene.ann.create_version(scene.flow, "Kept"))).await {
        made.unwrap();
    }
}

#[tokio::test]
async fn who_follows_a_flow_is_told_who_is_there_and_what_they_do() {
    let scene = scene().await;
    let mut follower = follow(&scene.ann, scene.flow);
    follower.until(|known| known.resets == 1).await;
    let Some(Ok(FlowEvent::Presence(there))) = follower.next().await else { panic!("then who is there") };
    assert!(there.all && there.clients.is_empty());
    let here = live(&scene.ann, scene.flow).await;
    here.show(Some(json!({ "selection": ["first"] }))).unwrap();
    let Some(Ok(FlowEvent::Presence(came))) = follower.next().await else { panic!("somebody came") };
    assert_eq!(came.clients[0].state["selection"], json!(["first"]));
    let changed = scene.ann.edit_graph(scene.flow, &[add("first")], None).await.unwrap();
    let Some(Ok(FlowEvent::Change(change))) = follower.next().await else { panic!("something changed") };
    assert_eq!(change.seq, changed.seq);
    assert!(change.summary.contains("added"), "{}", change.summary);
    let made = scene.ann.create_version_described(scene.flow, "Kept", "As it was").await.unwrap();
    let Some(Ok(FlowEvent::Version(told))) = follower.next().await else { panic!("a version was made") };
    assert_eq!(told, made);
    drop(here);
    let Some(Ok(FlowEvent::Presence(left))) = follower.next().await else { panic!("somebody left") };
    assert_eq!(left.gone, [came.clients[0].client_id]);
}

#[tokio::test]
async fn a_stream_whose_connection_breaks_goes_on_where_it_was() {
    let scene = scene().await;
    let (proxy, api) = far_away(&scene).await;
    let mut follower = follow(&api, scene.flow);
    scene.ann.edit_graph(scene.flow, &[add("a")], None).await.unwrap();
    follower.until_nodes(&["a"]).await;
    for (fault, node) in [(Fault::Cut, "b"), (Fault::Cut, "c")] {
        proxy.set(fault);
        scene.ann.edit_graph(scene.flow, &[add(node)], None).await.unwrap();
        make_versions(&scene, 3).await;
        // It tries meanwhile, in vain, and has told what it had.
        while let Ok(told) = timeout(Duration::from_millis(400), follower.next()).await {
            told.expect("it goes on").unwrap();
        }
        assert!(!follower.nodes.contains(node));
        proxy.set(Fault::None);
        follower.until(|known| known.nodes.contains(node)).await;
    }
    follower.until(|known| known.versions.len() == 6).await;
    follower.until_nodes(&["a", "b", "c"]).await;
    assert_eq!((follower.resets, &*follower.versions), (1, &[1, 2, 3, 4, 5, 6][..]), "only what it lacked");

    // Another one goes on behind the same event.
    let last = follower.events.last_id().unwrap().to_owned();
    scene.ann.edit_graph(scene.flow, &[add("d")], None).await.unwrap();
    let mut other = follow(&api, scene.flow);
    other.events = api.stream_after(scene.flow, Some(last));
    other.nodes.clone_from(&follower.nodes);
    other.until_nodes(&["a", "b", "c", "d"]).await;
    assert_eq!(other.resets, 0);
}

#[tokio::test]
async fn a_stream_survives_its_server() {
    let mut scene = scene().await;
    let mut follower = follow(&scene.ann, scene.flow);
    follower.until(|known| known.resets == 1).await;
    scene.server.stop().await.unwrap();
    scene.server.restart().await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("after")], None).await.unwrap();
    follower.until_nodes(&["after"]).await;
    assert_eq!(follower.resets, 2, "another server knows nothing of what the first had told");
    scene.server.kill().await.unwrap();
    scene.server.restart().await.unwrap();
    follower.until(|known| known.resets == 3).await;
    make_versions(&scene, 1).await;
    follower.until(|known| known.versions == [1]).await;
}

#[tokio::test]
async fn versions_made_at_once_are_all_told_and_in_their_order() {
    let scene = scene().await;
    make_versions(&scene, 2).await;
    let mut follower = follow(&scene.ann, scene.flow);
    follower.until(|known| known.resets == 1).await;
    make_versions(&scene, 20).await;
    follower.until(|known| known.versions.len() == 20).await;
    assert_eq!(follower.versions, (3..=22).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_final_ends_a_stream_and_what_passes_does_not() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "1")]).await;
    let (vic, user) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    let mut removed = follow(&vic, scene.flow);
    removed.until(|known| known.resets == 1).await;
    scene.ann.remove_member(scene.flow, user.id).await.unwrap();
    assert_eq!(removed.closed().await, 4403);
    for (api, status) in [(&vic, 404), (&Api::new(&scene.server.url()).unwrap(), 401)] {
        let mut refused = follow(api, scene.flow);
        let refusal = refused.next().await.expect("it says why");
        assert!(matches!(refusal, Err(ClientError::Refused { status: told, .. }) if told == status));
        assert!(refused.next().await.is_none());
    }

    let mut first = follow(&scene.ann, scene.flow);
    first.until(|known| known.resets == 1).await;
    let mut second = follow(&scene.ann, scene.flow);
    let told = timeout(Duration::from_millis(400), second.events.next()).await;
    assert!(told.is_err(), "there are too many connections, which passes: {told:?}");
    drop(first);
    second.until(|known| known.resets == 1).await;
}
