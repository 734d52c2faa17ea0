use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use crate::split::{write_deletes, write_var_uint};
use crate::walk::{DeleteRange, Section, Walked};

/// What is kept of one client's structs: pieces of the parts, one clock after the other.
struct Joined {
    clock: u32,
    end: u32,
    count: u64,
    /// The place of a part, and where in its bytes.
    pieces: Vec<(usize, Range<usize>)>,
}

/// One update that says what these say one after the other, made by copying their bytes:
/// it takes as long as that, where merging reads every struct. Later parts may repeat what
/// earlier ones have. `None` where this cannot be done: they leave a hole, or a struct
/// begins in what is there already and goes on after it.
///
/// Format: as for [`walk`](crate::walk()).
#[must_use]
pub fn concatenate(parts: &[Walked<'_>]) -> Option<Bytes> {
    let mut clients: BTreeMap<u64, Joined> = BTreeMap::new();
    let mut deletes: Vec<DeleteRange> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        for section in part.sections() {
            join(&mut clients, at, part, section)?;
        }
        deletes.extend(part.deleted());
    }
    let structs: usize = parts.iter().map(|part| part.bytes().len()).sum();
    let mut out = Vec::with_capacity(structs + 16);
    write_var_uint(&mut out, clients.len() as u64);
    for (client, joined) in clients {
        write_var_uint(&mut out, joined.count);
        write_var_uint(&mut out, client);
        write_var_uint(&mut out, u64::from(joined.clock));
        for (at, piece) in joined.pieces {
            out.extend_from_slice(&parts[at].bytes()[piece]);
        }
    }
    write_deletes(&mut out, &coalesced(deletes));
    Some(Bytes::from(out))
}

fn join(clients: &mut BTreeMap<u64, Joined>, at: usize, part: &Walked<'_>, section: &Section) -> Option<()> {
    let whole = (section.clock, section.count, section.struct_bytes());
    let Some(joined) = clients.get_mut(&section.client) else {
        let (clock, count, piece) = whole;
        let joined = Joined { clock, end: section.end, count, pieces: vec![(at, piece)] };
        clients.insert(section.client, joined);
        return (!section.has_skip).then_some(());
    };
    if section.has_skip || !(joined.clock..=joined.end).contains(&section.clock) {
        return None;
    }
    if section.end <= joined.end {
        return Some(());
    }
    let (clock, count, piece) = if section.clock == joined.end {
        whole
    } else {
        let known = part.structs(section).take_while(|known| known.end() <= joined.end).count();
        let next = part.structs(section).nth(known)?;
        (next.id.clock, section.count - known as u64, next.range().start..section.struct_bytes().end)
    };
    if clock != joined.end {
        return None;
    }
    joined.end = section.end;
    joined.count += count;
    joined.pieces.push((at, piece));
    Some(())
}

