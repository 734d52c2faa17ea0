use std::time::{Duration, Instant};

use bytes::Bytes;
use flow_base::{Seq, SeqRange};
use flow_protocol::frame;
use flow_store::Snapshot;

use super::Room;
use super::commit::Mark;
use crate::event::Moment;
use crate::measures;

/// When a snapshot is due, and when it may be published.
///
/// A snapshot is taken of the document as it is, uncommitted updates included.
/// It waits until all of those are committed: a crash must never leave a snapshot
/// that knows more than the log.
#[derive(Debug)]
pub(super) struct Snapshots {
    /// Of the last snapshot, encoded.
    last_bytes: usize,
    /// At most the size of the document, encoded: what came in since it was
    /// measured is counted whole.
    document_bytes: usize,
    /// It is exact.
    is_measured: bool,
    /// Updates and their bytes since it.
    updates: u64,
    bytes: usize,
    candidate: Option<Candidate>,
    publishing: bool,
    /// Updates and bytes that the snapshot being published does not cover, if
    /// publishing fails.
    covered: (u64, usize),
    /// The last one could not be stored: not before this is another taken.
    not_before: Duration,
}

/// After a snapshot or a list entry could not be stored.
pub(super) const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Candidate {
    state: Bytes,
    /// It contains everything applied up to here.
    mark: Mark,
    /// Every stored update up to here is in it.
    seq: Seq,
    /// Nothing of another node was stored among what it contains.
    undisturbed: bool,
}

impl Snapshots {
    pub(super) const fn new(last_bytes: usize, updates: u64, bytes: usize) -> Self {
        Self {
            last_bytes,
            document_bytes: last_bytes + bytes,
            is_measured: false,
            updates,
            bytes,
            candidate: None,
            publishing: false,
            covered: (0, 0),
            not_before: Duration::ZERO,
        }
    }

    pub(super) const fn document_bytes(&self) -> usize {
        self.document_bytes
    }

    pub(super) fn note_update(&mut self, bytes: usize) {
        self.updates += 1;
        self.bytes += bytes;
        self.document_bytes += bytes;
        self.is_measured = false;
    }

    fn is_due(&self, now: Duration, updates_min: u64, ratio: u64) -> bool {
        self.candidate.is_none()
            && !self.publishing
            && now >= self.not_before
            && self.updates >= updates_min
            && (self.bytes as u64).saturating_mul(ratio) >= self.last_bytes as u64
    }

    /// The document was encoded for its size: what is edited and deleted again
    /// counts towards the next snapshot, not towards the document.
    pub(super) const fn measured(&mut self, bytes: usize) {
        (self.document_bytes, self.is_measured) = (bytes, true);
    }

    pub(super) const fn is_measured(&self) -> bool {
        self.is_measured
    }

    /// The batch that starts at `first` has these numbers now.
    pub(super) fn committed(&mut self, first: Mark, seqs: SeqRange) {
        if let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.undisturbed) {
            let covered = (candidate.mark.0 + 1).saturating_sub(first.0).min(seqs.count());
            if covered > 0 {
                candidate.seq = Seq(seqs.first.0 + covered - 1);
            }
        }
    }

    /// Another node's updates were stored among ours: what the candidate contains
    /// is no longer a prefix of the log beyond what was known when it was taken.
    pub(super) fn interleaved(&mut self) {
        if let Some(candidate) = &mut self.candidate {
            candidate.undisturbed = false;
        }
    }

    /// The snapshot, once everything in it is committed.
    pub(super) fn publishable(&mut self, committed: Mark) -> Option<Snapshot> {
        let candidate = self.candidate.take_if(|candidate| candidate.mark <= committed)?;
        self.publishing = true;
        Some(Snapshot { seq: candidate.seq, state: candidate.state })
    }

    pub(super) fn done(&mut self, now: Duration, stored: bool) {
        self.publishing = false;
        let (updates, bytes) = std::mem::take(&mut self.covered);
        if !stored {
            // Due again, with what came in between.
            self.not_before = now + TRY_AGAIN_AFTER;
            self.updates += updates;
            self.bytes += bytes;
        }
    }

    /// What a snapshot costs that is due once so many more updates have come.
    pub(super) const fn settle_bytes(
        &self,
        updates: u64,
        bytes: usize,
        updates_min: u64,
        ratio: u64,
    ) -> usize {
        let bytes = (self.bytes + bytes) as u64;
        if self.updates + updates >= updates_min && bytes.saturating_mul(ratio) >= self.last_bytes as u64 {
            self.document_bytes()
        } else {
            0
        }
    }

    /// Whether closing now would leave nothing to be replayed for long.
    pub(super) const fn is_settled(&self) -> bool {
        self.updates == 0 && self.candidate.is_none() && !self.publishing
    }
}

