use std::collections::VecDeque;

use bytes::Bytes;

use crate::event::Position;

/// The last updates of the room, as frames, for peers that fell behind a little.
/// Bounded in bytes; whoever is further behind gets a diff of the document.
#[derive(Debug)]
pub(super) struct Recent {
    frames: VecDeque<Bytes>,
    bytes: usize,
    bytes_max: usize,
    /// Of the newest frame.
    newest: Position,
}

impl Recent {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, bytes_max, newest: Position(0) }
    }

    /// The position of the newest update.
    pub(super) const fn newest(&self) -> Position {
        self.newest
    }

    /// Keeps the frame and answers its position, the next one.
    pub(super) fn push(&mut self, frame: Bytes) -> Position {
        self.newest = self.newest.next();
        self.bytes += frame.len();
        self.frames.push_back(frame);
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        self.newest
    }

    /// What is in the document now is more than the frames say: whoever is behind
    /// cannot be helped by them.
    pub(super) fn cut(&mut self) {
        (self.frames, self.bytes) = (VecDeque::new(), 0);
        self.newest = self.newest.next();
    }

    /// Every frame after `since`; `None` when some of them are gone.
    pub(super) fn since(&self, since: Position) -> Option<Vec<Bytes>> {
        let missing = usize::try_from(self.newest.0.saturating_sub(since.0)).ok()?;
        let skip = self.frames.len().checked_sub(missing)?;
        Some(self.frames.iter().skip(skip).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_there_until_the_bound_takes_the_oldest() {
        let mut recent = Recent::new(3);
        assert_eq!(recent.since(Position(0)), Some(vec![]));
        for at in 1..=4 {
            assert_eq!(recent.push(Bytes::from(vec![u8::try_from(at).unwrap()])), Position(at));
        }
        assert_eq!(recent.since(Position(4)), Some(vec![]));
        assert_eq!(recent.since(Position(2)).unwrap(), [&[3][..], &[4]]);
        assert_eq!(recent.since(Position(1)).unwrap().len(), 3);
        assert_eq!(recent.since(Position(0)), None);
    }

    #[test]
    fn after_a_cut_nobody_is_helped_by_what_was_before() {
        let mut recent = Recent::new(100);
        recent.push(Bytes::from_static(b"a"));
        recent.cut();
        assert_eq!(recent.since(Position(1)), None);
        let position = recent.push(Bytes::from_static(b"b"));
        assert_eq!(recent.since(Position(1)), None);
        assert_eq!(recent.since(Position(position.0 - 1)).unwrap(), [&b"b"[..]]);
    }
}