/// In order, each clock once.
fn coalesced(mut ranges: Vec<DeleteRange>) -> Vec<DeleteRange> {
    ranges.sort_unstable_by_key(|range| (range.client, range.clock));
    let mut joined: Vec<DeleteRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.client == range.client && range.clock <= last.clock + last.len => {
                last.len = last.len.max(range.clock + range.len - last.clock);
            }
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use yrs::updates::decoder::Decode;
    use yrs::updates::encoder::Encode;
    use yrs::{Doc, ReadTxn, StateVector, Text, Transact, Update};

    use super::*;
    use crate::{UpdateLimits, walk};

    fn joined(parts: &[Vec<u8>]) -> Option<Bytes> {
        let walks: Vec<_> =
            parts.iter().map(|part| walk(part, &UpdateLimits::unlimited()).unwrap()).collect();
        concatenate(&walks)
    }

    fn state(parts: &[&[u8]]) -> Vec<u8> {
        let doc = Doc::with_client_id(99);
        for part in parts {
            doc.transact_mut().apply_update(Update::decode_v1(part).unwrap()).unwrap();
        }
        let txn = doc.transact();
        assert!(txn.store().pending_update().is_none(), "something is missing");
        txn.encode_diff_v1(&StateVector::default())
    }

    /// Two clients that write and delete in turn, and know of each other.
    fn session() -> Vec<Vec<u8>> {
        let docs = [Doc::with_client_id(7), Doc::with_client_id(3)];
        let mut updates = Vec::new();
        for step in 0..40_u32 {
            let at = (step % 2) as usize;
            let text = docs[at].get_or_insert_text("t");
            let mut txn = docs[at].transact_mut();
            if step % 5 == 4 {
                text.remove_range(&mut txn, step % 3, 2);
            } else {
                text.insert(&mut txn, 0, "ab");
            }
            let update = txn.encode_update_v1();
            drop(txn);
            let other = &docs[1 - at];
            other.transact_mut().apply_update(Update::decode_v1(&update).unwrap()).unwrap();
            updates.push(update);
        }
        updates
    }

    #[test]
    fn what_is_concatenated_says_what_the_parts_say() {
        let updates = session();
        let parts: Vec<&[u8]> = updates.iter().map(Vec::as_slice).collect();
        for split in [0, 1, 7, 39, 40] {
            let snapshot = state(&parts[..split]);
            let tail = [vec![snapshot], updates[split..].to_vec()].concat();
            let joined = joined(&tail).unwrap();
            walk(&joined, &UpdateLimits::unlimited()).unwrap();
            assert_eq!(state(&[&joined]), state(&parts));
            let again = Update::decode_v1(&joined).unwrap().encode_v1();
            assert_eq!(state(&[&again]), state(&parts));
        }
    }

    /// A client that moves to another node sends again what the first has stored.
    #[test]
    fn what_is_stored_twice_is_taken_once() {
        let updates = session();
        let repeated = [&updates[..20], &updates[10..]].concat();
        assert_eq!(joined(&repeated), joined(&updates));
    }

    /// One update of the first thirty steps, behind one of twenty.
    #[test]
    fn a_part_that_goes_on_from_the_middle_of_what_is_there_adds_its_rest() {
        let updates = session();
        let parts: Vec<&[u8]> = updates.iter().map(Vec::as_slice).collect();
        let joined = joined(&[state(&parts[..20]), state(&parts[..30])]).unwrap();
        assert_eq!(state(&[&joined]), state(&parts[..30]));
    }

    #[test]
    fn a_struct_that_goes_on_after_what_is_there_is_refused() {
        let doc = Doc::with_client_id(7);
        let text = doc.get_or_insert_text("t");
        text.insert(&mut doc.transact_mut(), 0, "ab");
        let before = doc.transact().encode_diff_v1(&StateVector::default());
        text.insert(&mut doc.transact_mut(), 2, "cd");
        let whole = doc.transact().encode_diff_v1(&StateVector::default());
        assert_eq!(joined(&[before.clone(), whole.clone()]), None);
        assert_eq!(joined(&[whole.clone(), before]).as_deref(), Some(&whole[..]));
    }

    #[test]
    fn a_hole_is_refused() {
        let updates = session();
        assert_eq!(joined(&[&updates[..10], &updates[14..]].concat()), None);
        let with_hole = yrs::merge_updates_v1([&updates[0], &updates[6]]).unwrap();
        assert_eq!(joined(std::slice::from_ref(&with_hole)), None);
        assert_eq!(joined(&[updates[0].clone(), with_hole]), None);
    }

    #[test]
    fn what_is_deleted_twice_is_said_once() {
        let deleted = |clock, len| vec![0, 1, 7, 1, clock, len];
        let joined = |one, two| joined(&[one, two]).unwrap().to_vec();
        assert_eq!(joined(deleted(0, 10), deleted(2, 3)), deleted(0, 10), "within");
        assert_eq!(joined(deleted(4, 4), deleted(2, 3)), deleted(2, 6), "in part");
        assert_eq!(joined(deleted(4, 4), deleted(2, 2)), deleted(2, 6), "beside");
        assert_eq!(joined(deleted(4, 4), deleted(2, 1)), [0, 1, 7, 2, 2, 1, 4, 4], "apart");
    }

    /// What an earlier part lacks is no repetition, though its clocks are lower.
    #[test]
    fn what_comes_too_late_is_refused() {
        let updates = session();
        assert_eq!(joined(&[updates[2].clone(), updates[0].clone()]), None);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(joined(&[]).unwrap()[..], [0, 0]);
    }
}
