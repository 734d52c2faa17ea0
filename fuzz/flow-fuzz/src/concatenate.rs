//! Target `concatenate`: updates of a log, said in one without reading them anew.
//!
//! Either real edits make the log, or strangers do, whose updates a room has let in.
//! What is concatenated must hold each struct that the log brings once, as it stands
//! there, and come to the same document; what is not must be one of the two things it is
//! documented not to do.

use std::collections::BTreeMap;

use flow_protocol::{Places, UpdateLimits, Walked, check_update, concatenate, walk};
use yrs::updates::decoder::Decode;
use yrs::{Doc, ReadTxn, Transact, Update};

use crate::edits;
use crate::updates::{admit, clock, new_doc, parts};
use crate::view::seen;
use crate::yjs::Seen;

/// Which kind of log the first byte of an input asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two updates, as [`crate::updates`] has them, and parts of them again.
    Strangers,
    /// The rest is choices, one a byte.
    Edits,
    /// Likewise, stored in whatever order they come, with holes.
    EditsInDisorder,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Strangers, Self::Edits, Self::EditsInDisorder, Self::Edits];

    #[must_use]
    pub const fn of(first: u8) -> Self {
        Self::ALL[first as usize % Self::ALL.len()]
    }
}

/// Concatenates the log that the input makes; answers whether that could be done.
///
/// # Panics
/// Where a promise is broken.
pub fn check(input: &[u8]) -> bool {
    let Some((first, rest)) = input.split_first() else { return false };
    match Kind::of(*first) {
        Kind::Strangers => {
            let (one, two) = parts(rest);
            for raw in [[one, two, one], [two, one, two]] {
                let sound = |bytes: &&[u8]| walk(bytes, &UpdateLimits::default()).is_ok();
                let sound: Vec<_> = raw.into_iter().filter(sound).map(<[u8]>::to_vec).collect();
                said(&sound);
            }
            // Of what no client writes, the order in a list depends on that of integration.
            let same = |seen: Seen| Seen { view: String::new(), ..seen };
            compare(&admitted([one, two, one]), same)
        }
        Kind::Edits => compare(&edits::log(rest, false), |seen| seen),
        Kind::EditsInDisorder => compare(&edits::log(rest, true), |seen| seen),
    }
}

/// What of them a room stores.
fn admitted(updates: [&[u8]; 3]) -> Vec<Vec<u8>> {
    let (doc, mut places) = (new_doc(), Places::default());
    let store = |bytes: &[u8]| {
        let ready = admit(bytes, &mut places, &|client| clock(&doc, client))?;
        apply(&doc, &ready);
        Some(ready)
    };
    updates.into_iter().filter_map(store).collect()
}

/// Whether what is concatenated comes to the document that the log comes to.
fn compare(log: &[Vec<u8>], same: impl Fn(Seen) -> Seen) -> bool {
    let Some(whole) = said(log) else { return false };
    let one_by_one = new_doc();
    log.iter().for_each(|update| apply(&one_by_one, update));
    // yrs then knows more than it shows, and of that we promise nothing.
    if lacks_something(&one_by_one) {
        return true;
    }
    let at_once = new_doc();
    apply(&at_once, &whole);
    assert!(!lacks_something(&at_once), "something is missing once it is concatenated");
    assert_eq!(same(seen(&at_once)), same(seen(&one_by_one)), "concatenated (left) and one by one");
    check_update(whole.into(), &UpdateLimits::unlimited()).expect("what is concatenated is let through");
    true
}

/// What is concatenated, held against the structs and deletions of the log.
fn said(log: &[Vec<u8>]) -> Option<Vec<u8>> {
    let read = |update| walk(update, &UpdateLimits::unlimited()).expect("the log holds updates");
    let walks: Vec<_> = log.iter().map(|update| read(update)).collect();
    let said = Said::of(&walks);
    match (concatenate(&walks), said) {
        (None, Err(_)) => None,
        (Some(whole), Ok(said)) => {
            let walked = walk(&whole, &UpdateLimits::unlimited()).expect("what is concatenated is an update");
            assert_eq!(Said::of(&[walked]), Ok(said), "concatenated (left) and the log");
            Some(whole.to_vec())
        }
        (None, Ok(_)) => panic!("refused without a reason"),
        (Some(_), Err(refused)) => panic!("not refused: {refused:?}"),
    }
}

/// What updates say one after the other, by clients: each struct once, as its bytes stand
/// in the first that brings it.
#[derive(Debug, PartialEq, Eq)]
struct Said<'a> {
    structs: BTreeMap<u64, Structs<'a>>,
    /// From clock to clock, neighbours joined.
    deleted: BTreeMap<u64, Vec<(u32, u32)>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Structs<'a> {
    clock: u32,
    end: u32,
    bytes: Vec<&'a [u8]>,
}

/// The two reasons there are not to concatenate.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// A client's clocks are not brought one after the other.
    Hole,
    /// A struct begins in what is there and goes on after it.
    Overlap,
}

impl<'a> Said<'a> {
    fn of(updates: &[Walked<'a>]) -> Result<Self, Refused> {
        let mut structs = BTreeMap::new();
        let mut deleted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for walked in updates {
            for section in walked.sections() {
                let nothing = Structs { clock: section.clock, end: section.clock, bytes: Vec::new() };
                let of = structs.entry(section.client).or_insert(nothing);
                for read in walked.structs(section) {
                    if read.is_skip() || !(of.clock..=of.end).contains(&read.id.clock) {
                        return Err(Refused::Hole);
                    }
                    if read.id.clock == of.end {
                        of.end = read.end();
                        of.bytes.push(&walked.bytes()[read.range()]);
                    } else if read.end() > of.end {
                        return Err(Refused::Overlap);
                    }
                }
            }
            for range in walked.deleted() {
                deleted.entry(range.client).or_default().push((range.clock, range.clock + range.len));
            }
        }
        deleted.values_mut().for_each(join);
        Ok(Self { structs, deleted })
    }
}

/// In order, and one where they meet.
fn join(ranges: &mut Vec<(u32, u32)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let meets = next.0 <= last.1;
        if meets {
            last.1 = last.1.max(next.1);
        }
        meets
    });
}

fn apply(doc: &Doc, update: &[u8]) {
    let update = Update::decode_v1(update).expect("yrs reads what the walker lets through");
    doc.transact_mut().apply_update(update).expect("yrs applies what the walker lets through");
}

fn lacks_something(doc: &Doc) -> bool {
    let txn = doc.transact();
    txn.store().pending_update().is_some() || txn.store().pending_ds().is_some()
}
