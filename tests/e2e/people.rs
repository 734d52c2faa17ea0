use std::sync::Arc;

use flow_base::FlowId;
use flow_client::{Api, NewFlow, Peer, PeerOptions, PeerState};
use flow_model::{Edit, FlowGraph};
use flow_testing::{TestServer, eventually};
use serde_json::json;

use crate::PROGRAM;

/// A server with Ann, who owns a flow.
pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) ann: Api,
    pub(crate) flow: FlowId,
}

pub(crate) async fn scene() -> Scene {
    scene_with(&[]).await
}

pub(crate) async fn scene_with(environment: &[(&str, &str)]) -> Scene {
    let server = TestServer::start_with(PROGRAM, environment).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let flow =
        ann.create_flow(&NewFlow { name: Some("Greeter".into()), ..NewFlow::default() }).await.unwrap().id;
    Scene { server, ann, flow }
}

pub(crate) fn peer(api: &Api, flow: FlowId) -> Peer {
    Peer::open(api, PeerOptions::new(flow)).unwrap()
}

/// A peer that is in step and has everything stored.
pub(crate) async fn live(api: &Api, flow: FlowId) -> Peer {
    let peer = peer(api, flow);
    until(&peer, "live and saved", PeerState::is_saved).await;
    peer
}

pub(crate) async fn until(peer: &Peer, what: &str, done: impl Fn(&PeerState) -> bool) -> PeerState {
    let state = peer.state();
    eventually(what, async || state.borrow().clone(), done).await
}

pub(crate) async fn until_graph(
    peer: &Peer,
    what: &str,
    done: impl Fn(&FlowGraph) -> bool,
) -> Arc<FlowGraph> {
    let graph = peer.graph();
    eventually(what, async || Arc::clone(&graph.borrow()), |graph| done(graph)).await
}

pub(crate) fn add(id: &str) -> Edit {
    serde_json::from_value(
        json!({ "op": "addNode", "id": id, "type": "message", "position": { "x": 0, "y": 0 } }),
    )
    .unwrap()
}

/// Makes one edit that fits.
pub(crate) async fn make(peer: &Peer, edit: Edit) {
    peer.edit(vec![edit]).await.unwrap().unwrap();
}
