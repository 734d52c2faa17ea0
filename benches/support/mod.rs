//! What the benches share: fixed flows, stores and peers, and how long to measure.
#![allow(dead_code, reason = "each bench is a program of its own and uses a part of it")]

pub(crate) mod flow;
pub(crate) mod peers;
pub(crate) mod stores;

use std::time::Duration;

use criterion::Criterion;
use tokio::runtime::{Builder, Runtime};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Short by default: all benches together take a few minutes. `--measurement-time` and
/// `--sample-size` ask for more.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

/// Whether this is `cargo bench`. Otherwise each bench runs once, to see that it still
/// works, and on little so that it does so quickly in a debug build.
pub(crate) fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// As many as `full` where it is measured.
pub(crate) fn scaled(full: usize) -> usize {
    if is_measured() { full } else { full.min(100) }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}
