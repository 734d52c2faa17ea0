use std::sync::Arc;
use std::time::Duration;

use flow_base::{Clock, FlowId, Timestamp};
use flow_store::{Archive, ArchiveError, SegmentStore, StoreError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::measures;

/// Between two looks at all flows. A log that grows by a segment in less time than this
/// is archived a little later.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Flow ids in memory at a time.
const FLOWS: u32 = 500;
/// After each segment, so that archiving a large database for the first time leaves it time
/// for everything else.
const REST: Duration = Duration::from_millis(50);
/// For writing one segment and reading it back.
const WRITE_WITHIN: Duration = Duration::from_secs(120);

/// Moves what is old from a store to an archive.
#[derive(Debug, Clone)]
pub struct Archiver {
    store: Arc<dyn SegmentStore>,
    archive: Arc<dyn Archive>,
    clock: Arc<dyn Clock>,
    /// What is younger stays in the database.
    keep_for: Duration,
}

/// What went to the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    pub segments: u64,
    pub updates: u64,
    /// Of the objects.
    pub bytes: u64,
}

/// Why a flow was not archived as far as it could have been. Nothing is lost by that.
#[derive(Debug, thiserror::Error)]
pub enum ArchiverError {
    #[error("could not archive flow {flow}")]
    Store {
        flow: FlowId,
        #[source]
        source: StoreError,
    },
    #[error("could not archive flow {flow}")]
    Archive {
        flow: FlowId,
        #[source]
        source: ArchiveError,
    },
}

impl Archiver {
    pub fn new(
        store: Arc<dyn SegmentStore>,
        archive: Arc<dyn Archive>,
        clock: Arc<dyn Clock>,
        keep_for: Duration,
    ) -> Self {
        Self { store, archive, clock, keep_for }
    }

    /// Archives whatever is due, now and again every ten minutes, until `stopping`. One task
    /// of a node; several nodes do not disturb each other. A failure is logged and tried
    /// again the next time: what was not archived is in the database.
    pub async fn run(self, stopping: CancellationToken) {
        stopping
            .run_until_cancelled(async {
                loop {
                    self.look().await;
                    sleep(LOOK_EVERY).await;
                }
            })
            .await;
    }

    /// Once through all flows, until the archive cannot be reached.
    async fn look(&self) {
        let mut after = None;
        loop {
            let flows = match self.store.flows_to_archive(after, FLOWS).await {
                Ok(flows) => flows,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not list what to archive"
                    );
                    return;
                }
            };
            let Some(&last) = flows.last() else { return };
            after = Some(last);
            for flow in flows {
                match self.archive_flow(flow).await {
                    Ok(Moved { segments: 0, .. }) => {}
                    Ok(Moved { segments, updates, bytes }) => {
                        tracing::info!(%flow, segments, updates, bytes, "archived");
                    }
                    Err(error) => {
                        measures::failed();
                        tracing::warn!(%flow, error = &error as &dyn std::error::Error, "could not archive");
                        if matches!(error, ArchiverError::Archive { .. }) {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Archives what is due of one flow.
    ///
    /// # Errors
    /// [`ArchiverError`]; segments before it may have been archived.
    pub async fn archive_flow(&self, flow: FlowId) -> Result<Moved, ArchiverError> {
        let of_store = |source| ArchiverError::Store { flow, source };
        let mut all = Moved::default();
        loop {
            let now = self.clock.now();
            // A time before all times keeps everything.
            let before = now.checked_sub(self.keep_for).unwrap_or(Timestamp::MIN);
            let due = self.store.next_segment(flow, before).await.map_err(of_store)?;
            let Some(updates) = due else { return Ok(all) };
            let put = timeout(WRITE_WITHIN, self.archive.put(flow, &updates, now)).await;
            let late = ArchiveError::Late { key: flow.to_string(), within: WRITE_WITHIN };
            let segment =
                put.unwrap_or(Err(late)).map_err(|source| ArchiverError::Archive { flow, source })?;
            if !self.store.archive(flow, &segment, &updates).await.map_err(of_store)? {
                // Another node is at it, or the log was mended.
                return Ok(all);
            }
            let moved = Moved { segments: 1, updates: updates.len() as u64, bytes: segment.bytes };
            measures::moved(moved);
            all.segments += 1;
            all.updates += moved.updates;
            all.bytes += moved.bytes;
            sleep(REST).await;
        }
    }
}
