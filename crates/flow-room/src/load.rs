use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use flow_base::{FlowId, Seq};
use flow_cluster::{LogSlice, LoggedUpdate};
use flow_model::FlowDoc;
use flow_protocol::{Places, Split, StateVector, UpdateLimits, Walked, concatenate, frame, walk};
use flow_store::{LogStore, StoreError, StoredFlow, StoredUpdate};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::room::{Protected, sets_lineage};

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
    /// The answer to a peer that has nothing, where it was made.
    pub(crate) answer: Option<Bytes>,
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

/// A flow that was read and found whole. It can be shown to who has nothing, long before
/// it is a document.
#[derive(Debug)]
pub struct Examined {
    flow: FlowId,
    read: ReadFlow,
    /// The document's history, where it is written as our servers write it.
    pub(crate) lineage: Option<Uuid>,
    /// Our step 1, with how far it goes.
    pub(crate) step_1: Bytes,
    /// All of it, as the answer to the step 1 of a peer that has nothing; `None` where only
    /// the document can say it in one.
    pub(crate) answer: Option<Bytes>,
}

/// Reads a flow from the store and builds its document, the latter off the async threads.
///
/// # Errors
/// [`LoadError`]. A flow that cannot be read whole is not opened.
pub async fn load(store: &Arc<dyn LogStore>, flow: FlowId) -> Result<LoadedFlow, LoadError> {
    let read: ReadFlow = stored(&**store, flow).await?.into();
    let head = read.tail.last();
    off_thread(flow, head, move || LoadedFlow::build(flow, &read)).await
}

pub(crate) async fn examine(flow: FlowId, read: ReadFlow) -> Result<Examined, LoadError> {
    let head = read.tail.last();
    off_thread(flow, head, move || Examined::new(flow, read)).await
}

/// A panic inside yrs ends this work only.
async fn off_thread<T: Send + 'static>(
    flow: FlowId,
    head: Seq,
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LoadError::Damaged { flow, seq: head }))
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

impl ReadFlow {
    /// The snapshot, if there is one, and every update after it.
    fn parts(&self) -> impl Iterator<Item = (Seq, &Bytes)> {
        let snapshot = self.snapshot.iter().map(|(seq, state)| (*seq, state));
        snapshot.chain(self.tail.iter().map(|(seq, update)| (seq, &update.bytes)))
    }
}

impl Examined {
    /// Looks through a flow that was read. Long work, without waiting.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] where something is no update, or builds on what is not there.
    pub(crate) fn new(flow: FlowId, read: ReadFlow) -> Result<Self, LoadError> {
        let mut clocks: HashMap<u64, u32> = HashMap::new();
        let (mut lineage, mut walks) = (None, Vec::new());
        for (seq, bytes) in read.parts() {
            let damaged = || LoadError::Damaged { flow, seq };
            let walked = walk(bytes, &UpdateLimits::unlimited()).map_err(|_| damaged())?;
            if walked.split(|client| clocks.get(&client).copied().unwrap_or(0)) != Split::Whole {
                return Err(damaged());
            }
            for section in walked.sections() {
                let clock = clocks.entry(section.client).or_default();
                *clock = section.end.max(*clock);
            }
            lineage = lineage.or_else(|| written_lineage(bytes, &walked));
            walks.push(walked);
        }
        let answer = concatenate(&walks).map(|whole| frame::step_2(&whole));
        drop(walks);
        let known: StateVector = clocks.into_iter().collect();
        let step_1 = frame::step_1(&known.encode_up_to(|_| u32::MAX));
        Ok(Self { flow, read, lineage, step_1, answer })
    }

    /// Up to where it goes.
    pub(crate) fn head(&self) -> Seq {
        self.read.tail.last()
    }

    /// Builds the document off the async threads.
    ///
    /// # Errors
    /// [`LoadError::Damaged`].
    pub(crate) async fn build(self) -> Result<LoadedFlow, LoadError> {
        let Self { flow, read, answer, .. } = self;
        let head = read.tail.last();
        off_thread(flow, head, move || Ok(LoadedFlow { answer, ..LoadedFlow::build(flow, &read)? })).await
    }
}

/// The lineage, if the update writes it: a string in an entry of `meta`, and a string is
/// the last thing in the bytes of its struct.
fn written_lineage(bytes: &[u8], walked: &Walked<'_>) -> Option<Uuid> {
    let structs = walked.sections().iter().flat_map(|section| walked.structs(section));
    structs.into_iter().filter(sets_lineage).find_map(|written| {
        let written = &bytes[written.range()];
        let text = &written[written.len().checked_sub(Hyphenated::LENGTH)?..];
        Uuid::try_parse_ascii(text).ok()
    })
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
            answer: None,
        };
        for (seq, bytes) in read.parts() {
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
