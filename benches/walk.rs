//! Reading an update before the CRDT library does: by the walker alone, and with the
//! round trip through the library that an update of a peer has to survive.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use flow_protocol::{UpdateLimits, check_update, walk};
use support::flow;

fn main() {
    let mut criterion = support::criterion();
    let mut small = flow::copy(&flow::document(100));
    measure(&mut criterion, "a move", &flow::update(&mut small, &[flow::move_node(0)]));
    let burst: Vec<_> = (0..100).map(flow::move_node).collect();
    measure(&mut criterion, "100 moves", &flow::update(&mut small, &burst));
    let large = flow::document(flow::large()).encode_state_v1();
    measure(&mut criterion, "a document of 10,000 nodes", &large.into());
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, name: &str, update: &Bytes) {
    let limits = UpdateLimits::default();
    let mut group = criterion.benchmark_group("walk");
    group.throughput(Throughput::Bytes(update.len() as u64));
    group.bench_function(format!("walk {name}"), |bencher| {
        bencher.iter(|| walk(black_box(update), &limits).unwrap().memory());
    });
    group.bench_function(format!("check {name}"), |bencher| {
        bencher.iter(|| check_update(black_box(update.clone()), &limits).unwrap());
    });
    group.finish();
}
