use std::time::Duration;

use flow_protocol::CloseCode;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;

/// Time between two waves.
const WAVE_EVERY: Duration = Duration::from_millis(100);
/// Fewer at a time are not worth waiting for.
const WAVE_LEAST: usize = 2;

/// Sends every socket of this node away with 1012, in waves over the time given: clients
/// come back as soon as they are closed, and all of them at once would overrun the nodes
/// that stay. Those who are in one flow go together, so that few nodes have to open it.
/// Whoever is not sent away yet goes on editing.
pub async fn close_sockets(app: &App, over: Duration) {
    let mut sockets = app.sockets().all();
    sockets.sort_by_key(|(conn, socket)| (socket.flow, *conn));
    let waves = usize::try_from(over.as_millis() / WAVE_EVERY.as_millis()).unwrap_or(usize::MAX).max(1);
    let wave = sockets.len().div_ceil(waves).max(WAVE_LEAST);
    let mut ticks = interval(WAVE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for sockets in sockets.chunks(wave) {
        ticks.tick().await;
        for (_, socket) in sockets {
            socket.outbox.close(CloseCode::Restarting);
        }
    }
}
