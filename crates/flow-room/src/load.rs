use std::sync::Arc;

use bytes::Bytes;
use flow_base::{FlowId, Seq};
use flow_model::FlowDoc;
use flow_protocol::{Depths, UpdateLimits, walk};
use flow_store::{LogStore, StoreError, StoredFlow};

use crate::room::Protected;

/// A flow read from the store, ready for a room.
#[derive(Debug)]
pub struct LoadedFlow {
    pub(crate) document: FlowDoc,
    pub(crate) protected: Protected,
    pub(crate) depths: Depths,
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

/// Reads a flow and builds its document, the latter off the async threads.
///
/// # Errors
/// [`LoadError`]. A flow that cannot be read whole is not opened.
pub async fn load(store: &Arc<dyn LogStore>, flow: FlowId) -> Result<LoadedFlow, LoadError> {
    let stored = store
        .load(flow)
        .await
        .map_err(|source| LoadError::Store { flow, source })?
        .ok_or(LoadError::Missing(flow))?;
    let head = stored.head;
    // A panic inside yrs ends this task only.
    let built = tokio::task::spawn_blocking(move || build(flow, &stored)).await;
    built.unwrap_or(Err(LoadError::Damaged { flow, seq: head }))
}

fn build(flow: FlowId, stored: &StoredFlow) -> Result<LoadedFlow, LoadError> {
    let mut loaded = LoadedFlow {
        document: FlowDoc::new(None),
        protected: Protected::default(),
        depths: Depths::default(),
        head: stored.head,
        snapshot_bytes: stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len()),
        tail_updates: stored.tail.len() as u64,
        tail_bytes: stored.tail.iter().map(|update| update.bytes.len()).sum(),
    };
    let snapshot = stored.snapshot.iter().map(|snapshot| (snapshot.seq, &snapshot.state));
    for (seq, bytes) in snapshot.chain(stored.tail.iter().map(|update| (update.seq, &update.bytes))) {
        loaded.add(bytes).ok_or(LoadError::Damaged { flow, seq })?;
    }
    // The log holds only what could be integrated, so nothing may be left over.
    if loaded.document.has_pending() {
        return Err(LoadError::Damaged { flow, seq: stored.head });
    }
    Ok(loaded)
}

impl LoadedFlow {
    fn add(&mut self, bytes: &Bytes) -> Option<()> {
        let walked = walk(bytes, &UpdateLimits::unlimited()).ok()?;
        self.protected.note(&walked);
        self.depths.admit(&walked).ok()?;
        self.document.apply_update_v1(bytes).ok().map(drop)
    }
}
