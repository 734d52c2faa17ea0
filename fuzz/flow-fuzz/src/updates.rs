//! Target `updates`: two updates, one after the other, as strangers may send them.
//!
//! What the walker lets through is applied as a room does it (only the part whose
//! base is there) to a yrs document and to a flow's document, and what the room would
//! send its other peers to a yjs document. All must end alike, what each of them writes
//! must be let through again, and the memory it takes must be bounded by the input.

use bytes::Bytes;
use flow_model::FlowDoc;
use flow_protocol::{Places, Split, StateVector, UpdateLimits, Walked, check_update, walk};
use yrs::updates::decoder::Decode;
use yrs::{Doc, OffsetKind, Options, ReadTxn, Transact, Update};

use crate::memory::peak_of;
use crate::view::seen;
use crate::yjs::{Seen, Yjs};

/// The room's own client id: one that inputs hardly ever name.
const OWN_CLIENT: u64 = 0x5_0000_0001;

/// Most bytes that checking and applying `len` bytes may take. The constant is what
/// [`UpdateLimits`] lets small updates have, and what an empty document takes.
#[must_use]
pub const fn bound(len: usize) -> usize {
    64 * len + 320 * 1024
}

/// What an input holds: the first update's length in two bytes (little endian), the
/// first update, the second.
#[must_use]
pub fn parts(input: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return (&[], &[]) };
    rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()))
}

/// The input that holds these two updates.
///
/// # Panics
/// If the first is longer than a `u16` can say.
#[must_use]
pub fn input(first: &[u8], second: &[u8]) -> Vec<u8> {
    let length = u16::try_from(first.len()).expect("the first update is at most 65,535 bytes");
    [&length.to_le_bytes(), first, second].concat()
}

/// Applies what is let through everywhere and compares; answers how many updates
/// changed something.
///
/// # Panics
/// Where a promise is broken.
pub fn check(input: &[u8], yjs: &mut Yjs) -> usize {
    let (first, second) = parts(input);
    let mut room = Room::new();
    for update in [first, second] {
        room.receive(update);
    }
    if room.published.is_empty() {
        return 0;
    }
    let ours = seen(&room.doc);
    let whole = room.doc.transact().encode_diff_v1(&yrs::StateVector::default());
    let answer = yjs.apply(&whole, &room.published).expect("yjs answers");
    let same = |seen: Seen| if answer.orderly { seen } else { Seen { view: String::new(), ..seen } };
    let ours = same(ours);
    let applied = answer.applied.unwrap_or_else(|thrown| panic!("yjs cannot apply: {thrown:?}"));
    assert_eq!(same(applied), ours, "yjs (left) and yrs differ");
    let asked = answer.asked.unwrap_or_else(|thrown| panic!("yjs cannot tell its observers: {thrown:?}"));
    let asked = Seen { deleted: ours.deleted.clone(), ..same(asked) };
    assert_eq!(asked, ours, "yjs with observers (left) and yrs differ");
    let joined = answer.joined.unwrap_or_else(|thrown| panic!("yjs cannot join: {thrown:?}"));
    assert_eq!(same(joined), ours, "yjs (left) and yrs differ, after joining");
    for (written, what) in [(whole, "what yrs wrote"), (answer.encoded, "what yjs wrote")] {
        assert_eq!(same(read(&written, &ours, what)), ours, "{what} (left) reads differently");
    }
    room.published.len()
}

/// As a room holds a document, without the room.
struct Room {
    doc: Doc,
    flow: FlowDoc,
    places: Places,
    /// What other peers are sent, in order: the update as it came where all of it was
    /// new, otherwise what the flow's document says it brought.
    published: Vec<Vec<u8>>,
}

