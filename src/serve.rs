use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::shutdown;
use crate::wiring::{self, Parts};

/// `interflow serve`: until it is told to stop.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let Parts { app, rooms, tracker, stopping, database } = wiring::build(&config).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("could not listen on {}", config.listen))?;
    let address = listener.local_addr().context("could not read the address listened on")?;
    let listener = listener.tap_io(|socket| {
        if let Err(error) = tune(socket) {
            tracing::debug!(%error, "could not set a socket's options");
        }
    });
    tracing::info!("listening on http://{address}");
    announce(address);

    let closed = CancellationToken::new();
    let watcher = tokio::spawn(flow_server::watch_store(app.clone(), closed.clone()));
    let server = tokio::spawn({
        let stopping = stopping.clone();
        let service = flow_server::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        async move { axum::serve(listener, service).with_graceful_shutdown(stopping.cancelled_owned()).await }
    });
    shutdown::requested().await?;
    tracing::info!("shutting down");
    shutdown::at_once_when_told_again();
    stopping.cancel();
    // Half of the time for the sockets, the other half for what is in flight.
    let drain = Duration::from_secs(config.drain_seconds) / 2;
    flow_server::close_sockets(&app, drain).await;
    closed.cancel();
    drop(app);
    shutdown::drain(rooms, &tracker, drain).await;
    watcher.await.context("the access watcher panicked")?;
    // Requests that are still open have had the whole drain time.
    match tokio::time::timeout(Duration::from_secs(2), server).await {
        Ok(served) => served.context("the server panicked")?.context("the server failed")?,
        Err(_) => tracing::warn!("some requests were still open"),
    }
    // What runs in it has been given up by now.
    drop(tokio::time::timeout(Duration::from_secs(2), database.close()).await);
    Ok(())
}

/// What the kernel may hold of a socket before it is sent. By default that is
/// megabytes: a slow peer's queue would lie where no bound of ours sees it, and
/// minutes would pass before it is seen to take something.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 16 << 10;

fn tune(socket: &TcpStream) -> std::io::Result<()> {
    // A peer's edits are small and wait for nobody: Nagle's algorithm would hold
    // them back for up to 40 ms.
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
}

/// The line that scripts and people wait for.
#[expect(clippy::print_stdout, reason = "standard output belongs to the command")]
fn announce(address: SocketAddr) {
    println!("Interflow is listening on http://{address}");
}
