use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::PollSemaphore;

/// Memory of this node for large messages that are being received or wait to be
/// taken: anybody may declare a large message and send a part of it on every socket.
#[derive(Debug, Clone)]
pub(crate) struct IntakeBudget {
    units: Arc<Semaphore>,
}

/// What one socket has received of a message that is not yet taken.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Bytes of it, as far as they are covered.
    unfinished: AtomicUsize,
    held: Mutex<Option<OwnedSemaphorePermit>>,
    opened: Instant,
    /// Milliseconds after that, when it began to hold something; 0 while it does not.
    since: AtomicU64,
}

/// So much of every message is free: most are smaller, and never wait here.
pub(crate) const FREE_BYTES: usize = 64 << 10;
/// Then it is covered in steps of this, so that a length that is only declared
/// takes nothing.
const STEP_BYTES: usize = 64 << 10;
/// Of a client's control frame: two bytes and its mask. RFC 6455, section 5.2.
const CONTROL_HEADER_BYTES: usize = 6;
/// A permit stands for so many bytes.
const UNIT_BYTES: usize = 1 << 10;

impl IntakeBudget {
    /// Of so many bytes, and never less than one message takes: it would wait for itself.
    pub(crate) fn new(bytes: usize, message_bytes_max: usize) -> Self {
        let units = bytes.max(message_bytes_max.saturating_add(STEP_BYTES)) / UNIT_BYTES;
        Self { units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))) }
    }

    pub(crate) fn intake(&self) -> Intake {
        Intake {
            unfinished: AtomicUsize::new(0),
            held: Mutex::default(),
            opened: Instant::now(),
            since: AtomicU64::new(0),
        }
    }

    pub(crate) fn waiter(&self) -> PollSemaphore {
        PollSemaphore::new(Arc::clone(&self.units))
    }
}

impl Intake {
    /// How many bytes may be read now; waits while the budget is used up.
    pub(crate) fn poll_allowed(&self, waiter: &mut PollSemaphore, cx: &mut Context<'_>) -> Poll<usize> {
        let unfinished = self.unfinished.load(Ordering::Relaxed);
        let covered = FREE_BYTES + self.held_bytes();
        if unfinished < covered {
            return Poll::Ready(covered - unfinished);
        }
        let units = u32::try_from(STEP_BYTES / UNIT_BYTES).expect("a step is small");
        let more = ready!(waiter.poll_acquire_many(cx, units)).expect("the budget is never closed");
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.merge(more),
            None => {
                let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.since.store(elapsed.max(1), Ordering::Relaxed);
                *held = Some(more);
            }
        }
        Poll::Ready(STEP_BYTES)
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.unfinished.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A control frame came, alone or between the frames of a message. It is no part of
    /// one: a peer that sends nothing but the answers to pings must not fill this up.
    pub(crate) fn received_control(&self, payload_bytes: usize) {
        let bytes = payload_bytes + CONTROL_HEADER_BYTES;
        let unfinished = self.unfinished.load(Ordering::Relaxed);
        self.unfinished.store(unfinished.saturating_sub(bytes), Ordering::Relaxed);
    }

    /// The message is taken: what it held is given back.
    pub(crate) fn taken(&self) {
        self.unfinished.store(0, Ordering::Relaxed);
        self.since.store(0, Ordering::Relaxed);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits until one message has held something for so long. Cancel safe.
    pub(crate) async fn overdue(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let since = match self.since.load(Ordering::Relaxed) {
                0 => now,
                since => self.opened + Duration::from_millis(since),
            };
            if since + limit <= now {
                return;
            }
            sleep_until(since + limit).await;
        }
    }

    fn held_bytes(&self) -> usize {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map_or(0, |held| held.num_permits() * UNIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::time::timeout;

    use super::*;

    /// Reads as much as it may, up to so many bytes.
    async fn read(intake: &Intake, waiter: &mut PollSemaphore, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let allowed = poll_fn(|cx| intake.poll_allowed(waiter, cx)).await.min(left);
            intake.received(allowed);
            left -= allowed;
        }
    }

    #[test]
    fn large_messages_share_the_budget_and_small_ones_need_none() {
        let budget = IntakeBudget::new(4 * STEP_BYTES, 0);
        let (one, other) = (budget.intake(), budget.intake());
        let (mut first, mut second) = (budget.waiter(), budget.waiter());
        let large = FREE_BYTES + 3 * STEP_BYTES;
        assert!(read(&one, &mut first, large).now_or_never().is_some());
        assert!(read(&other, &mut second, large).now_or_never().is_none(), "it waits for the first");
        let third = budget.intake();
        assert!(read(&third, &mut budget.waiter(), FREE_BYTES).now_or_never().is_some());
        one.taken();
        assert!(read(&other, &mut second, 2 * STEP_BYTES).now_or_never().is_some());
        drop((one, other));
        assert_eq!(budget.units.available_permits() * UNIT_BYTES, 4 * STEP_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_message_that_is_never_finished_is_overdue_and_a_small_one_is_not() {
        const LIMIT: Duration = Duration::from_secs(300);
        let budget = IntakeBudget::new(4 * STEP_BYTES, 0);
        let intake = budget.intake();
        read(&intake, &mut budget.waiter(), FREE_BYTES).await;
        assert!(timeout(LIMIT * 3, intake.overdue(LIMIT)).await.is_err());
        read(&intake, &mut budget.waiter(), 1).await;
        assert!(timeout(LIMIT * 2, intake.overdue(LIMIT)).await.is_ok());
    }

    #[test]
    fn answers_to_pings_hold_nothing_however_many_they_are() {
        let budget = IntakeBudget::new(4 * STEP_BYTES, 0);
        let (intake, mut waiter) = (budget.intake(), budget.waiter());
        for _ in 0..100_000 {
            read(&intake, &mut waiter, 4 + CONTROL_HEADER_BYTES).now_or_never().expect("it is free");
            intake.received_control(4);
        }
        assert_eq!(intake.held_bytes(), 0);
    }

    #[test]
    fn the_largest_message_fits_whatever_is_configured() {
        let budget = IntakeBudget::new(0, 10 * STEP_BYTES);
        let intake = budget.intake();
        assert!(read(&intake, &mut budget.waiter(), 10 * STEP_BYTES).now_or_never().is_some());
    }
}
