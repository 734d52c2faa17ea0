use super::WalkError;
use super::json::check_json;
use super::structs::{ContentKind, TypeKind, read_key};
use super::value::skip_value;
use crate::UpdateLimits;
use crate::reader::Reader;

// `contentRefs` of yjs/src/structs/Item.js. Left out, and refused: 2 (JSON), of
// which yrs reads one string too many; 9 (sub-documents), which a flow has not;
// 11 (moves), which yjs does not know.
const DELETED: u8 = 1;
const BINARY: u8 = 3;
const STRING: u8 = 4;
const EMBED: u8 = 5;
const FORMAT: u8 = 6;
const TYPE: u8 = 7;
const ANY: u8 = 8;

// `typeRefs` of yjs/src/structs/ContentType.js. Left out, and refused: 5 (XmlHook), as
// yjs reads a name behind it and yrs does not, and all that only yrs knows.
const TYPE_ARRAY: u64 = 0;
const TYPE_MAP: u64 = 1;
const TYPE_TEXT: u64 = 2;
const TYPE_XML_ELEMENT: u64 = 3;
const TYPE_XML_FRAGMENT: u64 = 4;
const TYPE_XML_TEXT: u64 = 6;

/// A list of values beside its item.
const ANY_MEMORY: usize = 100;

/// A type's own allocation beside its item.
const TYPE_MEMORY: usize = 320;

/// Reads an item's content; answers its kind, its length in clocks and about
/// how much memory yrs takes for it.
pub(super) fn read_content(
    reader: &mut Reader<'_>,
    start: usize,
    info: u8,
    limits: &UpdateLimits,
) -> Result<(ContentKind, u32, usize), WalkError> {
    // The flags are gone, the fifth bit stays: with it set no arm matches.
    match info & 0x1f {
        DELETED => {
            let at = reader.position();
            let len = nonzero(reader.clock()?, at)?;
            Ok((ContentKind::Deleted, len, 0))
        }
        BINARY => {
            let bytes = reader.buffer()?;
            Ok((ContentKind::Binary, 1, bytes.len()))
        }
        STRING => {
            let at = reader.position();
            let text = reader.string()?;
            let len = u32::try_from(utf16_len(text)).map_err(|_| WalkError::Empty(at))?;
            Ok((ContentKind::String, nonzero(len, at)?, text.len()))
        }
        EMBED => Ok((ContentKind::Embed, 1, read_json(reader, limits)?)),
        FORMAT => {
            let key = read_key(reader)?;
            Ok((ContentKind::Format, 1, key.len() + read_json(reader, limits)?))
        }
        TYPE => {
            let kind = read_type(reader)?;
            Ok((ContentKind::Type(kind), 1, TYPE_MEMORY))
        }
        ANY => read_any(reader, limits),
        _ => Err(WalkError::Kind { at: start, info }),
    }
}

fn nonzero(len: u32, at: usize) -> Result<u32, WalkError> {
    if len == 0 { Err(WalkError::Empty(at)) } else { Ok(len) }
}

/// Yjs counts text in UTF-16 units.
fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn read_json(reader: &mut Reader<'_>, limits: &UpdateLimits) -> Result<usize, WalkError> {
    let at = reader.position();
    check_json(reader.string()?, limits.value_depth).map_err(|refusal| refusal.at(at))
}

fn read_type(reader: &mut Reader<'_>) -> Result<TypeKind, WalkError> {
    let at = reader.position();
    match reader.var_uint()? {
        TYPE_ARRAY => Ok(TypeKind::Array),
        TYPE_MAP => Ok(TypeKind::Map),
        TYPE_TEXT | TYPE_XML_TEXT => Ok(TypeKind::Text),
        TYPE_XML_ELEMENT => read_key(reader).map(|_| TypeKind::Xml),
        TYPE_XML_FRAGMENT => Ok(TypeKind::Xml),
        type_ref => Err(WalkError::TypeRef { at, type_ref }),
    }
}

fn read_any(reader: &mut Reader<'_>, limits: &UpdateLimits) -> Result<(ContentKind, u32, usize), WalkError> {
    let at = reader.position();
    let count = nonzero(reader.clock()?, at)?;
    if u64::from(count) > reader.remaining() as u64 {
        return Err(crate::ReadError::Count { at, count: u64::from(count) }.into());
    }
    let mut memory = ANY_MEMORY;
    for _ in 0..count {
        memory = memory.saturating_add(skip_value(reader, limits.value_depth)?);
    }
    Ok((ContentKind::Any, count, memory))
}
