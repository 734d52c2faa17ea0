use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::walk::{DeleteRange, Section, Struct, StructKind, Structs, Walked};

/// An update taken apart by what a document already holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// Everything it depends on is there: apply it as it is.
    Whole,
    /// Something is missing. `ready` can be applied now (an update that may be
    /// empty), `rest` can not.
    Parts { ready: Option<Vec<u8>>, rest: Vec<u8> },
}

impl Walked<'_> {
    /// Decides what of this update a document can integrate whose structs reach
    /// up to `known(client)`. A struct is ready when its own client has no gap
    /// before it and everything it names as origin or parent is there or ready.
    /// Nothing that is not ready may reach a document: it would stay there as
    /// pending, where every encoder carries it on.
    ///
    /// Work is proportional to the structs, whatever order they come in: a
    /// client that waits is looked at again only when what it waits for is there.
    pub fn split(&self, known: impl Fn(u64) -> u32) -> Split {
        let mut cursors = Cursors::new(self, known);
        cursors.advance_all(|_| {});
        let deletes_wait =
            self.delete_sections().iter().any(|section| section.end > cursors.state(section.client));
        if !deletes_wait && cursors.all_done() {
            return Split::Whole;
        }
        let (ready, rest) = self.deletes_by(&mut cursors);
        let ready = cursors.encode(Side::Ready, &ready);
        Split::Parts { ready: (!is_empty(&ready)).then_some(ready), rest: cursors.encode(Side::Rest, &rest) }
    }

    /// Visits the structs that a document at `known` can integrate, each after
    /// everything it depends on.
    pub(crate) fn visit_in_order(&self, known: impl Fn(u64) -> u32, visit: impl FnMut(&Struct<'_>)) {
        Cursors::new(self, known).advance_all(visit);
    }

    fn deletes_by(
        &self,
        cursors: &mut Cursors<'_, impl Fn(u64) -> u32>,
    ) -> (Vec<DeleteRange>, Vec<DeleteRange>) {
        let (mut ready, mut rest) = (Vec::new(), Vec::new());
        for range in self.deleted() {
            let state = cursors.state(range.client).clamp(range.clock, range.clock + range.len);
            let below = state - range.clock;
            if below > 0 {
                ready.push(DeleteRange { len: below, ..range });
            }
            if below < range.len {
                rest.push(DeleteRange { clock: state, len: range.len - below, ..range });
            }
        }
        (ready, rest)
    }
}

fn is_empty(update: &[u8]) -> bool {
    update == [0, 0]
}

#[derive(Clone, Copy)]
enum Side {
    Ready,
    Rest,
}

/// How far each client's structs are ready.
struct Cursor<'a> {
    section: Section,
    structs: Structs<'a>,
    /// How many structs are ready.
    ready: u64,
    /// Where the ready bytes stop and, in clocks, the rest begins.
    stop: usize,
    rest_clock: u32,
    /// After the last ready clock, skips not counted.
    reached: u32,
}

struct Cursors<'a, F> {
    bytes: &'a [u8],
    cursors: Vec<Cursor<'a>>,
    by_client: HashMap<u64, usize>,
    known: F,
    /// Client id → cursors that wait for it to pass a clock, lowest first.
    waiting: HashMap<u64, BinaryHeap<Reverse<(u32, usize)>>>,
}

impl<'a, F: Fn(u64) -> u32> Cursors<'a, F> {
    fn new(walked: &Walked<'a>, known: F) -> Self {
        let cursors: Vec<_> = walked
            .sections()
            .iter()
            .map(|section| Cursor {
                structs: walked.structs(section),
                ready: 0,
                stop: section.struct_bytes().start,
                rest_clock: section.clock,
                reached: known(section.client),
                section: *section,
            })
            .collect();
        let by_client = cursors.iter().enumerate().map(|(at, cursor)| (cursor.section.client, at)).collect();
        Self { bytes: walked.bytes(), cursors, by_client, known, waiting: HashMap::new() }
    }

