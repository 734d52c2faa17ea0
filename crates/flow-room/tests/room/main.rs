//! What events mean to a room, without a runtime: effects in, effects out.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]

mod commits;
mod edits;
mod elsewhere;
#[path = "../fixture/mod.rs"]
mod fixture;
mod following;
mod growth;
mod harness;
mod hot;
mod joining;
mod parked;
mod presence;
mod snapshots;
mod spoiled;
mod updates;
