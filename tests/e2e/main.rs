//! The whole product from outside: the real server as a process, real peers,
//! public interfaces only.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]

mod access;
mod accounts;
mod audit;
mod bot;
mod canvas;
mod cases;
mod chat;
mod chosen_version;
mod cluster;
mod commands;
mod configuration;
mod contract;
mod editing;
mod erasure;
mod fair_calls;
mod files;
mod following;
mod graph;
mod growth;
mod headers;
mod http;
mod import;
mod keys;
mod kill_loop;
mod limits;
mod links;
mod malformed;
mod people;
mod present;
mod programs;
mod raw;
mod refused;
mod replay;
mod run_access;
mod run_nodes;
mod runs;
mod secrets;
mod slow_peer;
mod slow_store;
mod slugs;
mod stock;
mod storage;
mod stream;
mod transcripts;
mod users;
mod versions;
mod webhooks;
mod wire;
mod words;
mod workspaces;

/// The server's program, built by the same `cargo test`.
const PROGRAM: &str = env!("CARGO_BIN_EXE_interflow");
