use bytes::Bytes;
use flow_base::Seq;

/// Consecutive updates of a flow's log, all of them committed. It may be empty;
/// then `first` says where the next one would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSlice {
    pub first: Seq,
    /// Yjs updates, v1 encoding.
    pub updates: Vec<Bytes>,
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

    /// How many bytes the updates have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.updates.iter().map(Bytes::len).sum()
    }

    /// Each update with its position.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, &Bytes)> {
        (self.first.0..).map(Seq).zip(&self.updates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_from_the_first() {
        let slice = LogSlice { first: Seq(5), updates: vec![Bytes::from_static(b"ab"), Bytes::new()] };
        assert_eq!((slice.last(), slice.bytes()), (Seq(6), 2));
        assert_eq!(slice.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(LogSlice::empty_after(Seq::ZERO).last(), Seq::ZERO);
    }
}
