use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A load balancer on a port of this machine: each connection goes to the next server
/// that takes it. Everything ends when it is dropped.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    seen: Arc<Seen>,
    _accepting: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    next: AtomicUsize,
    accepted: Mutex<Vec<Instant>>,
}

impl Balancer {
    /// Starts it in front of these addresses.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(servers: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("there is no free port")?;
        let address = listener.local_addr()?;
        let seen = Arc::<Seen>::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, servers.into(), Arc::clone(&seen)));
        Ok(Self { address, seen, _accepting: accepting })
    }

    /// Where it listens: `http://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The most connections that came within any `span` since the last call.
    #[must_use]
    pub fn most_accepted_within(&self, span: Duration) -> usize {
        let mut accepted = self.seen.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let times = std::mem::take(&mut *accepted);
        let within = |(at, first): (usize, &Instant)| {
            times[at..].iter().take_while(|time| time.duration_since(*first) < span).count()
        };
        times.iter().enumerate().map(within).max().unwrap_or(0)
    }
}

async fn accept(listener: TcpListener, servers: Arc<[SocketAddr]>, seen: Arc<Seen>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                seen.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                let first = seen.next.fetch_add(1, Ordering::Relaxed);
                open.spawn(carry(client, Arc::clone(&servers), first));
            }
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

/// To the first that takes it; where none does, the client's connection ends.
async fn carry(mut client: TcpStream, servers: Arc<[SocketAddr]>, first: usize) {
    for at in 0..servers.len() {
        if let Ok(mut server) = TcpStream::connect(servers[(first + at) % servers.len()]).await {
            // Without delay on both sides, or the balancer would be what is measured.
            if client.set_nodelay(true).is_ok() && server.set_nodelay(true).is_ok() {
                // How a connection ends is its two ends' business.
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
            return;
        }
    }
}
