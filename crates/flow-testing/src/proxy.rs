use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// A TCP proxy on a port of this machine that can be made to fail like a network.
/// Everything ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    _accepting: JoinSet<()>,
}

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing wrong.
    None,
    /// Everything takes so much longer, in each direction.
    Delay(Duration),
    /// All connections are closed, and new ones as soon as they are made.
    Cut,
    /// Connections stay open and new ones can be made, but nothing arrives. Afterwards
    /// everything does, as TCP would send it again.
    Blackhole,
}

/// Read at once.
const CHUNK_BYTES: usize = 16 << 10;
/// What may be on its way in one direction; more waits to be read, as in a real network.
const CHUNKS: usize = 64;

impl FaultProxy {
    /// Starts it in front of an address such as `127.0.0.1:5432`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(target: impl Into<String>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("there is no free port")?;
        let address = listener.local_addr()?;
        let (fault, seen) = watch::channel(Fault::None);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target.into(), seen));
        Ok(Self { address, fault, _accepting: accepting })
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn accept(listener: TcpListener, target: String, fault: watch::Receiver<Fault>) {
    let mut connections = JoinSet::new();
    // An error is of the one connection that could not be accepted.
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        connections.spawn(connect(client, target.clone(), fault.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Ends with the connection, whatever the reason; both sides see it closed.
async fn connect(client: TcpStream, target: String, mut fault: watch::Receiver<Fault>) {
    if until_it_passes(&mut fault).await.is_none() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut directions = JoinSet::new();
    directions.spawn(carry(from_client, to_server, fault.clone()));
    directions.spawn(carry(from_server, to_client, fault.clone()));
    tokio::select! {
        // Each direction may end by itself: half a connection can stay open.
        () = async { while directions.join_next().await.is_some() {} } => {}
        _ = fault.wait_for(|fault| *fault == Fault::Cut) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: watch::Receiver<Fault>) {
    let (sender, mut on_its_way) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS);
    let mut here = fault.clone();
    let read = async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let Some(delay) = until_it_passes(&mut here).await else { return };
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let mut there = fault;
    let write = async move {
        while let Some((due, chunk)) = on_its_way.recv().await {
            sleep_until(due).await;
            if until_it_passes(&mut there).await.is_none() || to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}

/// Waits while nothing passes; answers what passing costs, or nothing if it is cut.
async fn until_it_passes(fault: &mut watch::Receiver<Fault>) -> Option<Duration> {
    match *fault.wait_for(|fault| *fault != Fault::Blackhole).await.ok()? {
        Fault::None => Some(Duration::ZERO),
        Fault::Delay(delay) => Some(delay),
        Fault::Cut | Fault::Blackhole => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// Answers what it is told, until the other side has nothing more to say.
    async fn echo() -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut peers = JoinSet::new();
            loop {
                let (mut peer, _) = listener.accept().await.unwrap();
                peers.spawn(async move {
                    let (mut from, mut to) = peer.split();
                    tokio::io::copy(&mut from, &mut to).await.unwrap_or_default();
                });
            }
        });
        (address, serving)
    }

    async fn proxy() -> (FaultProxy, JoinSet<()>) {
        let (address, serving) = echo().await;
        (FaultProxy::start(address.to_string()).await.unwrap(), serving)
    }

    async fn says(peer: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
        peer.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        peer.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn what_passes_arrives_in_order_and_the_end_does_too() {
        let (proxy, _serving) = proxy().await;
        let mut peer = TcpStream::connect(proxy.address()).await.unwrap();
        let long: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let (mut from, mut to) = peer.split();
        let write = async {
            to.write_all(&long).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (read, ()) = tokio::join!(from.read_to_end(&mut heard), write);
        assert_eq!((read.unwrap(), heard == long), (long.len(), true));
    }

    #[tokio::test]
    async fn a_cut_closes_what_there_is_and_what_comes() {
        let (proxy, _serving) = proxy().await;
        let mut peer = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut peer, b"a").await.unwrap(), b"a");
        proxy.set(Fault::Cut);
        assert!(says(&mut peer, b"b").await.is_err());
        let mut late = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(says(&mut late, b"c").await.is_err());
        proxy.set(Fault::None);
        let mut again = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut again, b"d").await.unwrap(), b"d");
    }

    #[tokio::test]
    async fn a_blackhole_says_nothing_and_gives_everything_back() {
        let (proxy, _serving) = proxy().await;
        let mut peer = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut peer, b"a").await.unwrap(), b"a");
        proxy.set(Fault::Blackhole);
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        peer.write_all(b"b").await.unwrap();
        new.write_all(b"c").await.unwrap();
        let mut byte = [0];
        let silence = Duration::from_millis(100);
        assert!(timeout(silence, peer.read_exact(&mut byte)).await.is_err());
        assert!(timeout(silence, new.read_exact(&mut byte)).await.is_err());
        proxy.set(Fault::None);
        peer.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"b");
        new.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"c");
    }

    #[tokio::test]
    async fn a_delay_is_each_way_and_does_not_add_up() {
        let (proxy, _serving) = proxy().await;
        let mut peer = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.set(Fault::Delay(Duration::from_millis(100)));
        let started = Instant::now();
        for part in [b"a", b"b", b"c", b"d", b"e"] {
            peer.write_all(part).await.unwrap();
            peer.flush().await.unwrap();
        }
        let mut answer = [0; 5];
        peer.read_exact(&mut answer).await.unwrap();
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(200), "{took:?}");
        assert!(took < Duration::from_millis(900), "{took:?}");
    }
}
