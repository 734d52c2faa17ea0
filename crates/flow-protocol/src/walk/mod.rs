//! Reads an update of the v1 format without applying it.
//!
//! The walker checks every count and length against the bytes that remain, and
//! lets through only what yrs and yjs read alike; what else decodes in one of
//! them would poison the document for the other. It reports which clocks the
//! update brings and what each struct depends on. Later questions (is something
//! missing, does it touch what must not be touched) are answered by reading the
//! same bytes again through [`Walked::sections`], so that the memory a walk takes
//! does not grow with the number of structs.
//!
//! Format: `yjs/src/utils/encoding.js` and `structs/Item.js`; one section a
//! client with its structs, then the delete set.

mod content;
mod json;
mod structs;
mod value;

use std::collections::HashSet;

pub use structs::{ContentKind, Id, Parent, Struct, StructKind, TypeKind};

use crate::reader::{ReadError, Reader};
use crate::{CLOCK_MAX, UpdateLimits};
use structs::read_struct;

/// Why an update is refused. Every one of these is final: the same bytes will
/// never be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the update cannot be read")]
    Read(#[from] ReadError),
    #[error("client {0} has two sections")]
    ClientTwice(u64),
    #[error("something of length 0 at byte {0}")]
    Empty(usize),
    #[error("clocks of client {0} pass 2^31")]
    ClockOverflow(u64),
    #[error("struct kind {info:#04x} at byte {at} is not one that yrs and yjs read alike")]
    Kind { at: usize, info: u8 },
    #[error("type {type_ref} at byte {at} is not one that yrs and yjs read alike")]
    TypeRef { at: usize, type_ref: u64 },
    #[error("parent at byte {0} is neither a name nor an id")]
    Parent(usize),
    #[error("the struct at byte {0} depends on itself or on a later one of its own client")]
    SelfReference(usize),
    #[error("value kind {tag} at byte {at} is unknown")]
    ValueTag { at: usize, tag: u8 },
    #[error("a value at byte {0} is nested too deeply")]
    ValueDepth(usize),
    #[error("JSON at byte {0} is not whole, too deep, or uses what not both libraries read")]
    Json(usize),
    #[error("the key __proto__ at byte {0} would change an object's prototype in JavaScript")]
    ProtoKey(usize),
    #[error("{0} bytes follow the update")]
    Trailing(usize),
    #[error("decoding would take about {estimate} bytes of memory, for {len} bytes")]
    Memory { estimate: usize, len: usize },
}

/// One client's structs within an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    pub client: u64,
    /// Of the first struct.
    pub clock: u32,
    /// After the last struct.
    pub end: u32,
    /// How many structs.
    pub count: u64,
    /// Offset of the first struct's bytes.
    start: usize,
    /// Offset after the last struct's bytes.
    stop: usize,
    /// Whether one of the structs is a `Skip`, a hole in the client's clocks.
    pub has_skip: bool,
}

/// One client's deletions within an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteSection {
    pub client: u64,
    count: u64,
    start: usize,
    /// After the highest deleted clock.
    pub end: u32,
}

/// `len` clocks from `clock` on are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteRange {
    pub client: u64,
    pub clock: u32,
    pub len: u32,
}

/// An update that was read to its end and found sound.
#[derive(Debug, Clone)]
pub struct Walked<'a> {
    bytes: &'a [u8],
    sections: Vec<Section>,
    deletes: Vec<DeleteSection>,
    memory: usize,
}

/// Reads `bytes` as one update.
///
/// # Errors
/// [`WalkError`] at the first thing that must not be let through.
pub fn walk<'a>(bytes: &'a [u8], limits: &UpdateLimits) -> Result<Walked<'a>, WalkError> {
    let mut walker = Walker { reader: Reader::new(bytes), limits, memory: 0, roots: HashSet::new() };
    let sections = walker.sections()?;
    let deletes = walker.delete_sections()?;
    match walker.reader.remaining() {
        0 => {}
        rest => return Err(WalkError::Trailing(rest)),
    }
    let allowed = bytes.len().saturating_mul(limits.memory_factor).max(limits.memory_free_bytes);
    if walker.memory > allowed {
        return Err(WalkError::Memory { estimate: walker.memory, len: bytes.len() });
    }
    Ok(Walked { bytes, sections, deletes, memory: walker.memory })
}

struct Walker<'a, 'l> {
    reader: Reader<'a>,
    limits: &'l UpdateLimits,
    memory: usize,
    roots: HashSet<&'a str>,
}

/// Bytes yrs keeps for a client beside its structs: map entries and queues.
const CLIENT_MEMORY: usize = 800;
/// A root type, from its first mention on.
const ROOT_MEMORY: usize = 700;
/// Bytes yrs keeps for a client of whom something is deleted, twice likewise.
const DELETE_CLIENT_MEMORY: usize = 240;
/// Bytes yrs keeps for a deleted range, twice while it applies.
const DELETE_MEMORY: usize = 32;

