use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_base::{BatchId, FlowId, Seq};
use flow_store::FlowBatch;

use super::Placed;

/// What this process knows of the logs: where each ended when it last appended there, and
/// which batches may be stored already. With it most appends need not look first.
///
/// Where logs end is only a guess, as other processes may write to the file; the statement
/// that writes checks it. That a batch is new is not checked again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<FlowId, Known>,
    /// Batches of attempts that have no answer: under way, failed, or given up by whoever
    /// waited. They may be stored.
    doubtful: HashMap<FlowId, HashSet<BatchId>>,
}

#[derive(Debug)]
struct Known {
    /// `None` while it may be somewhere else.
    head: Option<Seq>,
    /// The last batches that were stored here.
    recent: VecDeque<BatchId>,
}

/// Callers repeat what was not answered. That what was answered is told again, too, is a
/// courtesy, and for so many batches of a flow.
const RECENT: usize = 16;
/// Past so many flows all are forgotten: some forty megabytes, and each costs one slow
/// append.
const KNOWN_MAX: usize = 1 << 16;

impl Heads {
    /// An attempt to append these begins. Answers whether none of them can be stored
    /// already; otherwise, the log has to be asked.
    pub(super) fn begin(&self, batches: &[&FlowBatch]) -> bool {
        let mut state = self.lock();
        let mut new = true;
        for batch in batches {
            let doubtful = state.doubtful.entry(batch.flow).or_default();
            new &= doubtful.is_empty();
            doubtful.insert(batch.batch);
            let known = state.known.get(&batch.flow);
            new &= known.is_some_and(|known| !known.recent.contains(&batch.batch));
        }
        new
    }

    /// Where the batches belong, if that is known of all.
    pub(super) fn place<'a>(&self, batches: &[&'a FlowBatch]) -> Option<Vec<Placed<'a>>> {
        let state = self.lock();
        let place = |batch: &&'a FlowBatch| Some(Placed::after(state.known.get(&batch.flow)?.head?, batch));
        batches.iter().map(place).collect()
    }

    /// The log of a flow may end somewhere else.
    pub(super) fn forget(&self, batches: &[&FlowBatch]) {
        let mut state = self.lock();
        for batch in batches {
            if let Some(known) = state.known.get_mut(&batch.flow) {
                known.head = None;
            }
        }
    }

    /// These are stored now, at the ends of their logs.
    pub(super) fn stored(&self, placed: &[Placed<'_>]) {
        let mut state = self.lock();
        if state.known.len() + placed.len() > KNOWN_MAX {
            state.known.clear();
        }
        for Placed { batch, range } in placed {
            let fresh = || Known { head: None, recent: VecDeque::new() };
            let known = state.known.entry(batch.flow).or_insert_with(fresh);
            known.head = Some(range.last);
            known.recent.push_back(batch.batch);
            if known.recent.len() > RECENT {
                known.recent.pop_front();
            }
        }
    }

    /// The caller hears what became of the batch, for good.
    pub(super) fn answered(&self, batch: &FlowBatch) {
        let mut state = self.lock();
        if let Some(doubtful) = state.doubtful.get_mut(&batch.flow) {
            doubtful.remove(&batch.batch);
            if doubtful.is_empty() {
                state.doubtful.remove(&batch.flow);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held could only be a failed allocation.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_base::{ActorId, Timestamp};
    use flow_store::NewUpdate;

    use super::*;

    fn batch(flow: FlowId) -> FlowBatch {
        let updates = vec![NewUpdate { actor: ActorId::Server, bytes: Bytes::from_static(&[0, 0]) }];
        let (batch, at) = (BatchId::generate(), Timestamp::UNIX_EPOCH);
        FlowBatch { flow, batch, at, updates, writers: Vec::new() }
    }

    /// A room dies with its batch under way; the next one's is stored, and then the first
    /// is repeated. It may have been stored all along.
    #[test]
    fn a_batch_without_an_answer_is_looked_for_however_much_is_stored_meanwhile() {
        let (heads, flow) = (Heads::default(), FlowId::generate());
        let (first, lost, next, after) = (batch(flow), batch(flow), batch(flow), batch(flow));
        let store = |batch: &FlowBatch, head| {
            heads.stored(&[Placed::after(Seq(head), batch)]);
            heads.answered(batch);
        };
        assert!(!heads.begin(&[&first]), "nothing is known of this log yet");
        store(&first, 0);
        assert!(heads.begin(&[&lost]), "it is new, and the end of the log known");
        assert!(!heads.begin(&[&next]), "while one is doubtful the log is asked");
        store(&next, 1);
        assert!(!heads.begin(&[&lost]));
        heads.answered(&lost);
        assert!(heads.begin(&[&after]));
        assert_eq!(heads.place(&[&after]).unwrap()[0].range.first, Seq(3));
    }

    #[test]
    fn a_batch_that_was_answered_is_known_again() {
        let (heads, flow) = (Heads::default(), FlowId::generate());
        let stored = batch(flow);
        heads.stored(&[Placed::after(Seq(0), &stored)]);
        assert!(!heads.begin(&[&stored]));
    }
}
