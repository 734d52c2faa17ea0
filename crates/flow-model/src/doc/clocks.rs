use std::collections::HashMap;

use yrs::IdSet;

/// How far the document knows each client: everything below the clock, and
/// nothing from it on.
///
/// yrs integrates what comes after a gap, where nothing refers into the gap, and
/// leaves a hole that its state vector does not show and that other clients
/// cannot read. So we look for gaps before applying, and keep the clocks here
/// because yrs tells them only all at once.
#[derive(Debug, Default)]
pub(super) struct Clocks(HashMap<u64, u32>);

impl Clocks {
    pub(super) fn of(&self, client: u64) -> u32 {
        self.0.get(&client).copied().unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first gap that these insertions would leave: the client, and the clock
    /// from which on it is missing.
    pub(super) fn gap(&self, inserts: &IdSet) -> Option<(u64, u32)> {
        inserts.iter().find_map(|(client, ranges)| {
            let mut known = self.of(client.get());
            for range in ranges.iter() {
                if range.start > known {
                    return Some((client.get(), known));
                }
                known = known.max(range.end);
            }
            None
        })
    }

    pub(super) fn advance(&mut self, inserts: &IdSet) {
        for (client, ranges) in inserts.iter() {
            let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
            let clock = self.0.entry(client.get()).or_insert(0);
            *clock = (*clock).max(end);
        }
    }
}
