//! What flows mean.

pub mod language;
mod value;

pub use value::{DateTime, Object, Value};
