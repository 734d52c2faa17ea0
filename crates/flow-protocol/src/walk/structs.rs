use std::ops::Range;

use super::WalkError;
use super::content::read_content;
use crate::UpdateLimits;
use crate::reader::Reader;

/// The identity of one clock of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    pub client: u64,
    pub clock: u32,
}

/// One struct of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Struct<'a> {
    /// Of its first clock.
    pub id: Id,
    /// How many clocks it covers; at least 1.
    pub len: u32,
    pub kind: StructKind<'a>,
    /// Where its bytes stand in the update.
    pub(crate) bytes: Range<usize>,
    /// About how much memory yrs takes for it, in bytes.
    pub(crate) memory: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StructKind<'a> {
    /// Deleted and collected: only its length is left.
    Gc,
    /// A hole: the writer of the update did not have these clocks.
    Skip,
    Item {
        origin: Option<Id>,
        right_origin: Option<Id>,
        /// `None` where it is that of the origin.
        parent: Option<Parent<'a>>,
        /// The key, if the parent is a map and an explicit one.
        key: Option<&'a str>,
        content: ContentKind,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent<'a> {
    /// A root type by its name.
    Root(&'a str),
    /// The type that this item holds.
    Item(Id),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    Deleted,
    Binary,
    String,
    Embed,
    Format,
    Type(TypeKind),
    Any,
}

/// What kind of shared type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    Array,
    Map,
    /// Also text within XML.
    Text,
    /// An XML element or fragment.
    Xml,
}

impl Struct<'_> {
    /// The clock after its last.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.id.clock + self.len
    }

    /// Where its bytes stand in the update.
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.bytes.start..self.bytes.end
    }

    /// Whether it is a hole, which stands for no clocks of its own.
    #[must_use]
    pub const fn is_skip(&self) -> bool {
        matches!(self.kind, StructKind::Skip)
    }

    /// The ids that a document must hold before this struct can be integrated.
    pub fn dependencies(&self) -> impl Iterator<Item = Id> {
        let (origin, right, parent) = match &self.kind {
            StructKind::Item { origin, right_origin, parent, .. } => {
                (*origin, *right_origin, parent.as_ref())
            }
            StructKind::Gc | StructKind::Skip => (None, None, None),
        };
        let parent = match parent {
            Some(Parent::Item(id)) => Some(*id),
            Some(Parent::Root(_)) | None => None,
        };
        [origin, right, parent].into_iter().flatten()
    }
}

const GC: u8 = 0;
const SKIP: u8 = 10;
const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
/// yjs reads the content kind from five bits, yrs from four; the fifth must be
/// zero for them to agree.
const KIND_BITS: u8 = 0x1f;

/// About what yrs allocates: an `Item` with its place in the block list, while
/// the decoded update still holds it too.
const ITEM_MEMORY: usize = 310;
/// A range in a block list, in the update and in the document.
const RANGE_MEMORY: usize = 72;
/// An entry in a type's map and in the list of what a transaction changed.
const KEY_MEMORY: usize = 240;
/// A type in a map's entry: what a flow's document makes of a node or an edge.
const KEYED_TYPE_MEMORY: usize = 300;

pub(super) fn read_struct<'a>(
    reader: &mut Reader<'a>,
    id: Id,
    limits: &UpdateLimits,
) -> Result<Struct<'a>, WalkError> {
    let start = reader.position();
    let info = reader.u8()?;
    let (kind, len, memory) = match info {
        GC => (StructKind::Gc, read_len(reader)?, RANGE_MEMORY),
        SKIP => (StructKind::Skip, read_len(reader)?, RANGE_MEMORY),
        // With flags set, yjs reads these two as GC and Skip, yrs as items.
        _ if matches!(info & KIND_BITS, GC | SKIP) => return Err(WalkError::Kind { at: start, info }),
        _ => read_item(reader, start, info, id, limits)?,
    };
    Ok(Struct { id, len, kind, bytes: start..reader.position(), memory })
}

fn read_item<'a>(
    reader: &mut Reader<'a>,
    start: usize,
    info: u8,
    id: Id,
    limits: &UpdateLimits,
) -> Result<(StructKind<'a>, u32, usize), WalkError> {
    let origin = if info & HAS_ORIGIN != 0 { Some(read_id(reader, start, id)?) } else { None };
    let right_origin = if info & HAS_RIGHT_ORIGIN != 0 { Some(read_id(reader, start, id)?) } else { None };
    let explicit = origin.is_none() && right_origin.is_none();
    let parent = if explicit { Some(read_parent(reader, start, id)?) } else { None };
    // Without an explicit parent the flag stands, but no key follows: both
    // libraries copy the key from the origin.
    let key = if explicit && info & HAS_KEY != 0 { Some(read_key(reader)?) } else { None };
    let (content, len, memory) = read_content(reader, start, info, limits)?;
    let keyed = key.map_or(0, |key| key.len() + KEY_MEMORY);
    let typed = matches!((key, content), (Some(_), ContentKind::Type(_)));
    let memory = ITEM_MEMORY + memory + keyed + if typed { KEYED_TYPE_MEMORY } else { 0 };
    Ok((StructKind::Item { origin, right_origin, parent, key, content }, len, memory))
}

fn read_len(reader: &mut Reader<'_>) -> Result<u32, WalkError> {
    let at = reader.position();
    match reader.clock()? {
        0 => Err(WalkError::Empty(at)),
        len => Ok(len),
    }
}

/// An id that the struct `of` depends on: of another client, or earlier.
fn read_id(reader: &mut Reader<'_>, start: usize, of: Id) -> Result<Id, WalkError> {
    let id = Id { client: reader.client()?, clock: reader.clock()? };
    if id.client == of.client && id.clock >= of.clock {
        return Err(WalkError::SelfReference(start));
    }
    Ok(id)
}

fn read_parent<'a>(reader: &mut Reader<'a>, start: usize, of: Id) -> Result<Parent<'a>, WalkError> {
    let at = reader.position();
    match reader.u8()? {
        1 => Ok(Parent::Root(read_key(reader)?)),
        0 => Ok(Parent::Item(read_id(reader, start, of)?)),
        _ => Err(WalkError::Parent(at)),
    }
}

/// A name that becomes a key of a JavaScript object once the document is read
/// as JSON.
pub(super) fn read_key<'a>(reader: &mut Reader<'a>) -> Result<&'a str, WalkError> {
    let at = reader.position();
    match reader.string()? {
        "__proto__" => Err(WalkError::ProtoKey(at)),
        key => Ok(key),
    }
}
