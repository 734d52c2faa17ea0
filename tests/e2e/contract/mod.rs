//! What the API's document promises, held against the server.
//!
//! Each operation has a row in `rows/`: a request that succeeds. All else follows from the
//! document: who may not, what does not exist, which bodies and queries do not fit. Every
//! answer, refusals too, has to be a documented one. A route without a row fails.
//!
//! Start with [`rows`], then `world.rs` for what a row can ask for.

mod answers;
mod bounds;
mod document;
mod fields;
mod refusals;
mod rows;
mod sample;
mod world;
