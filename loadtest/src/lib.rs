//! Load on a collaborative editing server, over its public protocol.
//!
//! Peers are real WebSocket connections that send valid Yjs updates and read what
//! they are sent, far more cheaply than a real client does: server and generator
//! share a machine, and what the generator burns, the server lacks. Edits are sent
//! in an open loop: at instants fixed in advance, however slow the answers are, and
//! latencies count from those instants. Nothing here knows the server's inside; any
//! server that speaks y-websocket can be measured, and [`floor`] is the least that
//! one could be.
//!
//! Start with [`scenario::fan_out`], then `crowd` (the peers of a scenario) and
//! [`wire`] (what they read and write).

mod clock;
pub mod compare;
mod content;
mod crowd;
mod editing;
pub mod floor;
mod latency;
mod monitor;
mod pace;
mod process;
pub mod report;
pub mod scenario;
pub mod server;
pub mod target;
pub mod wire;
