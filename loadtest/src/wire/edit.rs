//! Edits as Yjs writes them (`yjs/src/structs/Item.js`, `ContentAny.js`).

use super::{put_frame, put_var_uint};

/// A Yjs client that drags one node: each edit overwrites `layout[node]` with a new
/// `{x, y}`, and deletes the one before. Written by hand, because a generator that
/// spends more on an edit than the server does measures itself; the tests hold it
/// against yrs.
#[derive(Debug)]
pub struct Writer {
    client: u64,
    node: String,
    clock: u32,
    scratch: Vec<u8>,
}

/// The root map that edits go to.
pub const EDIT_PLACE: &str = "layout";

const HAS_LEFT: u8 = 0x80;
const HAS_KEY: u8 = 0x20;
const CONTENT_ANY: u8 = 8;
const ANY_MAP: u8 = 118;
const ANY_INTEGER: u8 = 125;

impl Writer {
    #[must_use]
    pub fn new(client: u64, node: &str) -> Self {
        Self { client, node: node.to_owned(), clock: 0, scratch: Vec::new() }
    }

    /// Of the next edit. Each takes one.
    #[must_use]
    pub const fn clock(&self) -> u32 {
        self.clock
    }

    /// The next edit as an update.
    pub fn edit(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_edit(&mut out);
        out
    }

    /// Appends the next edit as a client's WebSocket frame.
    pub fn put_edit_frame(&mut self, out: &mut Vec<u8>) {
        let mut update = std::mem::take(&mut self.scratch);
        update.clear();
        self.put_edit(&mut update);
        // The length of such an update has one digit or two.
        let digits = if update.len() < 0x80 { 1 } else { 2 };
        super::put_header(out, 0x82, 2 + digits + update.len(), true);
        out.extend_from_slice(&[0, 2]);
        put_var_uint(out, update.len() as u64);
        out.extend_from_slice(&update);
        self.scratch = update;
    }

    /// Appends a barrier as a client's frame: its answer carries the clock after the
    /// last edit, which is then stored.
    pub fn put_barrier_frame(&self, out: &mut Vec<u8>) {
        let mut barrier = [102, 4, 0, 0, 0, 0];
        barrier[2..].copy_from_slice(&self.clock.to_le_bytes());
        put_frame(out, &barrier);
    }

    fn put_edit(&mut self, out: &mut Vec<u8>) {
        let clock = u64::from(self.clock);
        out.extend_from_slice(&[1, 1]);
        put_var_uint(out, self.client);
        put_var_uint(out, clock);
        if clock == 0 {
            out.extend_from_slice(&[CONTENT_ANY | HAS_KEY, 1]);
            put_string(out, EDIT_PLACE);
            put_string(out, &self.node);
        } else {
            out.push(CONTENT_ANY | HAS_LEFT | HAS_KEY);
            put_var_uint(out, self.client);
            put_var_uint(out, clock - 1);
        }
        out.extend_from_slice(&[1, ANY_MAP, 2, 1, b'x', ANY_INTEGER]);
        put_integer(out, 100 + self.clock % 1_500);
        out.extend_from_slice(&[1, b'y', ANY_INTEGER]);
        put_integer(out, 100 + self.clock / 3 % 900);
        match clock {
            0 => out.push(0),
            _ => {
                out.push(1);
                put_var_uint(out, self.client);
                out.push(1);
                put_var_uint(out, clock - 1);
                out.push(1);
            }
        }
        self.clock += 1;
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    put_var_uint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// lib0's `varInt` of a number that is not negative: six bits, then seven a byte.
fn put_integer(out: &mut Vec<u8>, number: u32) {
    if number < 0x40 {
        return out.push((number & 0x3f) as u8);
    }
    out.push(0x80 | (number & 0x3f) as u8);
    put_var_uint(out, u64::from(number >> 6));
}

#[cfg(test)]
mod tests {
    use flow_protocol::{UpdateLimits, walk};
    use yrs::updates::decoder::Decode as _;
    use yrs::updates::encoder::Encode as _;
    use yrs::{Any, Doc, Map as _, Out, ReadTxn as _, StateVector, Transact as _, Update};

    use super::super::{Frames, Heard, heard};
    use super::*;

    fn apply(doc: &Doc, update: &[u8]) {
        doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }

    fn place(doc: &Doc, node: &str) -> (f64, f64) {
        let layout = doc.get_or_insert_map(EDIT_PLACE);
        let Some(Out::Any(Any::Map(place))) = layout.get(&doc.transact(), node) else { panic!("no place") };
        let number = |key: &str| match place[key] {
            Any::Number(number) => number.to_string().parse::<f64>().unwrap(),
            ref other => panic!("{other:?}"),
        };
        (number("x"), number("y"))
    }

    #[test]
    fn edits_are_overwrites_that_yrs_applies_whole() {
        let doc = Doc::new();
        let mut writers = [Writer::new(0x8000_0001, "one"), Writer::new(2, "other")];
        for turn in 0..4_000_u32 {
            for writer in &mut writers {
                let update = writer.edit();
                walk(&update, &UpdateLimits::default()).unwrap();
                apply(&doc, &update);
            }
            let expected = (f64::from(100 + turn % 1_500), f64::from(100 + turn / 3 % 900));
            assert_eq!(place(&doc, "one"), expected);
        }
        assert_eq!(place(&doc, "other"), place(&doc, "one"));
        let txn = doc.transact();
        assert!(txn.store().pending_update().is_none() && txn.store().pending_ds().is_none());
        let encoded = txn.encode_diff_v1(&StateVector::default());
        assert!(encoded.len() < 250, "what was overwritten is forgotten, {} bytes", encoded.len());
    }

    /// But for the order of `x` and `y`, which yrs draws by lot.
    #[test]
    fn an_edit_has_the_length_of_yrss_own() {
        let doc = Doc::with_client_id(1 << 30);
        let layout = doc.get_or_insert_map(EDIT_PLACE);
        let mut writer = Writer::new(1 << 30, "node");
        for turn in 0..200_i64 {
            let mut txn = doc.transact_mut();
            let place = [("x".to_owned(), (100 + turn).into()), ("y".to_owned(), (100 + turn / 3).into())];
            layout.insert(&mut txn, "node", Any::from(std::collections::HashMap::<String, Any>::from(place)));
            let theirs = txn.encode_update_v1();
            let ours = writer.edit();
            assert_eq!(Update::decode_v1(&ours).unwrap().encode_v1().len(), theirs.len(), "{turn}");
        }
    }

    #[test]
    fn an_edit_in_a_frame_is_the_same_update_followed_by_its_barrier() {
        for node in ["n", &"long".repeat(60)] {
            let (mut plain, mut framed) = (Writer::new(9, node), Writer::new(9, node));
            for turn in 1..300_u32 {
                let mut bytes = Vec::new();
                framed.put_edit_frame(&mut bytes);
                framed.put_barrier_frame(&mut bytes);
                let mut frames = Frames::new(&bytes);
                let edit = frames.take().unwrap().unwrap();
                assert_eq!(heard(edit.payload).unwrap().0, Heard::Update(&plain.edit()));
                let barrier = frames.take().unwrap().unwrap();
                assert_eq!(heard(barrier.payload).unwrap().0, Heard::Barrier(&turn.to_le_bytes()));
                assert!(frames.rest().is_empty());
            }
        }
    }
}
