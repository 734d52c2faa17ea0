use serde_json::json;

use crate::contract::sample::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("getGraph", 200, world => world.flow().await.header("if-none-match", "\"another\"")),
        row!("editGraph", 200, world => {
            let edits = json!([
                { "op": "addNode", "id": "new", "type": "message", "position": { "x": 1, "y": 2 }, "data": {} },
                { "op": "setMeta", "tags": ["edited"] },
            ]);
            world.flow().await.header("if-match", "*").body(json!({ "edits": edits }))
        }),
        row!("putFlow", 200, world => {
            let sample = world.flow().await;
            let flow = sample.path["flow_id"].parse().unwrap();
            let (_, etag) = world.ann.graph(flow).await.unwrap();
            let mut content = world.ann.export_flow(flow).await.unwrap();
            content["name"] = json!("Put");
            sample.header("if-match", etag).body(content)
        }),
        row!("exportFlow", 200, world => world.flow().await),
        row!("validateFlow", 200, world => {
            let sample = world.flow().await;
            let lonely = json!({ "interflow": 1, "name": "Lonely", "nodes": [{ "id": "a", "type": "end" }] });
            world.ann.put_flow(sample.path["flow_id"].parse().unwrap(), &lonely, None).await.unwrap();
            sample
        }),
        row!("getPresence", 200, world => world.flow().await),
        // Of a document with nothing in it.
        row!("getDurability", 200, world => world.flow().await.query("sv", "AA").query("ds", "AA")),
        row!("getGrowth", 200, world => world.flow().await),
    ]
}
