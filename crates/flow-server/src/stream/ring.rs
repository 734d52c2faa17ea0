use std::collections::VecDeque;
use std::fmt::Write as _;

use bytes::Bytes;
use flow_base::Seq;
use serde::Serialize;

/// Events of a flow that are kept for who is behind. Past either, the oldest goes.
pub(super) const EVENTS_MAX: usize = 2_000;
const BYTES_MAX: usize = 2 << 20;

/// The last events of a flow, each with its place in the order of all of them.
#[derive(Debug)]
pub(super) struct Ring {
    /// Drawn for each feed: places of another one mean nothing here.
    tag: u32,
    /// The place of the first one kept.
    first: u64,
    frames: VecDeque<Bytes>,
    bytes: usize,
}

/// How far somebody has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Nowhere, or too far behind: the whole flow comes first.
    Reset,
    /// The event at this place is next.
    At(u64),
}

impl Ring {
    pub(super) fn new(tag: u32) -> Self {
        Self { tag, first: 0, frames: VecDeque::new(), bytes: 0 }
    }

    /// One that has nothing, to make frames of the same feed elsewhere.
    pub(super) fn empty(&self) -> Self {
        Self::new(self.tag)
    }

    /// The place after the last event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    pub(super) fn push(&mut self, event: &str, seq: Seq, data: &impl Serialize) {
        let frame = self.frame(event, seq, self.end() + 1, data);
        self.bytes += frame.len();
        self.frames.push_back(frame);
        while self.frames.len() > EVENTS_MAX || self.bytes > BYTES_MAX && self.frames.len() > 1 {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.len();
            self.first += 1;
        }
    }

    /// More has happened than is kept: everybody is behind.
    pub(super) fn skip(&mut self) {
        self.first = self.end() + 1;
        self.frames.clear();
        self.bytes = 0;
    }

    /// An event as it is written; who has it goes on at `next`.
    pub(super) fn frame(&self, event: &str, seq: Seq, next: u64, data: &impl Serialize) -> Bytes {
        write(&format!("id: {seq}-{:08x}-{next}\n", self.tag), event, data)
    }

    /// Where who had the event of this id last goes on.
    pub(super) fn resume(&self, id: &str) -> Cursor {
        let place = || {
            let mut parts = id.split('-');
            let (_seq, tag, place) = (parts.next()?, parts.next()?, parts.next()?);
            let place: u64 = place.parse().ok()?;
            (u32::from_str_radix(tag, 16).ok()? == self.tag && place >= self.first && place <= self.end())
                .then_some(place)
        };
        place().map_or(Cursor::Reset, Cursor::At)
    }

    /// The event at this place: `Err` when it is no longer kept, `Ok(None)` when there is
    /// none yet.
    pub(super) fn get(&self, place: u64) -> Result<Option<Bytes>, Cursor> {
        let index = place.checked_sub(self.first).ok_or(Cursor::Reset)?;
        Ok(usize::try_from(index).ok().and_then(|index| self.frames.get(index)).cloned())
    }
}

/// An event with which nobody is done: who comes back after it goes on where they were before.
pub(super) fn without_id(event: &str, data: &impl Serialize) -> Bytes {
    write("", event, data)
}

fn write(id: &str, event: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("what is told has no maps with other keys than text");
    let mut frame = String::with_capacity(data.len() + 64);
    // JSON on one line has no line breaks.
    writeln!(frame, "{id}event: {event}\ndata: {data}\n").expect("writing to a String cannot fail");
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(frame: &Bytes) -> String {
        let text = std::str::from_utf8(frame).unwrap();
        text.lines().next().unwrap().strip_prefix("id: ").unwrap().to_owned()
    }

    #[test]
    fn who_comes_back_goes_on_behind_what_they_had() {
        let mut ring = Ring::new(7);
        for seq in 1..=3 {
            ring.push("change", Seq(seq), &seq);
        }
        let first = ring.get(0).unwrap().unwrap();
        assert_eq!(&first[..], b"id: 1-00000007-1\nevent: change\ndata: 1\n\n");
        let Cursor::At(next) = ring.resume(&id(&first)) else { panic!("it is kept") };
        assert!(ring.get(next).unwrap().unwrap().ends_with(b"data: 2\n\n"));
        let last = ring.get(2).unwrap().unwrap();
        assert_eq!(ring.resume(&id(&last)), Cursor::At(3));
        assert_eq!(ring.get(3), Ok(None), "there is no more yet");
    }

    #[test]
    fn what_is_no_longer_kept_or_of_another_feed_is_told_whole() {
        let mut ring = Ring::new(7);
        ring.push("change", Seq(1), &1);
        let first = id(&ring.get(0).unwrap().unwrap());
        assert_eq!(Ring::new(8).resume(&first), Cursor::Reset);
        for id in ["", "1", "1-00000007", "1-00000007-9", "x-y-z", "1-00000007--1"] {
            assert_eq!(ring.resume(id), Cursor::Reset, "{id}");
        }
        for seq in 0..EVENTS_MAX as u64 + 5 {
            ring.push("change", Seq(seq), &seq);
        }
        assert_eq!(ring.resume(&first), Cursor::Reset);
        assert_eq!(ring.get(0), Err(Cursor::Reset));
        assert!(ring.frames.len() <= EVENTS_MAX);
    }

    #[test]
    fn its_bytes_are_bounded_and_the_last_event_is_there() {
        let mut ring = Ring::new(7);
        let large = "x".repeat(BYTES_MAX / 4);
        for seq in 1..=9 {
            ring.push("change", Seq(seq), &large);
            assert!(ring.bytes <= BYTES_MAX);
        }
        ring.push("change", Seq(10), &"x".repeat(BYTES_MAX * 2));
        assert_eq!(ring.frames.len(), 1);
        assert!(ring.get(ring.end() - 1).unwrap().is_some());
    }
}
