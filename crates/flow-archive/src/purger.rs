use std::sync::Arc;
use std::time::Duration;

use flow_base::{Clock, FlowId, Timestamp};
use flow_store::{Archive, ArchiveError, Origin, Purge, PurgePart, PurgeStore, StoreError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::measures;

/// Purges in memory at a time.
const PURGES: u32 = 500;
/// After each part, so that a large flow leaves the database time for everything else.
const REST: Duration = Duration::from_millis(20);
/// A purge is ended no earlier: a node that was archiving the flow when it began may write
/// an object until then. It refuses to note it, and nobody else knows of it.
const END_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// For removing the objects of one flow. Past it the rest is removed the next time.
const SWEEP_WITHIN: Duration = Duration::from_secs(300);

/// Removes for good what was deleted long ago: from the store, part by part, and then from
/// the archive.
///
/// Objects go after the rows that name them. What is left in between is known to the store,
/// as a purge that has not ended, and objects are found by the flow's folder and not by rows:
/// so a crash leaves nothing for ever, and nobody finds a row whose object is gone.
#[derive(Debug, Clone)]
pub struct Purger {
    store: Arc<dyn PurgeStore>,
    /// `None`: there is none, or not any more.
    archive: Option<Arc<dyn Archive>>,
    clock: Arc<dyn Clock>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    pub flow: FlowId,
    /// Objects in the archive.
    pub objects: u64,
}

/// What going on with purges came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Of which nothing is left anywhere.
    pub purges: u64,
    /// Whose objects stay, because no archive is configured.
    pub without_archive: u64,
}

/// Why a purge did not go on. It goes on the next time.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error("could not look for what to purge")]
    Look(#[source] StoreError),
    #[error("could not purge flow {flow}")]
    Store {
        flow: FlowId,
        #[source]
        source: StoreError,
    },
    #[error("could not purge flow {flow} from the archive")]
    Archive {
        flow: FlowId,
        #[source]
        source: ArchiveError,
    },
}

impl Purger {
    pub fn new(store: Arc<dyn PurgeStore>, archive: Option<Arc<dyn Archive>>, clock: Arc<dyn Clock>) -> Self {
        Self { store, archive, clock }
    }

    /// Purges what was deleted more than `keep_for` ago, now and again every `every`, until
    /// `stopping`. One task of a node; several nodes share the work. A failure is logged, and
    /// what is left is removed the next time.
    pub async fn run(self, keep_for: Duration, every: Duration, stopping: CancellationToken) {
        stopping
            .run_until_cancelled(async {
                loop {
                    self.look(keep_for).await;
                    sleep(every).await;
                }
            })
            .await;
    }

    async fn look(&self, keep_for: Duration) {
        let mut purged = 0_u64;
        loop {
            match self.next(keep_for).await {
                Ok(Some(_)) => purged += 1,
                Ok(None) => break,
                Err(error) => {
                    complain(&error);
                    // The next one would fare no better; any other is begun, and goes on below.
                    if matches!(error, PurgeError::Look(_)) {
                        return;
                    }
                }
            }
        }
        if purged > 0 {
            tracing::info!(flows = purged, "purged");
        }
        match self.go_on(&mut |error| complain(&error)).await {
            Ok(Ended { without_archive: 0, .. }) => {}
            Ok(Ended { without_archive, .. }) => tracing::warn!(
                flows = without_archive,
                "no archive is configured, and flows that are purged have objects in one"
            ),
            Err(error) => complain(&error),
        }
    }

    /// Purges the flow that was deleted first, if that was more than `keep_for` ago.
    ///
    /// # Errors
    /// [`PurgeError::Look`] when none was begun; otherwise one was, and [`Purger::go_on`]
    /// goes on with it.
    pub async fn next(&self, keep_for: Duration) -> Result<Option<Purged>, PurgeError> {
        let now = self.clock.now();
        // A time before all times purges nothing.
        let before = now.checked_sub(keep_for).unwrap_or(Timestamp::MIN);
        let begun = self.store.begin_purge(before, &Origin::operator(now)).await;
        let Some(flow) = begun.map_err(PurgeError::Look)? else { return Ok(None) };
        measures::purged();
        self.empty(flow).await?;
        Ok(Some(Purged { flow, objects: self.sweep(flow).await? }))
    }

    /// Goes on with purges that were begun, and ends those of which nothing is left; hands
    /// over what goes wrong with one of them.
    ///
    /// # Errors
    /// [`PurgeError::Look`].
    pub async fn go_on(&self, failed: &mut (dyn FnMut(PurgeError) + Send)) -> Result<Ended, PurgeError> {
        let (mut ended, mut after) = (Ended::default(), None);
        loop {
            let purges = self.store.purges(after, PURGES).await.map_err(PurgeError::Look)?;
            let Some(last) = purges.last() else { return Ok(ended) };
            after = Some(last.flow);
            for purge in purges {
                match self.go_on_with(purge).await {
                    Ok(true) => ended.purges += 1,
                    Ok(false) => {
                        ended.without_archive += u64::from(purge.has_archive && self.archive.is_none());
                    }
                    Err(error) => failed(error),
                }
            }
        }
    }

    /// Answers whether it is ended.
    async fn go_on_with(&self, purge: Purge) -> Result<bool, PurgeError> {
        let Purge { flow, began_at, has_archive, is_emptied } = purge;
        if !is_emptied {
            self.empty(flow).await?;
        }
        let is_old = began_at + END_AFTER <= self.clock.now();
        if has_archive || is_old {
            self.sweep(flow).await?;
        }
        if !is_old || (has_archive && self.archive.is_none()) {
            return Ok(false);
        }
        self.store.end_purge(flow).await.map_err(|source| PurgeError::Store { flow, source })
    }

    /// Until the database has nothing of the flow, or somebody else is at it.
    async fn empty(&self, flow: FlowId) -> Result<(), PurgeError> {
        loop {
            let part = self.store.purge_part(flow).await;
            match part.map_err(|source| PurgeError::Store { flow, source })? {
                PurgePart::More => sleep(REST).await,
                PurgePart::Emptied | PurgePart::NotOurs => return Ok(()),
            }
        }
    }

    /// Every object of the flow, those that no log ever noted included.
    async fn sweep(&self, flow: FlowId) -> Result<u64, PurgeError> {
        let Some(archive) = &self.archive else { return Ok(0) };
        let late = ArchiveError::Late { key: flow.to_string(), within: SWEEP_WITHIN };
        let swept = timeout(SWEEP_WITHIN, archive.sweep(flow, &|_| false, Timestamp::MAX)).await;
        swept.unwrap_or(Err(late)).map_err(|source| PurgeError::Archive { flow, source })
    }
}

fn complain(error: &PurgeError) {
    measures::purge_failed();
    tracing::warn!(error = error as &dyn std::error::Error, "a purge did not go on");
}