impl Room {
    /// Takes a snapshot of the document if one is due, or if the room is about
    /// to close.
    pub(super) fn take_snapshot(&mut self, now: Moment) {
        let last = self.is_idle(now) && self.snapshots.updates > 0 && self.is_saved();
        let last = last && self.snapshots.is_due(now.elapsed, 1, u64::MAX);
        if !last
            && !self.snapshots.is_due(now.elapsed, self.limits.snapshot_updates, self.limits.snapshot_ratio)
        {
            return;
        }
        // Only to say what it cost: nothing is decided by it.
        let began = Instant::now();
        let Ok(state) = self.document.with(|doc| Ok(Bytes::from(doc.encode_state_v1()))) else { return };
        measures::snapshot_encoded(began.elapsed(), state.len());
        self.answers.keep_whole(self.recent.newest(), frame::step_2(&state));
        let snapshots = &mut self.snapshots;
        snapshots.covered = (snapshots.updates, snapshots.bytes);
        (snapshots.updates, snapshots.bytes, snapshots.last_bytes) = (0, 0, state.len());
        snapshots.measured(state.len());
        snapshots.candidate = Some(Candidate {
            state,
            mark: self.commits.applied(),
            seq: self.following.contiguous(),
            undisturbed: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_at(mark: u64, seq: u64) -> Snapshots {
        let mut snapshots = Snapshots::new(0, 0, 0);
        snapshots.candidate = Some(Candidate {
            state: Bytes::from_static(b"s"),
            mark: Mark(mark),
            seq: Seq(seq),
            undisturbed: true,
        });
        snapshots
    }

    fn range(first: u64, last: u64) -> SeqRange {
        SeqRange { first: Seq(first), last: Seq(last) }
    }

    #[test]
    fn a_snapshot_waits_for_everything_it_contains() {
        let mut snapshots = taken_at(5, 10);
        snapshots.committed(Mark(4), range(11, 11));
        assert_eq!(snapshots.publishable(Mark(4)), None);
        snapshots.committed(Mark(5), range(12, 14));
        assert_eq!(snapshots.publishable(Mark(7)).unwrap().seq, Seq(12));
    }

    #[test]
    fn a_snapshot_of_a_saved_document_can_go_at_once() {
        assert_eq!(taken_at(5, 10).publishable(Mark(5)).unwrap().seq, Seq(10));
    }

    #[test]
    fn another_nodes_updates_keep_it_at_what_was_known_when_it_was_taken() {
        let mut snapshots = taken_at(5, 10);
        snapshots.interleaved();
        snapshots.committed(Mark(4), range(15, 16));
        assert_eq!(snapshots.publishable(Mark(5)).unwrap().seq, Seq(10));
    }

    #[test]
    fn a_snapshot_that_could_not_be_stored_is_due_again() {
        let mut snapshots = taken_at(5, 10);
        snapshots.covered = (100, 5_000);
        assert!(snapshots.publishable(Mark(5)).is_some());
        snapshots.done(Duration::ZERO, false);
        assert!(!snapshots.is_due(Duration::ZERO, 100, 4), "not at once");
        assert!(snapshots.is_due(TRY_AGAIN_AFTER, 100, 4) && !snapshots.is_settled());
    }
}
