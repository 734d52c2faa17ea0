//! What rooms say of themselves in numbers. Names end with their unit, or with `total`
//! where something is counted; [`describe`] lists them all, and `docs/metrics.md` says
//! what to make of them.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

pub(crate) const UPDATES: &str = "interflow_updates_applied_total";
pub(crate) const FAN_OUT: &str = "interflow_fan_out_seconds";
pub(crate) const COMMIT: &str = "interflow_commit_seconds";
pub(crate) const ACK: &str = "interflow_ack_seconds";
pub(crate) const APPEND: &str = "interflow_append_seconds";
pub(crate) const APPEND_FLOWS: &str = "interflow_append_flows";
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
pub(crate) const RELAYED: &str = "interflow_relayed_total";

/// Tells the recorder what each number means.
pub fn describe() {
    let seconds = |name: &'static str, text: &'static str| describe_histogram!(name, Unit::Seconds, text);
    let count = |name: &'static str, text: &'static str| describe_counter!(name, Unit::Count, text);
    count(UPDATES, "Updates applied to documents, by where they came from: peer, api or node.");
    seconds(
        FAN_OUT,
        "From an update's arrival in the room's inbox until the others' sockets or queues have it.",
    );
    seconds(COMMIT, "From a batch's first update reaching the log writer until all of it is durable.");
    seconds(ACK, "From a barrier's arrival in its room until it is answered.");
    seconds(APPEND, "One append of a group of flows to the store.");
    describe_histogram!(APPEND_FLOWS, Unit::Count, "Flows in one append.");
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

pub(crate) fn appended(flows: usize) {
    histogram!(APPEND_FLOWS).record(flows as f64);
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

pub(crate) fn updates(from: &'static str, count: usize) {
    if count > 0 {
        counter!(UPDATES, "from" => from).increment(count as u64);
    }
}
