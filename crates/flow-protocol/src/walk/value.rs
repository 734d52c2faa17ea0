use super::WalkError;
use super::structs::read_key;
use crate::reader::Reader;

// Tags of lib0's `any` encoding (lib0/src/encoding.js, `writeAny`). Left out, and
// refused: 122 (BigInt), which yrs writes back as a plain number, so that who joins
// later reads another value than who was there.
const BUFFER: u8 = 116;
const ARRAY: u8 = 117;
const OBJECT: u8 = 118;
const STRING: u8 = 119;
const TRUE: u8 = 120;
const FALSE: u8 = 121;
const FLOAT64: u8 = 123;
const FLOAT32: u8 = 124;
const INTEGER: u8 = 125;
const NULL: u8 = 126;
const UNDEFINED: u8 = 127;

/// What yrs takes for any value, for an object and for each of its entries.
const VALUE_MEMORY: usize = 32;
const OBJECT_MEMORY: usize = 80;
/// Room for entries is made for several at once.
const FIRST_ENTRY_MEMORY: usize = 120;
const ENTRY_MEMORY: usize = 100;

/// Reads one value to its end, without building it; answers about how much
/// memory yrs takes for it. Keeps its own stack: a value nested a million deep
/// costs a counter here and would cost yrs its thread's stack.
pub(super) fn skip_value(reader: &mut Reader<'_>, depth_max: u32) -> Result<usize, WalkError> {
    let mut memory = 0_usize;
    // How many values each open list or object still lacks, outermost first.
    let mut open: Vec<Open> = Vec::new();
    loop {
        if let Some(Open { object: true, .. }) = open.last() {
            memory += ENTRY_MEMORY + read_key(reader)?.len();
        }
        let at = reader.position();
        let (entered, bytes) = skip_one(reader)?;
        memory = memory.saturating_add(bytes);
        match entered {
            Some(next) if next.left > 0 => {
                if open.len() as u64 >= u64::from(depth_max) {
                    return Err(WalkError::ValueDepth(at));
                }
                open.push(next);
                continue;
            }
            Some(_) | None => {}
        }
        while let Some(innermost) = open.last_mut() {
            innermost.left -= 1;
            if innermost.left > 0 {
                break;
            }
            open.pop();
        }
        if open.is_empty() {
            return Ok(memory);
        }
    }
}

struct Open {
    left: u64,
    object: bool,
}

fn skip_one(reader: &mut Reader<'_>) -> Result<(Option<Open>, usize), WalkError> {
    let at = reader.position();
    let tag = reader.u8()?;
    let mut memory = VALUE_MEMORY;
    let mut entered = None;
    match tag {
        UNDEFINED | NULL | TRUE | FALSE => {}
        INTEGER => reader.skip_var_int()?,
        FLOAT32 => drop(reader.take(4)?),
        FLOAT64 => drop(reader.take(8)?),
        STRING => memory += reader.string()?.len() + 16,
        BUFFER => memory += reader.buffer()?.len() + 16,
        ARRAY => {
            memory += 16;
            entered = Some(Open { left: reader.count(1)?, object: false });
        }
        OBJECT => {
            memory += OBJECT_MEMORY;
            // A key's length and a value's tag.
            let left = reader.count(2)?;
            memory += if left > 0 { FIRST_ENTRY_MEMORY } else { 0 };
            entered = Some(Open { left, object: true });
        }
        _ => return Err(WalkError::ValueTag { at, tag }),
    }
    Ok((entered, memory))
}
