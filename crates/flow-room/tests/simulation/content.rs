//! What documents hold, in a form that can be compared.

use std::collections::BTreeMap;

use flow_model::FlowDoc;
use flow_protocol::{UpdateLimits, walk};

/// Everything an update or a document says: how far each client goes, and which
/// clocks are deleted, as ranges without overlaps that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) clocks: BTreeMap<u64, u32>,
    pub(crate) deleted: BTreeMap<u64, Vec<(u32, u32)>>,
}

impl Content {
    pub(crate) fn of(update: &[u8]) -> Self {
        let walked = walk(update, &UpdateLimits::unlimited()).expect("an update of our own is sound");
        let mut content = Self::default();
        for section in walked.sections() {
            content.clocks.insert(section.client, section.end);
        }
        for range in walked.deleted() {
            content.deleted.entry(range.client).or_default().push((range.clock, range.clock + range.len));
        }
        for ranges in content.deleted.values_mut() {
            ranges.sort_unstable();
            *ranges = ranges.drain(..).fold(Vec::new(), |mut joined: Vec<(u32, u32)>, (from, to)| {
                match joined.last_mut().filter(|last| last.1 >= from) {
                    Some(last) => last.1 = last.1.max(to),
                    None => joined.push((from, to)),
                }
                joined
            });
        }
        content
    }

    pub(crate) fn of_doc(doc: &FlowDoc) -> Self {
        Self::of(&doc.encode_state_v1())
    }

    /// What of `other` is missing here, in words.
    pub(crate) fn lacks(&self, other: &Self) -> Option<String> {
        for (client, &end) in &other.clocks {
            let have = self.clocks.get(client).copied().unwrap_or(0);
            if have < end {
                return Some(format!("clocks {have}..{end} of client {client}"));
            }
        }
        for (client, ranges) in &other.deleted {
            let have = self.deleted.get(client).map_or(&[][..], Vec::as_slice);
            let covered = |range: &(u32, u32)| have.iter().any(|h| h.0 <= range.0 && range.1 <= h.1);
            if let Some(range) = ranges.iter().find(|range| !covered(range)) {
                return Some(format!("the deletion of {range:?} of client {client}"));
            }
        }
        None
    }
}
