//! Updates that other nodes have committed.
//!
//! The log orders the updates of all nodes. A room applies what others have stored
//! in that order and without holes, because an update may depend on any before it;
//! what it hears too early is kept for a moment. It hears from the relay, which may
//! lose and reorder, and from the store, which is asked for the newest position
//! every now and then: so the relay is only ever faster, never needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_base::Seq;
use flow_cluster::LogSlice;

use super::Room;
use crate::effect::Effect;
use crate::event::Moment;

/// How far into the log the room has followed.
#[derive(Debug)]
pub(super) struct Following {
    /// Every stored update up to here is in the document.
    contiguous: Seq,
    /// The highest position this room knows of.
    head: Seq,
    /// The log is being read; the answer may bring more than was asked for.
    reading: bool,
    /// Slices that begin after a hole, by their first position.
    early: BTreeMap<Seq, Arc<LogSlice>>,
    early_bytes: usize,
}

/// What is kept of slices that came too early. Past it they are dropped, and read
/// from the log.
const EARLY_BYTES: usize = 1 << 20;

impl Following {
    pub(super) const fn new(head: Seq) -> Self {
        Self { contiguous: head, head, reading: false, early: BTreeMap::new(), early_bytes: 0 }
    }

    pub(super) const fn contiguous(&self) -> Seq {
        self.contiguous
    }

    /// The highest position this room knows of.
    pub(super) const fn head(&self) -> Seq {
        self.head
    }

    /// The document was read anew, up to `head`: that is what it holds, even if a
    /// commit that was answered meanwhile had brought this further.
    pub(super) fn reloaded(&mut self, head: Seq) {
        self.head = self.head.max(self.contiguous).max(head);
        self.contiguous = head;
    }

    fn passed(&mut self, seq: Seq) {
        self.contiguous = self.contiguous.max(seq);
        self.head = self.head.max(seq);
    }

    fn keep_early(&mut self, slice: Arc<LogSlice>) {
        self.early_bytes += slice.bytes();
        if let Some(replaced) = self.early.insert(slice.first, slice) {
            self.early_bytes -= replaced.bytes();
        }
        if self.early_bytes > EARLY_BYTES {
            (self.early, self.early_bytes) = (BTreeMap::new(), 0);
        }
    }

    /// The next kept slice, if there is no hole before it any more.
    fn take_early(&mut self) -> Option<Arc<LogSlice>> {
        let entry = self.early.first_entry().filter(|entry| *entry.key() <= self.contiguous.next())?;
        let slice = entry.remove();
        self.early_bytes -= slice.bytes();
        Some(slice)
    }
}

impl Room {
    /// Updates of our own were stored here. Answers whether nothing of another node
    /// lies between them and what the document has.
    pub(super) fn stored_own(&mut self, first: Seq, last: Seq) -> bool {
        let dense = first <= self.following.contiguous.next();
        if dense {
            self.following.passed(last);
        } else {
            self.following.head = self.following.head.max(last);
        }
        dense
    }

    pub(super) fn log_read(&mut self, slice: &LogSlice, effects: &mut Vec<Effect>) {
        self.following.reading = false;
        if self.integrate_slice(slice, effects) {
            self.apply_early(effects);
            if slice.updates.is_empty() {
                // The log ends here, whatever was said of it.
                self.following.head = self.following.contiguous;
            } else {
                // It is read in pages.
                self.read_on(effects);
            }
        }
    }

    pub(super) fn relayed(&mut self, slice: Arc<LogSlice>, effects: &mut Vec<Effect>) {
        self.following.head = self.following.head.max(slice.last());
        if slice.first <= self.following.contiguous.next() {
            if !self.integrate_slice(&slice, effects) {
                return;
            }
        } else {
            self.following.keep_early(slice);
        }
        self.apply_early(effects);
        // A hole may be our own append, committed and not answered yet.
        if !self.commits.is_under_way() {
            self.read_on(effects);
        }
    }

    /// The store's own word. What it says while an append of ours is under way may
    /// be that append: then the log is read only if it says so twice.
    pub(super) fn head_seen(&mut self, head: Seq, effects: &mut Vec<Effect>) {
        let news = head > self.following.head;
        self.following.head = self.following.head.max(head);
        if !(news && self.commits.is_under_way()) {
            self.read_on(effects);
        }
    }

    pub(super) fn relay_missed(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if !self.peers.is_empty() {
            self.presence.elsewhere.ask(now.elapsed);
        }
        if !std::mem::replace(&mut self.following.reading, true) {
            effects.push(Effect::ReadLog { after: self.following.contiguous });
        }
    }

    /// Goes on after a commit or a slice: what had come too early, then the log.
    pub(super) fn follow_on(&mut self, effects: &mut Vec<Effect>) {
        self.apply_early(effects);
        self.read_on(effects);
    }

    fn read_on(&mut self, effects: &mut Vec<Effect>) {
        let following = &mut self.following;
        if following.contiguous < following.head && !std::mem::replace(&mut following.reading, true) {
            effects.push(Effect::ReadLog { after: following.contiguous });
        }
    }

    fn apply_early(&mut self, effects: &mut Vec<Effect>) {
        while let Some(slice) = self.following.take_early() {
            if !self.integrate_slice(&slice, effects) {
                return;
            }
        }
    }

    /// Applies what of a slice follows the document's position; `false` when the
    /// document was lost on the way.
    fn integrate_slice(&mut self, slice: &LogSlice, effects: &mut Vec<Effect>) -> bool {
        for (seq, update) in slice.iter() {
            if seq <= self.following.contiguous {
                continue;
            }
            if seq != self.following.contiguous.next() {
                self.following.head = self.following.head.max(slice.last());
                return true;
            }
            if self.integrate_stored(&update.bytes, effects).is_err() {
                return false;
            }
            self.following.passed(seq);
            // What a snapshot under way contains is no prefix of the log any more
            // beyond what was known when it was taken.
            self.snapshots.interleaved();
        }
        true
    }
}
