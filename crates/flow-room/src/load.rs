use std::sync::Arc;

use bytes::Bytes;
use flow_base::{FlowId, Seq};
use flow_cluster::{LogSlice, LoggedUpdate};
use flow_model::FlowDoc;
use flow_protocol::{Places, UpdateLimits, walk};
use flow_store::{LogStore, StoreError, StoredFlow, StoredUpdate};

use crate::room::Protected;

/// A flow read from the store, ready for a room.
#[derive(Debug)]
pub struct LoadedFlow {
    pub(crate) document: FlowDoc,
    pub(crate) protected: Protected,
    pub(crate) places: Places,
    /// Every stored update up to here is in the document.
    pub(crate) head: Seq,
    /// Of the newest snapshot, and of the updates after it.
    pub(crate) snapshot_bytes: usize,
    pub(crate) tail_updates: u64,
    pub(crate) tail_bytes: usize,
}

/// Why a flow could not be opened. None of these means that it is empty.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("flow {0} does not exist")]
    Missing(FlowId),
    #[error("could not read flow {flow}")]
    Store {
        flow: FlowId,
        #[source]
        source: StoreError,
    },
    #[error("what is stored of flow {flow} at {seq} is not an update that can be applied")]
    Damaged { flow: FlowId, seq: Seq },
}

impl LoadError {
    /// Whether trying again may help.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, Self::Store { source, .. } if source.is_retryable())
    }
}

/// A whole flow as it was read, not yet a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFlow {
    pub snapshot: Option<(Seq, Bytes)>,
    /// Every update after the snapshot up to the head in the store.
    pub tail: LogSlice,
}

/// Reads a flow from the store and builds its document, the latter off the async threads.
///
/// # Errors
/// [`LoadError`]. A flow that cannot be read whole is not opened.
pub async fn load(store: &Arc<dyn LogStore>, flow: FlowId) -> Result<LoadedFlow, LoadError> {
    build(flow, stored(&**store, flow).await?.into()).await
}

/// Builds the document off the async threads.
pub(crate) async fn build(flow: FlowId, read: ReadFlow) -> Result<LoadedFlow, LoadError> {
    let head = read.tail.last();
    // A panic inside yrs ends this task only.
    let built = tokio::task::spawn_blocking(move || LoadedFlow::build(flow, &read)).await;
    built.unwrap_or(Err(LoadError::Damaged { flow, seq: head }))
}

pub(crate) async fn stored(store: &dyn LogStore, flow: FlowId) -> Result<StoredFlow, LoadError> {
    let stored = store.load(flow).await.map_err(|source| LoadError::Store { flow, source })?;
    stored.ok_or(LoadError::Missing(flow))
}

pub(crate) fn slice_after(after: Seq, updates: Vec<StoredUpdate>) -> LogSlice {
    let logged = |update: StoredUpdate| LoggedUpdate { batch: update.batch, bytes: update.bytes };
    LogSlice { first: after.next(), updates: updates.into_iter().map(logged).collect() }
}

impl From<StoredFlow> for ReadFlow {
    fn from(stored: StoredFlow) -> Self {
        let snapshot = stored.snapshot.map(|snapshot| (snapshot.seq, snapshot.state));
        let after = snapshot.as_ref().map_or(Seq::ZERO, |(seq, _)| *seq);
        Self { snapshot, tail: slice_after(after, stored.tail) }
    }
}

impl LoadedFlow {
    /// Builds the document of a flow that was read whole. Long work, without waiting.
    ///
    /// # Errors
    /// [`LoadError::Damaged`].
    pub fn build(flow: FlowId, read: &ReadFlow) -> Result<Self, LoadError> {
        let mut loaded = Self {
            document: FlowDoc::new(None),
            protected: Protected::default(),
            places: Places::default(),
            head: read.tail.last(),
            snapshot_bytes: read.snapshot.as_ref().map_or(0, |(_, state)| state.len()),
            tail_updates: read.tail.updates.len() as u64,
            tail_bytes: read.tail.bytes(),
        };
        let snapshot = read.snapshot.iter().map(|(seq, state)| (*seq, state));
        let tail = read.tail.iter().map(|(seq, update)| (seq, &update.bytes));
        for (seq, bytes) in snapshot.chain(tail) {
            loaded.add(bytes).ok_or(LoadError::Damaged { flow, seq })?;
        }
        Ok(loaded)
    }

    fn add(&mut self, bytes: &Bytes) -> Option<()> {
        let walked = walk(bytes, &UpdateLimits::unlimited()).ok()?;
        self.protected.note(&walked);
        self.places.note(&walked);
        let applied = self.document.apply_update_v1(bytes).ok()?;
        // The log holds only what could be integrated, so nothing may be left over.
        applied.rest.is_none().then_some(())
    }
}
