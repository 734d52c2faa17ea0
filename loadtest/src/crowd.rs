//! The peers of a scenario: their connections, and the tasks that listen on them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::{Clock, nanos};
use crate::wire::{Address, Link, Opened, Receiver, open, put_frame, receive};

#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) clock: Clock,
    pub(crate) links: Vec<Arc<Link>>,
    tasks: JoinSet<anyhow::Result<()>>,
}

/// How long a crowd may take for what it should do at once. An overloaded server takes
/// its time; one that is stuck is told from it by this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Step 1 of somebody who has nothing yet.
pub(crate) const STEP_1: &[u8] = &[0, 0, 1, 0];

impl Crowd {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, links: Vec::new(), tasks: JoinSet::new() }
    }

    /// Opens a connection and sends step 1; what comes back is the receiver's.
    pub(crate) async fn join(
        &mut self,
        address: &Address,
        receiver: impl Receiver + 'static,
    ) -> anyhow::Result<()> {
        let opened = open(address).await?;
        self.enter(opened, STEP_1, receiver)
    }

    pub(crate) fn enter(
        &mut self,
        opened: Opened,
        step_1: &[u8],
        mut receiver: impl Receiver + 'static,
    ) -> anyhow::Result<()> {
        let Opened { stream, received } = opened;
        let link = Arc::new(Link::new(stream));
        let mut frame = Vec::new();
        put_frame(&mut frame, step_1);
        link.send(&frame).context("a connection broke")?;
        let (at, clock) = (self.links.len(), self.clock);
        self.links.push(Arc::clone(&link));
        self.tasks.spawn(async move {
            receive(&link, received, clock, &mut receiver).await.with_context(|| format!("peer {at}"))
        });
        Ok(())
    }

    /// When who comes, on the generator's clock, at so many a second.
    pub(crate) fn due(&self, start: u64, per_second: f64) -> impl Fn(usize) -> u64 + use<> {
        move |at| {
            #[expect(clippy::cast_precision_loss, reason = "there are not so many people")]
            let after = Duration::from_secs_f64(at as f64 / per_second);
            start + nanos(after)
        }
    }

    /// Everybody joins, so many a second.
    pub(crate) async fn join_all<R: Receiver + 'static>(
        &mut self,
        addresses: Vec<Address>,
        per_second: f64,
        receiver: impl FnMut(usize) -> R,
    ) -> anyhow::Result<()> {
        let due = self.due(self.clock.now(), per_second);
        self.join_at(addresses, due, STEP_1, receiver).await
    }

    /// Everybody joins when due, whether or not those before are there yet.
    pub(crate) async fn join_at<R: Receiver + 'static>(
        &mut self,
        addresses: Vec<Address>,
        due: impl Fn(usize) -> u64,
        step_1: &[u8],
        mut receiver: impl FnMut(usize) -> R,
    ) -> anyhow::Result<()> {
        let mut opening = JoinSet::new();
        let count = addresses.len();
        for (at, address) in addresses.into_iter().enumerate() {
            let instant = Instant::from_std(self.clock.instant(due(at)));
            opening.spawn(async move {
                sleep_until(instant).await;
                open(&address).await.map(|opened| (at, opened))
            });
        }
        for _ in 0..count {
            let (at, opened) =
                self.during(async { opening.join_next().await.context("nobody is on the way")?? }).await?;
            self.enter(opened, step_1, receiver(at))?;
        }
        Ok(())
    }

    /// Runs something else beside the peers. The first of them that fails ends it.
    pub(crate) async fn during<T>(
        &mut self,
        run: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::pin!(run);
        loop {
            tokio::select! {
                done = &mut run => return done,
                Some(ended) = self.tasks.join_next() => ended.context("a peer panicked")??,
            }
        }
    }

    /// Waits for a condition, with patience.
    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        self.during(async move {
            while !done() {
                ensure!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        })
        .await
    }
}
