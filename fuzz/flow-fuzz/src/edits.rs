//! People who edit one document, driven by bytes, and a log of what they send.

use flow_protocol::{Split, UpdateLimits, walk};
use yrs::types::Attrs;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ClientID, Doc, Map, MapPrelim, OffsetKind, Options, Out, ReadTxn, StateVector, Text,
    TextPrelim, TextRef, Transact, TransactionMut, Update,
};

use crate::updates::{clock, new_doc};

/// More steps show little more and take much longer.
const STEPS_MAX: usize = 400;
/// So many state vectors of the past are remembered.
const EARLIER_MAX: usize = 8;

const CLIENTS: [u64; 3] = [1, 200, 0xffff_ffff];
const KEYS: [&str; 3] = ["k", "type", "n1"];
const TEXTS: [&str; 4] = ["a", "bc", "déf", "\n"];

/// What the log holds in the end, in order. A room stores only what lacks nothing;
/// `as_it_comes` stores everything, in whatever order it comes.
pub(crate) fn log(bytes: &[u8], as_it_comes: bool) -> Vec<Vec<u8>> {
    let mut session = Session {
        writers: CLIENTS.map(|client| Writer { doc: writer(client), unsent: Vec::new() }),
        stored: new_doc(),
        earlier: vec![StateVector::default()],
        log: Vec::new(),
        as_it_comes,
    };
    let mut choices = Choices(bytes);
    for _ in 0..STEPS_MAX {
        let Some(choice) = choices.next() else { break };
        session.step(choice, &mut choices);
    }
    session.log
}

/// An input, read as one choice a byte; what follows its end is 0.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Below `end`, or 0.
    fn below(&mut self, end: u32) -> u32 {
        u32::from(self.next().unwrap_or(0)).checked_rem(end).unwrap_or(0)
    }

    /// One of a list that is not empty.
    fn pick<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[usize::from(self.next().unwrap_or(0)) % things.len()]
    }

    fn of<T: Copy, const N: usize>(&mut self, things: [T; N]) -> T {
        *self.pick(&things)
    }
}

struct Session {
    writers: [Writer; 3],
    /// What the log comes to.
    stored: Doc,
    earlier: Vec<StateVector>,
    log: Vec<Vec<u8>>,
    as_it_comes: bool,
}

struct Writer {
    doc: Doc,
    /// What it has written since it last sent something, one update a transaction.
    unsent: Vec<Vec<u8>>,
}

/// One of them, as a Yjs client with `gc: false`, keeps what was deleted.
fn writer(client: u64) -> Doc {
    Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        skip_gc: client == CLIENTS[2],
        ..Options::default()
    })
}

/// The first of these steps are edits.
const EDITS: u8 = 10;
const STEPS: u8 = 18;

impl Session {
    fn step(&mut self, choice: u8, choices: &mut Choices<'_>) {
        let at = usize::from(choice / STEPS) % self.writers.len();
        let step = choice % STEPS;
        if step < EDITS {
            self.writers[at].edit(step, choices);
            return;
        }
        let vector = |doc: &Doc| doc.transact().state_vector();
        match step {
            10 | 11 => self.writers[at].learn(&self.stored),
            12 => {
                let other = self.writers[(at + 1) % self.writers.len()].doc.clone();
                self.writers[at].learn(&other);
            }
            13 => {
                for update in std::mem::take(&mut self.writers[at].unsent) {
                    self.store(update);
                }
            }
            14 => {
                let unsent = std::mem::take(&mut self.writers[at].unsent);
                self.store(yrs::merge_updates_v1(unsent).expect("what yrs has written"));
            }
            15 => self.store(diff(&self.writers[at].doc, &vector(&self.stored))),
            16 => {
                let earlier = choices.pick(&self.earlier);
                self.store(diff(&self.writers[at].doc, earlier));
            }
            _ => self.log = vec![diff(&self.stored, &StateVector::default())],
        }
    }

    fn store(&mut self, update: Vec<u8>) {
        let update = if self.as_it_comes { Some(update) } else { ready(&self.stored, update) };
        let Some(update) = update else { return };
        if self.earlier.len() == EARLIER_MAX {
            self.earlier.remove(0);
        }
        self.earlier.push(self.stored.transact().state_vector());
        apply(&self.stored, &update);
        self.log.push(update);
    }
}

impl Writer {
    fn learn(&mut self, from: &Doc) {
        let known = self.doc.transact().state_vector();
        apply(&self.doc, &diff(from, &known));
    }

    fn edit(&mut self, step: u8, choices: &mut Choices<'_>) {
        let text = self.doc.get_or_insert_text("t");
        let map = self.doc.get_or_insert_map("nodes");
        let list = self.doc.get_or_insert_array("l");
        let mut txn = self.doc.transact_mut();
        match step {
            0 | 1 => insert(&text, &mut txn, choices),
            2 => remove(&text, &mut txn, choices),
            3 => format(&text, &mut txn, choices),
            4 => drop(map.insert(&mut txn, choices.of(KEYS), f64::from(choices.below(9)))),
            5 => {
                let node = MapPrelim::from([("text", TextPrelim::new("ab"))]);
                map.insert(&mut txn, choices.of(KEYS), node);
            }
            6 => drop(map.remove(&mut txn, choices.of(KEYS))),
            7 => {
                let Some(Out::YMap(node)) = map.get(&txn, choices.of(KEYS)) else { return };
                let Some(Out::YText(text)) = node.get(&txn, "text") else { return };
                let act = choices.of([insert, remove, format]);
                act(&text, &mut txn, choices);
            }
            8 => {
                let index = choices.below(list.len(&txn) + 1);
                list.insert(&mut txn, index, choices.of(["x", "😀"]));
            }
            _ => {
                let (index, len) = range(list.len(&txn), choices);
                list.remove_range(&mut txn, index, len);
            }
        }
        self.unsent.push(txn.encode_update_v1());
    }
}

fn insert(text: &TextRef, txn: &mut TransactionMut<'_>, choices: &mut Choices<'_>) {
    let index = choices.below(text.len(txn) + 1);
    text.insert(txn, index, choices.of(TEXTS));
}

fn remove(text: &TextRef, txn: &mut TransactionMut<'_>, choices: &mut Choices<'_>) {
    let (index, len) = range(text.len(txn), choices);
    text.remove_range(txn, index, len);
}

fn format(text: &TextRef, txn: &mut TransactionMut<'_>, choices: &mut Choices<'_>) {
    let (index, len) = range(text.len(txn), choices);
    let bold = choices.pick(&[Any::Bool(true), Any::Null]).clone();
    text.format(txn, index, len, Attrs::from([("bold".into(), bold)]));
}

/// A range within so many, short mostly.
fn range(len: u32, choices: &mut Choices<'_>) -> (u32, u32) {
    let index = choices.below(len + 1);
    (index, choices.below((len - index).min(6) + 1))
}

fn diff(doc: &Doc, known: &StateVector) -> Vec<u8> {
    doc.transact().encode_diff_v1(known)
}

fn apply(doc: &Doc, update: &[u8]) {
    let update = Update::decode_v1(update).expect("what yrs has written");
    doc.transact_mut().apply_update(update).expect("yrs applies what it has written");
}

/// What of it lacks nothing.
fn ready(stored: &Doc, update: Vec<u8>) -> Option<Vec<u8>> {
    let walked = walk(&update, &UpdateLimits::unlimited()).expect("yrs writes what the walker lets through");
    match walked.split(|client| clock(stored, client)) {
        Split::Whole => Some(update),
        Split::Parts { ready, .. } => ready,
    }
}