impl<'a> Walker<'a, '_> {
    fn sections(&mut self) -> Result<Vec<Section>, WalkError> {
        // A section takes at least count, client, clock and a struct of two bytes.
        let clients = self.reader.count(5)?;
        let mut sections = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..clients {
            let at = self.reader.position();
            let count = self.reader.count(2)?;
            if count == 0 {
                return Err(WalkError::Empty(at));
            }
            let client = self.reader.client()?;
            if !seen.insert(client) {
                return Err(WalkError::ClientTwice(client));
            }
            let clock = self.reader.clock()?;
            sections.push(self.section(client, clock, count)?);
            self.memory += CLIENT_MEMORY;
        }
        Ok(sections)
    }

    fn section(&mut self, client: u64, clock: u32, count: u64) -> Result<Section, WalkError> {
        let start = self.reader.position();
        let mut end = clock;
        let mut has_skip = false;
        for _ in 0..count {
            let id = Id { client, clock: end };
            let read = read_struct(&mut self.reader, id, self.limits)?;
            has_skip |= matches!(read.kind, StructKind::Skip);
            self.memory = self.memory.saturating_add(read.memory);
            if let StructKind::Item { parent: Some(Parent::Root(name)), .. } = read.kind
                && self.roots.insert(name)
            {
                self.memory = self.memory.saturating_add(ROOT_MEMORY + name.len() * 2);
            }
            end = end
                .checked_add(read.len)
                .filter(|&end| end < CLOCK_MAX)
                .ok_or(WalkError::ClockOverflow(client))?;
        }
        Ok(Section { client, clock, end, count, start, stop: self.reader.position(), has_skip })
    }

    fn delete_sections(&mut self) -> Result<Vec<DeleteSection>, WalkError> {
        // Client, count, and one range of two bytes.
        let clients = self.reader.count(4)?;
        let mut sections = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..clients {
            let client = self.reader.client()?;
            if !seen.insert(client) {
                return Err(WalkError::ClientTwice(client));
            }
            let at = self.reader.position();
            let count = self.reader.count(2)?;
            if count == 0 {
                return Err(WalkError::Empty(at));
            }
            let start = self.reader.position();
            let mut end = 0;
            for _ in 0..count {
                let range = read_delete_range(&mut self.reader, client)?;
                end = end.max(range.clock + range.len);
                self.memory += DELETE_MEMORY;
            }
            sections.push(DeleteSection { client, count, start, end });
            self.memory += DELETE_CLIENT_MEMORY;
        }
        Ok(sections)
    }
}

fn read_delete_range(reader: &mut Reader<'_>, client: u64) -> Result<DeleteRange, WalkError> {
    let clock = reader.clock()?;
    let at = reader.position();
    let len = reader.clock()?;
    if len == 0 {
        return Err(WalkError::Empty(at));
    }
    match clock.checked_add(len) {
        Some(end) if end < CLOCK_MAX => Ok(DeleteRange { client, clock, len }),
        _ => Err(WalkError::ClockOverflow(client)),
    }
}

/// Why reading the same bytes a second time cannot fail.
const READ_BEFORE: &str = "the same bytes were read to their end when they were walked";

impl<'a> Walked<'a> {
    /// The bytes that were walked.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// One per client that writes in this update.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// One per client whose structs this update deletes.
    #[must_use]
    pub fn delete_sections(&self) -> &[DeleteSection] {
        &self.deletes
    }

    /// Whether it brings neither structs nor deletions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty() && self.deletes.is_empty()
    }

    /// About how many bytes of memory decoding and applying it takes.
    #[must_use]
    pub const fn memory(&self) -> usize {
        self.memory
    }

    /// The structs of a section, in order of their clocks.
    pub fn structs(&self, section: &Section) -> Structs<'a> {
        Structs {
            reader: Reader::from_offset(self.bytes, section.start),
            id: Id { client: section.client, clock: section.clock },
            left: section.count,
        }
    }

    /// Every deleted range.
    pub fn deleted(&self) -> impl Iterator<Item = DeleteRange> + use<'a, '_> {
        self.deletes.iter().flat_map(|section| {
            let mut reader = Reader::from_offset(self.bytes, section.start);
            (0..section.count)
                .map(move |_| read_delete_range(&mut reader, section.client).expect(READ_BEFORE))
        })
    }
}

/// The structs of one section; see [`Walked::structs`].
#[derive(Debug, Clone)]
pub struct Structs<'a> {
    reader: Reader<'a>,
    id: Id,
    left: u64,
}

impl<'a> Iterator for Structs<'a> {
    type Item = Struct<'a>;

    fn next(&mut self) -> Option<Struct<'a>> {
        self.left = self.left.checked_sub(1)?;
        let read = read_struct(&mut self.reader, self.id, &UpdateLimits::unlimited()).expect(READ_BEFORE);
        self.id.clock += read.len;
        Some(read)
    }
}

impl Section {
    /// The bytes of all its structs, as they stand in the update.
    pub(crate) const fn struct_bytes(&self) -> std::ops::Range<usize> {
        self.start..self.stop
    }
}

#[cfg(test)]
mod tests;
