use flow_base::Role;
use serde_json::json;

use crate::contract::sample::{Row, row};
use crate::contract::world::BEN;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("listFlows", 200, world => {
            world.new_flow().await;
            world.ann().query("limit", 1).query("search", "qu").query("status", "draft")
        }),
        row!("createFlow", 201, world => {
            let flow = json!({ "interflow": 1, "nodes": [{ "id": "a", "type": "start" }], "layout": { "a": { "x": 0, "y": 1.5 } } });
            world.ann().body(json!({ "name": "Made", "description": "By a program", "flow": flow }))
        }),
        row!("importFlow", 201, world => {
            let data = json!([{ "id": "a", "type": "unheard-of", "wires": [] }]);
            world.ann().body(json!({ "format": "node-red", "data": data, "name": "Imported" }))
        }),
        row!("listDeletedFlows", 200, world => {
            world.ann.delete_flow(world.new_flow().await).await.unwrap();
            world.ann()
        }),
        row!("getFlow", 200, world => world.flow().await),
        row!("streamFlow", 200, world => world.flow().await),
        row!("changeFlow", 200, world => {
            // Beside these a key would need `manage` for whether it runs, and for its slug.
            world.flow().await.body(json!({ "name": "Renamed", "description": "", "tags": ["a"] }))
        }),
        row!("deleteFlow", 204, world => world.flow().await),
        row!("restoreFlow", 204, world => {
            let flow = world.new_flow().await;
            world.ann.delete_flow(flow).await.unwrap();
            world.ann().at("flow_id", flow)
        }),
        row!("duplicateFlow", 201, world => world.flow().await.body(json!({ "name": "Copy" }))),
        row!("listMembers", 200, world => world.flow().await),
        row!("putMember", 200, world => world.flow().await.body(json!({ "email": BEN, "role": "viewer" }))),
        row!("removeMember", 204, world => {
            let sample = world.flow().await;
            let (_, user, email) = world.person().await;
            world.ann.put_member(sample.path["flow_id"].parse().unwrap(), &email, Role::Editor).await.unwrap();
            sample.at("user_id", user)
        }),
        row!("listSamples", 200, _world => crate::contract::sample::Sample::default()),
    ]
}
