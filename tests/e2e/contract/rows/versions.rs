use serde_json::json;

use crate::contract::sample::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("activateFlow", 200, world => world.flow().await.body(json!({ "name": "Live" }))),
        row!("deactivateFlow", 204, world => world.flow().await),
        row!("listVersions", 200, world => world.version().await.query("limit", 1)),
        row!("createVersion", 201, world => {
            world.flow().await.body(json!({ "name": "Two", "description": "Before the change" }))
        }),
        row!("getVersion", 200, world => world.version().await),
        row!("diffVersion", 200, world => {
            let sample = world.version().await;
            let other = json!({
                "interflow": 1, "name": "Other", "nodes": [{ "id": "a", "type": "end" }],
                "layout": { "a": { "x": 0, "y": 0 } }, "variables": { "v": { "type": "text" } }, "settings": { "s": 1 },
            });
            world.ann.put_flow(sample.path["flow_id"].parse().unwrap(), &other, None).await.unwrap();
            sample.query("against", "current")
        }),
        row!("restoreVersion", 200, world => world.version().await.header("if-match", "*")),
        row!("listHistory", 200, world => world.flow().await.query("from", 0).query("limit", 5)),
        row!("getMoment", 200, world => world.flow().await.at("seq", 1)),
    ]
}
