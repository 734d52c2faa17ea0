use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Ticks at which the next bytes may be read.
const TICK: Duration = Duration::from_millis(50);
const TICKS_A_SECOND: usize = 20;
/// Of the kernel, which otherwise reads ahead far more than a slow reader takes.
const RECEIVE_BYTES: u32 = 4 << 10;

/// A TCP connection that is read slowly, by a kernel that buffers next to nothing.
#[derive(Debug)]
pub struct Throttled {
    io: TcpStream,
    speed: Speed,
    ticks: Interval,
    /// May still be read before the next tick.
    allowed: usize,
}

/// How many bytes a second are read; 0 stops reading. Clones set the same.
#[derive(Debug, Clone)]
pub struct Speed {
    bytes_per_second: Arc<AtomicUsize>,
}

impl Speed {
    #[must_use]
    pub fn new(bytes_per_second: usize) -> Self {
        Self { bytes_per_second: Arc::new(AtomicUsize::new(bytes_per_second)) }
    }

    pub fn set(&self, bytes_per_second: usize) {
        self.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
    }
}

impl Throttled {
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(address: SocketAddr, speed: Speed) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        let io = socket.connect(address).await?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { io, speed, ticks, allowed: 0 })
    }
}

impl AsyncRead for Throttled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.allowed == 0 {
            ready!(self.ticks.poll_tick(cx));
            self.allowed = self.speed.bytes_per_second.load(Ordering::Relaxed) / TICKS_A_SECOND;
        }
        let most = self.allowed.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        self.allowed -= read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Throttled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
