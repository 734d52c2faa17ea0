use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::PollSemaphore;

use super::intake::{Intake, IntakeBudget};

/// The bytes under a WebSocket, as they are read. It notes when something came in,
/// because a WebSocket only tells of whole frames: a large one over a slow line takes
/// longer than a peer may be silent.
///
/// Written to is the socket by its [`SocketPort`](super::port::SocketPort) alone; what
/// the WebSocket would say by itself (answers to pings and closes) is left unsaid here.
#[derive(Debug)]
pub(crate) struct Transport {
    reader: OwnedReadHalf,
    writer: Arc<OwnedWriteHalf>,
    life: Arc<Life>,
    intake: Arc<Intake>,
    waiter: PollSemaphore,
}

/// When the other end last gave a sign of life.
#[derive(Debug)]
pub(crate) struct Life {
    started: Instant,
    /// Milliseconds after the start: something came in, or a write that had been
    /// held up went on. Bytes that the kernel takes at once prove nothing.
    heard: AtomicU64,
    /// Likewise: the write that is held up was, since the socket last took some of it.
    stopped: AtomicU64,
    /// The last write is held up.
    held_up: AtomicBool,
}

impl Transport {
    pub(crate) fn new(socket: TcpStream, budget: &IntakeBudget) -> Self {
        let (reader, writer) = socket.into_split();
        let (life, intake) = (Arc::new(Life::new()), Arc::new(budget.intake()));
        Self { reader, writer: Arc::new(writer), life, intake, waiter: budget.waiter() }
    }

    pub(crate) fn writer(&self) -> Arc<OwnedWriteHalf> {
        Arc::clone(&self.writer)
    }

    pub(crate) fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    pub(crate) fn life(&self) -> Arc<Life> {
        Arc::clone(&self.life)
    }
}

impl Life {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            heard: AtomicU64::new(0),
            stopped: AtomicU64::new(0),
            held_up: AtomicBool::new(false),
        }
    }

    /// Waits until nothing was heard for so long. Cancel safe.
    pub(crate) async fn silent(&self, limit: Duration) {
        loop {
            let due = self.at(&self.heard) + limit;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }

    /// Waits until a write has been held up for so long without any progress.
    /// Cancel safe.
    pub(crate) async fn stuck(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let since = if self.held_up.load(Ordering::Acquire) { self.at(&self.stopped) } else { now };
            if since + limit <= now {
                return;
            }
            sleep_until(since + limit).await;
        }
    }

    fn at(&self, moment: &AtomicU64) -> Instant {
        self.started + Duration::from_millis(moment.load(Ordering::Relaxed))
    }

    fn note(&self, moment: &AtomicU64) {
        let elapsed = self.started.elapsed().as_millis();
        moment.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The socket took some of what was written. Of almost all writes this is all, and they
    /// are what an edit costs most of: no clock is read for them.
    pub(super) fn took(&self) {
        if self.held_up.load(Ordering::Relaxed) {
            self.held_up.store(false, Ordering::Relaxed);
            self.note(&self.heard);
        }
    }

    /// It takes no more for now.
    pub(super) fn held_up(&self) {
        if !self.held_up.load(Ordering::Relaxed) {
            self.note(&self.stopped);
            // After the moment, which whoever sees this goes by.
            self.held_up.store(true, Ordering::Release);
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let allowed = ready!(this.intake.poll_allowed(&mut this.waiter, cx)).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
        ready!(Pin::new(&mut this.reader).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        if read > 0 {
            this.life.note(&this.life.heard);
            this.intake.received(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const SOON: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_silent_and_a_part_of_a_frame_is_something() {
        let life = Life::new();
        sleep(LIMIT - SOON).await;
        life.note(&life.heard);
        assert!(timeout(LIMIT - SOON, life.silent(LIMIT)).await.is_err(), "it said something");
        assert!(timeout(SOON * 2, life.silent(LIMIT)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_taken_bit_by_bit_is_not_stuck_and_shows_life() {
        let life = Life::new();
        life.held_up();
        let taking = async {
            for _ in 0..10 {
                sleep(LIMIT - SOON).await;
                life.took();
                life.held_up();
            }
            life.took();
        };
        tokio::select! {
            () = taking => {}
            () = life.stuck(LIMIT) => panic!("it makes progress"),
            () = life.silent(LIMIT) => panic!("whoever takes something lives"),
        }
        // Nothing waits any more: quiet is not stuck.
        assert!(timeout(LIMIT * 5, life.stuck(LIMIT)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_of_which_nothing_is_taken_is_stuck() {
        let (life, started) = (Life::new(), Instant::now());
        life.held_up();
        life.stuck(LIMIT).await;
        assert!(started.elapsed() <= LIMIT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_the_kernel_takes_prove_nothing() {
        let life = Life::new();
        for _ in 0..4 {
            sleep(LIMIT / 4).await;
            life.took();
        }
        assert!(timeout(SOON, life.silent(LIMIT)).await.is_ok());
    }
}
