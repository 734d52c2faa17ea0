use std::fmt;

use serde::{Deserialize, Serialize};

/// An update's position in its flow's log. Dense: the first update has 1, the
/// next 2, and no number is ever missing. 0 is the position before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first update.
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Consecutive positions, both ends included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqRange {
    pub first: Seq,
    pub last: Seq,
}

impl SeqRange {
    /// The `count` positions that follow `head`; `None` when `count` is 0.
    #[must_use]
    pub const fn after(head: Seq, count: u64) -> Option<Self> {
        match count {
            0 => None,
            _ => Some(Self { first: Seq(head.0 + 1), last: Seq(head.0 + count) }),
        }
    }

    /// How many positions the range has; at least 1.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.last.0 - self.first.0 + 1
    }
}
