//! Applying one update, which keeps the graph in step, in a small flow and in a large
//! one. The same in a document of the CRDT library alone is what of it is not ours.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::cell::LazyCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use flow_model::{Edit, FlowDoc};
use serde_json::json;
use support::{flow, scaled};
use yrs::updates::decoder::Decode;
use yrs::{Doc, ReadTxn, StateVector, Transact, Update};

fn main() {
    let mut criterion = support::criterion();
    for (name, nodes) in flow::SIZES {
        let document = LazyCell::new(|| flow::document(scaled(nodes)));
        measure(&mut criterion, name, &document);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, size: &str, document: &LazyCell<FlowDoc, impl FnOnce() -> FlowDoc>) {
    let mut group = criterion.benchmark_group("apply");
    group.throughput(Throughput::Elements(1));
    for kind in [&MOVES, &LETTERS] {
        let mut scene = None;
        group.bench_function(format!("{}, {size}", kind.name), |bencher| {
            let (doc, editor) = scene.get_or_insert_with(|| {
                let (mut doc, mut editor) = (flow::copy_as(document, 3), Editor::new(document, kind));
                let read = doc.entries_read();
                apply(&mut doc, &editor.next());
                assert_eq!(doc.entries_read() - read, 1, "only what was edited is read again");
                (doc, editor)
            });
            bencher.iter_custom(|iters| editor.time(iters, |update| apply(doc, update)));
        });
        let mut scene = None;
        group.bench_function(format!("{}, yrs alone, {size}", kind.name), |bencher| {
            let (doc, editor) = scene.get_or_insert_with(|| {
                let (doc, mut editor) = (alone(document), Editor::new(document, kind));
                apply_alone(&doc, &editor.next());
                (doc, editor)
            });
            bencher.iter_custom(|iters| editor.time(iters, |update| apply_alone(doc, update)));
        });
    }
    add_a_node(&mut group, size, document);
    // An edit made here: checked, written, encoded and read again.
    let mut editor = None;
    group.bench_function(format!("a typed edit, {size}"), |bencher| {
        let editor = editor.get_or_insert_with(|| Editor::new(document, &MOVES));
        bencher.iter(|| editor.next());
    });
    group.finish();
}

/// Adds a node; removing it again, so that the flow keeps its size, is not measured.
fn add_a_node(
    group: &mut BenchmarkGroup<'_, WallTime>,
    size: &str,
    document: &LazyCell<FlowDoc, impl FnOnce() -> FlowDoc>,
) {
    let mut scene = None;
    group.bench_function(format!("a node, {size}"), |bencher| {
        let (doc, editor) = scene.get_or_insert_with(|| (flow::copy_as(document, 3), FlowDoc::new(Some(4))));
        let data = json!({ "blocks": [{ "id": "b1", "kind": "text", "text": "Hello" }] });
        let add = [flow::add_node("added", "message", data)];
        let remove = [Edit::RemoveNode { id: "added".into() }];
        bencher.iter_custom(|iters| {
            let mut took = Duration::ZERO;
            for _ in 0..iters {
                let update = flow::update(editor, &add);
                let began = Instant::now();
                apply(doc, &update);
                took += began.elapsed();
                apply(doc, &flow::update(editor, &remove));
            }
            took
        });
    });
}

fn apply(doc: &mut FlowDoc, update: &Bytes) {
    assert!(doc.apply_update_v1(update).unwrap().changed);
}

fn apply_alone(doc: &Doc, update: &Bytes) {
    doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
}

/// Edits of one kind.
struct Kind {
    name: &'static str,
    /// The nth of a round.
    edit: fn(usize) -> Edit,
    /// After so many, what they have left behind is cleared away.
    round: usize,
    clear: fn() -> Vec<Edit>,
}

const MOVES: Kind = Kind { name: "a move", edit: flow::move_node, round: 1_000, clear: Vec::new };
const LETTERS: Kind =
    Kind { name: "a letter", edit: flow::type_letter, round: flow::LETTERS, clear: flow::write_anew };

/// A client that makes the same kind of edit again and again.
struct Editor {
    doc: FlowDoc,
    kind: &'static Kind,
    made: usize,
}

impl Editor {
    fn new(document: &FlowDoc, kind: &'static Kind) -> Self {
        Self { doc: flow::copy(document), kind, made: 0 }
    }

    fn next(&mut self) -> Bytes {
        let edit = (self.kind.edit)(self.made % self.kind.round);
        self.made += 1;
        flow::update(&mut self.doc, &[edit])
    }

    /// How long `apply` takes for the next so many updates. Neither making them nor
    /// clearing up is measured.
    fn time(&mut self, updates: u64, mut apply: impl FnMut(&Bytes)) -> Duration {
        let (mut took, mut left) = (Duration::ZERO, usize::try_from(updates).unwrap());
        while left > 0 {
            let count = left.min(self.kind.round - self.made % self.kind.round);
            let updates: Vec<Bytes> = (0..count).map(|_| self.next()).collect();
            let began = Instant::now();
            updates.iter().for_each(&mut apply);
            took += began.elapsed();
            left -= count;
            let clear = (self.kind.clear)();
            if self.made.is_multiple_of(self.kind.round) && !clear.is_empty() {
                apply(&flow::update(&mut self.doc, &clear));
            }
        }
        took
    }
}

/// The document in the library's own type, which nothing observes.
fn alone(document: &FlowDoc) -> Doc {
    let doc = Doc::new();
    let state = Update::decode_v1(&document.encode_state_v1()).unwrap();
    doc.transact_mut().apply_update(state).unwrap();
    assert!(doc.transact().state_vector() > StateVector::default());
    doc
}
