use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::shutdown;
use crate::wiring::{self, Parts};

/// `interflow serve`: until it is told to stop.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let Parts { app, rooms, tracker, stopping, store } = wiring::build(&config).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("could not listen on {}", config.listen))?;
    let address = listener.local_addr().context("could not read the address listened on")?;
    // A peer's edits are small and wait for nobody: Nagle's algorithm would hold
    // them back for up to 40 ms.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
    });
    tracing::info!("listening on http://{address}");
    announce(address);

    let watcher = tokio::spawn(flow_server::watch_store(app.clone()));
    let server = tokio::spawn({
        let stopping = stopping.clone();
        let service = flow_server::router(app);
        async move { axum::serve(listener, service).with_graceful_shutdown(stopping.cancelled_owned()).await }
    });
    shutdown::requested().await?;
    tracing::info!("shutting down");
    stopping.cancel();
    let drain = Duration::from_secs(config.drain_seconds);
    shutdown::drain(rooms, &tracker, drain).await;
    watcher.await.context("the access watcher panicked")?;
    // Requests that are still open have had the whole drain time.
    match tokio::time::timeout(Duration::from_secs(2), server).await {
        Ok(served) => served.context("the server panicked")?.context("the server failed")?,
        Err(_) => tracing::warn!("some requests were still open"),
    }
    store.close().await;
    Ok(())
}

/// The line that scripts and people wait for.
#[expect(clippy::print_stdout, reason = "standard output belongs to the command")]
fn announce(address: std::net::SocketAddr) {
    println!("Interflow is listening on http://{address}");
}
