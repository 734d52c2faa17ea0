//! An update taken apart, so that it can be changed struct by struct.

use flow_protocol::walk::{Id, Parent, Struct, StructKind, Walked};
use flow_protocol::{UpdateLimits, walk};

/// An update; nothing in it needs to be sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub sections: Vec<Section>,
    /// Client, first clock, how many.
    pub deleted: Vec<(u64, Vec<(u32, u32)>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub client: u64,
    pub clock: u32,
    pub pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Gc(u32),
    Skip(u32),
    Item(Item),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub origin: Option<Id>,
    pub right_origin: Option<Id>,
    /// Written only where there is neither origin.
    pub within: Within,
    /// Likewise; without it the flag may stand all the same.
    pub key: Option<String>,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    Root(String),
    Item(Id),
}

/// A content as it stands in the update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub kind: u8,
    /// In clocks.
    pub len: u32,
    pub bytes: Vec<u8>,
}

impl Model {
    /// Reads what the walker lets through; nothing else.
    #[must_use]
    pub fn read(update: &[u8]) -> Option<Self> {
        let walked = walk(update, &UpdateLimits::unlimited()).ok()?;
        let section = |section: &flow_protocol::walk::Section| Section {
            client: section.client,
            clock: section.clock,
            pieces: walked.structs(section).map(|read| piece(&walked, &read)).collect(),
        };
        let sections = walked.sections().iter().map(section).collect();
        let ranges: Vec<_> = walked.deleted().collect();
        let deleted = ranges
            .chunk_by(|a, b| a.client == b.client)
            .map(|of| (of[0].client, of.iter().map(|range| (range.clock, range.len)).collect()))
            .collect();
        Some(Self { sections, deleted })
    }

    /// The update's bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let sections: Vec<_> = self.sections.iter().filter(|section| !section.pieces.is_empty()).collect();
        uint(&mut out, sections.len() as u64);
        for Section { client, clock, pieces } in sections {
            uint(&mut out, pieces.len() as u64);
            uint(&mut out, *client);
            uint(&mut out, u64::from(*clock));
            pieces.iter().for_each(|piece| piece.write(&mut out));
        }
        let deleted: Vec<_> = self.deleted.iter().filter(|(_, ranges)| !ranges.is_empty()).collect();
        uint(&mut out, deleted.len() as u64);
        for (client, ranges) in deleted {
            uint(&mut out, *client);
            uint(&mut out, ranges.len() as u64);
            for (clock, len) in ranges {
                uint(&mut out, u64::from(*clock));
                uint(&mut out, u64::from(*len));
            }
        }
        out
    }
}

impl Piece {
    #[must_use]
    pub const fn clocks(&self) -> u32 {
        match self {
            Self::Gc(len) | Self::Skip(len) => *len,
            Self::Item(item) => item.content.len,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Gc(len) => {
                out.push(0);
                uint(out, u64::from(*len));
            }
            Self::Skip(len) => {
                out.push(10);
                uint(out, u64::from(*len));
            }
            Self::Item(item) => item.write(out),
        }
    }
}

impl Item {
    fn write(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.origin.is_some(), 0x80)
            | flag(self.right_origin.is_some(), 0x40)
            | flag(self.key.is_some(), 0x20);
        out.push(self.content.kind | flags);
        for id in [self.origin, self.right_origin].into_iter().flatten() {
            write_id(out, id);
        }
        if self.origin.is_none() && self.right_origin.is_none() {
            match &self.within {
                Within::Root(name) => {
                    out.push(1);
                    buffer(out, name.as_bytes());
                }
                Within::Item(id) => {
                    out.push(0);
                    write_id(out, *id);
                }
            }
            if let Some(key) = &self.key {
                buffer(out, key.as_bytes());
            }
        }
        out.extend_from_slice(&self.content.bytes);
    }
}

fn piece(walked: &Walked<'_>, read: &Struct<'_>) -> Piece {
    match &read.kind {
        StructKind::Gc => Piece::Gc(read.len),
        StructKind::Skip => Piece::Skip(read.len),
        StructKind::Item { origin, right_origin, parent, key, .. } => {
            let within = match parent {
                Some(Parent::Item(id)) => Within::Item(*id),
                Some(Parent::Root(name)) => Within::Root((*name).to_owned()),
                None => Within::Root("t".to_owned()),
            };
            let bytes = &walked.bytes()[read.range()];
            // Beside an origin the flag may stand without a key.
            let key = key.or_else(|| (bytes[0] & 0x20 != 0).then_some("k"));
            let mut item = Item {
                origin: *origin,
                right_origin: *right_origin,
                within,
                key: key.map(str::to_owned),
                content: Content { kind: bytes[0] & 0x1f, len: read.len, bytes: Vec::new() },
            };
            // The content is what follows the header, whose spelling is the only one.
            let mut header = Vec::new();
            item.write(&mut header);
            item.content.bytes = bytes[header.len()..].to_vec();
            Piece::Item(item)
        }
    }
}

fn write_id(out: &mut Vec<u8>, id: Id) {
    uint(out, id.client);
    uint(out, u64::from(id.clock));
}

pub(crate) fn buffer(out: &mut Vec<u8>, bytes: &[u8]) {
    uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// lib0's `varUint`.
pub(crate) fn uint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use crate::mutate::fresh;

    #[test]
    fn what_is_taken_apart_is_put_together_again() {
        let mut random = Random::new(7);
        let mut read = 0;
        for _ in 0..2_000 {
            for model in fresh(&mut random) {
                let bytes = model.write();
                let Some(again) = Model::read(&bytes) else { continue };
                assert_eq!(again.write(), bytes);
                read += 1;
            }
        }
        assert!(read > 2_000, "only {read} updates of 4,000 were read");
    }
}