    /// The clock up to which a client is there or ready.
    fn state(&self, client: u64) -> u32 {
        self.by_client.get(&client).map_or_else(|| (self.known)(client), |&at| self.cursors[at].reached)
    }

    fn all_done(&self) -> bool {
        self.cursors.iter().all(|cursor| cursor.ready == cursor.section.count)
    }

    fn advance_all(&mut self, mut ready: impl FnMut(&Struct<'a>)) {
        let mut turn: Vec<usize> = (0..self.cursors.len()).rev().collect();
        while let Some(at) = turn.pop() {
            self.advance(at, &mut ready);
            let Cursor { section, reached, .. } = self.cursors[at];
            let Some(waiting) = self.waiting.get_mut(&section.client) else { continue };
            while waiting.peek().is_some_and(|Reverse((clock, _))| *clock < reached) {
                turn.extend(waiting.pop().map(|Reverse((_, waiter))| waiter));
            }
        }
    }

    /// Moves one cursor on until its structs end or one has to wait.
    fn advance(&mut self, at: usize, ready: &mut impl FnMut(&Struct<'a>)) {
        loop {
            let mut ahead = self.cursors[at].structs.clone();
            let Some(next) = ahead.next() else { return };
            let reached = self.cursors[at].reached;
            if matches!(next.kind, StructKind::Skip) {
                // A hole matters only for what comes after it.
            } else if next.id.clock > reached {
                return; // a gap in this client: nothing in this update fills it
            } else if next.end() > reached {
                let missing = next.dependencies().find(|id| self.state(id.client) <= id.clock);
                if let Some(id) = missing {
                    self.waiting.entry(id.client).or_default().push(Reverse((id.clock, at)));
                    return;
                }
            }
            ready(&next);
            let cursor = &mut self.cursors[at];
            cursor.structs = ahead;
            cursor.ready += 1;
            cursor.stop = next.bytes.end;
            cursor.rest_clock = next.end();
            if !matches!(next.kind, StructKind::Skip) {
                cursor.reached = reached.max(next.end());
            }
        }
    }

    fn encode(&self, side: Side, deletes: &[DeleteRange]) -> Vec<u8> {
        let parts: Vec<_> = self.cursors.iter().filter_map(|cursor| cursor.part(side)).collect();
        let mut out = Vec::new();
        write_var_uint(&mut out, parts.len() as u64);
        for (count, client, clock, range) in parts {
            write_var_uint(&mut out, count);
            write_var_uint(&mut out, client);
            write_var_uint(&mut out, u64::from(clock));
            out.extend_from_slice(&self.bytes[range]);
        }
        write_deletes(&mut out, deletes);
        out
    }
}

impl Cursor<'_> {
    fn part(&self, side: Side) -> Option<(u64, u64, u32, std::ops::Range<usize>)> {
        let Section { client, clock, count, .. } = self.section;
        let bytes = self.section.struct_bytes();
        let (count, clock, range) = match side {
            Side::Ready => (self.ready, clock, bytes.start..self.stop),
            Side::Rest => (count - self.ready, self.rest_clock, self.stop..bytes.end),
        };
        (count > 0).then_some((count, client, clock, range))
    }
}

/// Ranges of one client stand together, as the walker yields them.
pub(crate) fn write_deletes(out: &mut Vec<u8>, deletes: &[DeleteRange]) {
    let clients: Vec<_> = deletes.chunk_by(|a, b| a.client == b.client).collect();
    write_var_uint(out, clients.len() as u64);
    for ranges in clients {
        write_var_uint(out, ranges[0].client);
        write_var_uint(out, ranges.len() as u64);
        for range in ranges {
            write_var_uint(out, u64::from(range.clock));
            write_var_uint(out, u64::from(range.len));
        }
    }
}

pub(crate) fn write_var_uint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

#[cfg(test)]
mod tests;
