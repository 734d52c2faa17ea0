//! What rooms say of themselves in numbers. Names end with their unit, or with `total`
//! where something is counted; [`describe`] lists them all, and `docs/metrics.md` says
//! what to make of them.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

// What each edit is counted and timed by.
const UPDATES: &str = "interflow_updates_applied_total";
pub(crate) static UPDATES_OF_PEERS: Count = Count::new(UPDATES, &[("from", "peer")]);
pub(crate) static UPDATES_OF_PROGRAMS: Count = Count::new(UPDATES, &[("from", "api")]);
pub(crate) static UPDATES_OF_NODES: Count = Count::new(UPDATES, &[("from", "node")]);
pub(crate) static FAN_OUT: Spread = Spread::new("interflow_fan_out_seconds");
pub(crate) static COMMIT: Spread = Spread::new("interflow_commit_seconds");
pub(crate) static ACK: Spread = Spread::new("interflow_ack_seconds");
pub(crate) static APPEND: Spread = Spread::new("interflow_append_seconds");
pub(crate) static APPEND_FLOWS: Spread = Spread::new("interflow_append_flows");
const RELAYED: &str = "interflow_relayed_total";
pub(crate) static TOLD_UPDATES: Count = Count::new(RELAYED, &[("direction", "told"), ("what", "updates")]);

pub(crate) const APPEND_FAILURES: &str = "interflow_append_failures_total";
pub(crate) const RESYNCS: &str = "interflow_resyncs_total";
pub(crate) const PARKED: &str = "interflow_parked_updates_total";
pub(crate) const REFUSED: &str = "interflow_refused_updates_total";
pub(crate) const OPEN: &str = "interflow_room_open_seconds";
pub(crate) const OPEN_FAILURES: &str = "interflow_room_open_failures_total";
pub(crate) const CACHE: &str = "interflow_cache_reads_total";
pub(crate) const SNAPSHOT: &str = "interflow_snapshot_seconds";
pub(crate) const SNAPSHOT_BYTES: &str = "interflow_snapshot_bytes";
pub(crate) const RELOADS: &str = "interflow_document_reloads_total";

/// Tells the recorder what each number means.
pub fn describe() {
    let seconds = |name: &'static str, text: &'static str| describe_histogram!(name, Unit::Seconds, text);
    let count = |name: &'static str, text: &'static str| describe_counter!(name, Unit::Count, text);
    count(UPDATES, "Updates applied to documents, by where they came from: peer, api or node.");
    seconds(
        FAN_OUT.name,
        "From an update's arrival in the room's inbox until the others' sockets or queues have it.",
    );
    seconds(COMMIT.name, "From a batch's first update reaching the log writer until all of it is durable.");
    seconds(ACK.name, "From a barrier's arrival in its room until it is answered.");
    seconds(APPEND.name, "One append of a group of flows to the store.");
    describe_histogram!(APPEND_FLOWS.name, Unit::Count, "Flows in one append.");
    count(APPEND_FAILURES, "Batches that could not be stored at once; they are tried again.");
    count(RESYNCS, "Peers that were brought up to date in one step because their queue had been dropped.");
    count(PARKED, "Updates of which a part had to wait for others.");
    count(REFUSED, "Updates that were not applied, with the peer told so.");
    seconds(OPEN, "Opening a room: reading the flow and building its document.");
    count(OPEN_FAILURES, "Rooms that could not be opened.");
    count(CACHE, "Reads of the cache, by what was read (flow, updates) and by outcome (hit, miss, failed).");
    seconds(SNAPSHOT, "A snapshot, by step: encode (in the room) or store.");
    describe_histogram!(SNAPSHOT_BYTES, Unit::Bytes, "Encoded size of a snapshot.");
    count(RELOADS, "Documents that were dropped after a failure and read anew.");
    count(
        RELAYED,
        "What was told to other nodes or heard from them, by direction (told, heard) and by what.",
    );
}

pub(crate) fn took(name: &'static str, time: Duration) {
    histogram!(name).record(time.as_secs_f64());
}

pub(crate) fn one(name: &'static str) {
    counter!(name).increment(1);
}

pub(crate) fn snapshot_encoded(time: Duration, bytes: usize) {
    histogram!(SNAPSHOT, "step" => "encode").record(time.as_secs_f64());
    histogram!(SNAPSHOT_BYTES).record(bytes as f64);
}

pub(crate) fn snapshot_stored(time: Duration) {
    histogram!(SNAPSHOT, "step" => "store").record(time.as_secs_f64());
}

/// A read of the cache.
pub(crate) fn cache(what: &'static str, outcome: &'static str) {
    counter!(CACHE, "what" => what, "outcome" => outcome).increment(1);
}

pub(crate) fn relayed(direction: &'static str, what: &'static str) {
    counter!(RELAYED, "direction" => direction, "what" => what).increment(1);
}

/// A counter of what happens with each edit. The recorder, which has to be there before it
/// first happens, is asked for it once: looking names up costs more than counting.
#[derive(Debug)]
pub struct Count {
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    found: OnceLock<Counter>,
}

impl Count {
    #[must_use]
    pub const fn new(name: &'static str, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { name, labels, found: OnceLock::new() }
    }

    pub fn one(&self) {
        self.found.get_or_init(|| counter!(self.name, self.labels)).increment(1);
    }
}

/// Likewise a histogram.
#[derive(Debug)]
pub(crate) struct Spread {
    name: &'static str,
    found: OnceLock<Histogram>,
}

impl Spread {
    const fn new(name: &'static str) -> Self {
        Self { name, found: OnceLock::new() }
    }

    pub(crate) fn took(&self, time: Duration) {
        self.record(time.as_secs_f64());
    }

    pub(crate) fn had(&self, count: usize) {
        self.record(count as f64);
    }

    fn record(&self, value: f64) {
        self.found.get_or_init(|| histogram!(self.name)).record(value);
    }
}
