//! What the fuzz targets assert.
//!
//! One function a target, which panics where a promise is broken: [`frames::check`],
//! [`updates::check`], [`awareness::check`], [`concatenate::check`]. The targets under
//! `fuzz/fuzz_targets` call them with what libFuzzer makes up, this crate's own test with
//! the kept corpus.
//! The crate knows no libFuzzer, so that the corpus is replayed by any toolchain.
//!
//! Start with [`updates`]: it holds yrs, yjs and the walker against each other.
//! [`mutate`] changes updates by their structs, [`model`] takes them apart for that.

pub mod awareness;
pub mod concatenate;
mod edits;
pub mod frames;
pub mod memory;
pub mod model;
pub mod mutate;
mod random;
mod random_content;
pub mod updates;
mod view;
mod yjs;

pub use memory::Counting;
pub use random::Random;
pub use yjs::{Answer, Seen, Yjs};
