use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::PollSemaphore;

use super::intake::{Intake, IntakeBudget};

/// The bytes under a WebSocket. It notes when something got across, because a
/// WebSocket only tells of whole frames: a large one over a slow line takes longer
/// than a peer may be silent.
#[derive(Debug)]
pub(crate) struct Transport<T> {
    io: T,
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
    /// Likewise: bytes were taken, or began to be held up.
    moved: AtomicU64,
    /// The last write is held up.
    held_up: AtomicBool,
}

impl<T> Transport<T> {
    pub(crate) fn new(io: T, budget: &IntakeBudget) -> Self {
        let life = Life {
            started: Instant::now(),
            heard: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            held_up: AtomicBool::new(false),
        };
        Self { io, life: Arc::new(life), intake: Arc::new(budget.intake()), waiter: budget.waiter() }
    }

    pub(crate) fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    pub(crate) fn life(&self) -> Arc<Life> {
        Arc::clone(&self.life)
    }
}

impl Life {
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
            let since = if self.held_up.load(Ordering::Relaxed) { self.at(&self.moved) } else { now };
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

    fn written(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(Ok(0) | Err(_)) => {}
            Poll::Ready(Ok(_)) => {
                self.note(&self.moved);
                if self.held_up.swap(false, Ordering::Relaxed) {
                    self.note(&self.heard);
                }
            }
            Poll::Pending => {
                if !self.held_up.swap(true, Ordering::Relaxed) {
                    self.note(&self.moved);
                }
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Transport<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let allowed = ready!(this.intake.poll_allowed(&mut this.waiter, cx)).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
        ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        if read > 0 {
            this.life.note(&this.life.heard);
            this.intake.received(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.life.written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const SOON: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_silent_and_a_part_of_a_frame_is_something() {
        let (here, mut there) = duplex(1_024);
        let mut here = Transport::new(here, &IntakeBudget::new(0, 0));
        let life = here.life();
        sleep(LIMIT - SOON).await;
        there.write_all(b"x").await.unwrap();
        here.read_u8().await.unwrap();
        assert!(timeout(LIMIT - SOON, life.silent(LIMIT)).await.is_err(), "it said something");
        assert!(timeout(SOON * 2, life.silent(LIMIT)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_taken_bit_by_bit_is_not_stuck_and_shows_life() {
        let (here, mut there) = duplex(10);
        let mut here = Transport::new(here, &IntakeBudget::new(0, 0));
        let life = here.life();
        let writing = async { here.write_all(&[0; 100]).await };
        let reading = async {
            for _ in 0..10 {
                sleep(LIMIT - SOON).await;
                there.read_exact(&mut [0; 10]).await.unwrap();
            }
        };
        tokio::select! {
            (written, ()) = async { tokio::join!(writing, reading) } => written.unwrap(),
            () = life.stuck(LIMIT) => panic!("it makes progress"),
            () = life.silent(LIMIT) => panic!("whoever takes something lives"),
        }
        // Nothing waits any more: quiet is not stuck.
        assert!(timeout(LIMIT * 5, life.stuck(LIMIT)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_of_which_nothing_is_taken_is_stuck() {
        let (here, _there) = duplex(10);
        let mut here = Transport::new(here, &IntakeBudget::new(0, 0));
        let life = here.life();
        let writing = async { here.write_all(&[0; 100]).await };
        let started = Instant::now();
        tokio::select! {
            _ = writing => panic!("nobody reads"),
            () = life.stuck(LIMIT) => assert!(started.elapsed() <= LIMIT * 2),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_the_kernel_takes_prove_nothing() {
        let (here, _there) = duplex(1_024);
        let mut here = Transport::new(here, &IntakeBudget::new(0, 0));
        let life = here.life();
        for _ in 0..4 {
            sleep(LIMIT / 4).await;
            here.write_all(b"ping").await.unwrap();
        }
        assert!(timeout(SOON, life.silent(LIMIT)).await.is_ok());
    }
}
