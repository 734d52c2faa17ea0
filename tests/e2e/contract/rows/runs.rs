use serde_json::json;

use crate::contract::sample::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("startRun", 201, world => {
            let sample = world.flow().await;
            world.ann.activate(sample.path["flow_id"].parse().unwrap()).await.unwrap();
            sample.body(json!({ "preview": false, "variables": { "score": 1 } }))
        }),
        row!("listRuns", 200, world => {
            let sample = world.run().await;
            sample.query("limit", 1).query("status", "waiting").query("kind", "published")
        }),
        row!("getRun", 200, world => world.run().await),
        row!("getRunJournal", 200, world => world.run().await.query("after", 0)),
        row!("getRunStep", 200, world => world.run().await.at("visit", 1)),
        row!("replayRun", 201, world => {
            let step = json!({ "visit": 1, "calls": "made", "variables": { "score": 2 }, "mocks": { "x": { "output": 1 } } });
            world.run().await.body(step)
        }),
        row!("answerRun", 200, world => {
            world.run().await.body(json!({ "answer": { "text": "The Danube" }, "idempotencyKey": "one" }))
        }),
        row!("sendRunFile", 201, world => {
            world.run_for_files().await.query("name", "a.txt").content("text")
        }),
        row!("getRunFile", 200, world => {
            let sample = world.run_for_files().await;
            let file = world.ann.send_run_file(sample.path["run_id"].parse().unwrap(), "a.txt", "text").await;
            sample.at("file_id", file.unwrap().id)
        }),
        row!("streamRun", 200, world => world.run().await),
        row!("cancelRun", 204, world => world.run().await),
        row!("getRunAsTest", 200, world => {
            let sample = world.run().await;
            world.ann.cancel_run(sample.path["run_id"].parse().unwrap()).await.unwrap();
            sample
        }),
        row!("runTests", 200, world => {
            world.version().await.body(json!({ "version": 1, "tests": ["all-right", "start-over"] }))
        }),
        row!("listTestResults", 200, world => {
            let sample = world.tested().await;
            sample.query("version", 1).query("limit", 1)
        }),
        row!("getTestResult", 200, world => world.tested().await),
        row!("chat", 101, world => {
            let sample = world.flow().await.header("connection", "upgrade").header("upgrade", "websocket");
            sample.header("sec-websocket-version", 13).header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        }),
    ]
}
