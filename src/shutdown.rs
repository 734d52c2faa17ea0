use std::time::Duration;

use anyhow::Context;
use flow_room::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn requested() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Whoever asks twice does not want to wait. Nothing acknowledged depends on it.
pub(crate) fn at_once_when_told_again() {
    tokio::spawn(async {
        if requested().await.is_ok() {
            tracing::warn!("told again to stop; stopping at once");
            std::process::exit(1);
        }
    });
}

/// The soft phase: sends everybody away, commits what is in flight, writes last
/// snapshots. Gives up after `within`; nothing acknowledged depends on it.
pub(crate) async fn drain(rooms: Registry, tracker: &TaskTracker, within: Duration) {
    rooms.drain().await;
    // The log writer ends when the last handle to it is gone.
    drop(rooms);
    tracker.close();
    if tokio::time::timeout(within, tracker.wait()).await.is_err() {
        tracing::warn!("rooms were still open at the deadline; what they had acknowledged is stored");
    }
}