impl Room {
    fn new() -> Self {
        Self {
            doc: new_doc(),
            flow: FlowDoc::new(Some(OWN_CLIENT)),
            places: Places::default(),
            published: Vec::new(),
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let doc = &self.doc;
        let places = &mut self.places;
        let (ready, peak) = peak_of(|| {
            let ready = admit(bytes, places, &|client| clock(doc, client))?;
            apply(doc, &ready);
            Some(ready)
        });
        assert!(peak <= bound(bytes.len()), "{peak} bytes of memory for {} of update", bytes.len());
        let Some(ready) = ready else { return };
        let applied = self.flow.apply_update_v1(&ready).expect("a flow takes what a room lets through");
        assert!(applied.rest.is_none(), "something is pending in the flow");
        if applied.changed {
            self.published.push(applied.update.unwrap_or(ready));
        }
    }
}

pub(crate) fn new_doc() -> Doc {
    Doc::with_options(Options {
        client_id: yrs::ClientID::new(OWN_CLIENT),
        offset_kind: OffsetKind::Utf16,
        cleanup_formatting: false,
        ..Options::default()
    })
}

pub(crate) fn clock(doc: &Doc, client: u64) -> u32 {
    doc.transact().state_vector().get(&yrs::ClientID::new(client))
}

/// What of these bytes a room would apply now.
pub(crate) fn admit(bytes: &[u8], places: &mut Places, known: &impl Fn(u64) -> u32) -> Option<Vec<u8>> {
    let checked = check_update(Bytes::copy_from_slice(bytes), &UpdateLimits::default()).ok()?;
    let walked = checked.walked();
    if walked.is_empty() {
        return None;
    }
    let ready = match walked.split(known) {
        Split::Whole => bytes.to_vec(),
        Split::Parts { ready, rest } => {
            walk(&rest, &UpdateLimits::unlimited()).expect("a rest is an update");
            ready?
        }
    };
    let walked = walk(&ready, &UpdateLimits::unlimited()).expect("what is ready is an update");
    assert_eq!(walked.split(known), Split::Whole, "what is ready is ready whole");
    places.admit(&walked).ok()?;
    Some(ready)
}

/// Applies what lacks nothing; the document's clocks move exactly as the walker says.
fn apply(doc: &Doc, ready: &[u8]) {
    let walked = walk(ready, &UpdateLimits::unlimited()).expect("it was walked before");
    let expected = clocks_after(doc, &walked);
    let update = Update::decode_v1(ready).expect("yrs reads what the walker lets through");
    doc.transact_mut().apply_update(update).expect("yrs applies what the walker lets through");
    let txn = doc.transact();
    assert!(txn.store().pending_update().is_none(), "structs are pending in yrs");
    assert!(txn.store().pending_ds().is_none(), "deletions are pending in yrs");
    for (client, end) in expected {
        let clock = txn.state_vector().get(&yrs::ClientID::new(client));
        assert_eq!(clock, end, "the clock of client {client}");
    }
}

fn clocks_after(doc: &Doc, walked: &Walked<'_>) -> Vec<(u64, u32)> {
    let end = |section| {
        let ends = walked.structs(section).filter(|read| !read.is_skip()).map(|read| read.end());
        ends.max().unwrap_or(0)
    };
    let after = |client, end: u32| (client, end.max(clock(doc, client)));
    walked.sections().iter().map(|section| after(section.client, end(section))).collect()
}

/// What `bytes`, a whole document, comes to; it is let through and lacks nothing.
fn read(bytes: &[u8], expected: &Seen, what: &str) -> Seen {
    let checked = check_update(Bytes::copy_from_slice(bytes), &UpdateLimits::default());
    let checked = checked.unwrap_or_else(|error| panic!("{what} is refused: {error:?}"));
    assert_eq!(checked.walked().split(|_| 0), Split::Whole, "{what} lacks nothing");
    let known: StateVector = expected.vector.iter().copied().collect();
    assert!(!checked.brings_structs(&known), "{what} brings more than there was");
    let doc = new_doc();
    if !checked.walked().is_empty() {
        apply(&doc, bytes);
    }
    seen(&doc)
}
