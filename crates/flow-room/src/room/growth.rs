//! How large the document has become, and whom to tell before it is full.

use flow_base::ConnId;
use flow_protocol::frame;

use super::Room;
use crate::effect::{DocumentSize, Effect};
use crate::event::Ticket;

/// How near the document is to its limit, as its peers were told.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// The step they were told; `None` while there is nothing to tell.
    told: Option<usize>,
    /// The size when it was last measured for this.
    measured: usize,
}

/// From here on peers are told, in percent of the limit ...
const NEAR_PERCENT: usize = 80;
/// ... and again at each further step.
const STEP_PERCENT: usize = 5;

/// Which step of the limit so many bytes have reached.
const fn step(bytes: usize, limit: usize) -> Option<usize> {
    let percent = bytes.saturating_mul(100) / if limit == 0 { 1 } else { limit };
    match percent.checked_sub(NEAR_PERCENT) {
        Some(beyond) => Some(beyond / STEP_PERCENT),
        None => None,
    }
}

impl Room {
    /// A peer wants to be told when the document nears its limit. If it does
    /// already, it is told at once.
    pub(super) fn ask_growth(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.wants_growth = true;
        if self.growth.told.is_some() {
            effects.push(Effect::Send { conn, frame: self.growth_frame() });
        }
    }

    /// Tells those who asked when another step is reached, in either direction.
    pub(super) fn tell_growth(&mut self, effects: &mut Vec<Effect>) {
        let limit = self.limits.document_bytes;
        if self.growth_is_due() {
            // What is known without measuring counts what was deleted again.
            self.measure();
            self.growth.measured = self.document_bytes();
        }
        let now = step(self.document_bytes(), limit);
        let measured = step(self.growth.measured, limit);
        // Upwards only what was measured, downwards what is certain anyway.
        let reached = now.min(measured);
        if reached != self.growth.told {
            self.growth.told = reached;
            let frame = self.growth_frame();
            let asked = self.peers.iter().filter(|(_, peer)| peer.wants_growth && !peer.closed);
            effects.extend(asked.map(|(&conn, _)| Effect::Send { conn, frame: frame.clone() }));
        }
    }

    /// The estimate has passed a step, and grown by a hundredth of the limit since it
    /// was last measured: measuring costs an encoding of the document.
    fn growth_is_due(&self) -> bool {
        self.growth_is_due_at(self.document_bytes())
    }

    fn growth_is_due_at(&self, bytes: usize) -> bool {
        let limit = self.limits.document_bytes;
        step(bytes, limit) > self.growth.told && bytes >= self.growth.measured.saturating_add(limit / 100)
    }

    /// Whether so many more bytes make the document be measured: to tell its peers, or
    /// before it is said to be full.
    pub(super) fn measures_with(&self, more: usize) -> bool {
        let bytes = self.document_bytes().saturating_add(more);
        bytes > self.limits.document_bytes || self.growth_is_due_at(bytes)
    }

    fn growth_frame(&self) -> bytes::Bytes {
        frame::growth(self.document_bytes() as u64, self.limits.document_bytes as u64)
    }

    /// Whether the document may grow by so many bytes. The size that is kept
    /// beside it counts what was deleted again: before anybody is refused for it
    /// the document is measured.
    pub(super) fn fits(&mut self, more: usize) -> bool {
        let limit = self.limits.document_bytes;
        if self.document_bytes() + more <= limit {
            return true;
        }
        self.measure();
        self.document_bytes() + more <= limit
    }

    /// Makes the size that is kept beside the document exact.
    fn measure(&mut self) {
        if self.snapshots.is_measured() {
            return;
        }
        if let Ok(bytes) = self.document.with(|doc| Ok(doc.encode_state_v1().len())) {
            self.snapshots.measured(bytes);
        }
    }

    pub(super) fn report_size(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        self.measure();
        let size = self.document.with(|doc| Ok(doc.deleted_count())).ok().map(|tombstones| DocumentSize {
            bytes: self.document_bytes(),
            bytes_max: self.limits.document_bytes,
            tombstones,
        });
        effects.push(Effect::Size { ticket, size });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_near_the_limit() {
        let steps = [0, 79, 80, 84, 85, 99, 100].map(|percent| step(percent, 100));
        assert_eq!(steps, [None, None, Some(0), Some(0), Some(1), Some(3), Some(4)]);
    }
}
