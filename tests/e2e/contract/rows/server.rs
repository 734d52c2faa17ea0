use crate::contract::sample::{Row, Sample, row};
use crate::contract::world::METRICS_TOKEN;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("getHealth", 200, world => world.ann()),
        row!("getLiveness", 200, _world => Sample::default()),
        row!("getReadiness", 200, _world => Sample::default()),
        row!("getMetrics", 200, _world => Sample::default().by(METRICS_TOKEN)),
        row!("getOpenApi", 200, _world => Sample::default()),
        row!("getFlowSchema", 200, _world => Sample::default()),
        row!("getDocs", 303, _world => Sample::default()),
        row!("getDocsFile", 200, _world => Sample::default().at("file", "index.html")),
        row!("joinFlow", 101, world => {
            let sample = world.flow().await.header("connection", "upgrade").header("upgrade", "websocket");
            sample.header("sec-websocket-version", 13).header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        }),
    ]
}
