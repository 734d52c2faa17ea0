use bytes::Bytes;
use flow_base::{BatchId, Seq};

/// An update as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedUpdate {
    /// What it was stored with. Together with its position it tells one history of a
    /// flow from another: a database may be restored from a backup, and go on differently.
    pub batch: BatchId,
    /// Yjs update, v1 encoding.
    pub bytes: Bytes,
}

/// Consecutive updates of a flow's log, all of them committed. It may be empty;
/// then `first` says where the next one would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSlice {
    pub first: Seq,
    pub updates: Vec<LoggedUpdate>,
}

impl LogSlice {
    /// Nothing, after `seq`.
    #[must_use]
    pub const fn empty_after(seq: Seq) -> Self {
        Self { first: seq.next(), updates: Vec::new() }
    }

    /// The position of the last update, or the one before `first`.
    #[must_use]
    pub const fn last(&self) -> Seq {
        Seq(self.first.0 + self.updates.len() as u64 - 1)
    }

    /// Updates that were stored together, from `first` on.
    pub fn of_batch(first: Seq, batch: BatchId, updates: impl IntoIterator<Item = Bytes>) -> Self {
        Self { first, updates: updates.into_iter().map(|bytes| LoggedUpdate { batch, bytes }).collect() }
    }

    /// How many bytes the updates have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.updates.iter().map(|update| update.bytes.len()).sum()
    }

    /// Each update with its position.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, &LoggedUpdate)> {
        (self.first.0..).map(Seq).zip(&self.updates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_from_the_first() {
        let updates = [Bytes::from_static(b"ab"), Bytes::new()];
        let slice = LogSlice::of_batch(Seq(5), BatchId::generate(), updates);
        assert_eq!((slice.last(), slice.bytes()), (Seq(6), 2));
        assert_eq!(slice.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(LogSlice::empty_after(Seq::ZERO).last(), Seq::ZERO);
    }
}
