//! What flows mean.
//!
//! A flow is a program. [`Plan`] is a flow's graph, compiled; [`Machine`] walks it, one node
//! at a time, and says what it wants done. Its language is in [`language`]. [`Caller`] makes the
//! calls that it wants made. [`cases`] are how a flow is tested.

mod calls;
pub mod cases;
pub mod compare;
pub mod inputs;
pub mod language;
pub mod machine;
pub mod markdown;
pub mod plan;
pub mod runner;
mod value;

pub use calls::{Caller, NoSecret, RESPONSE_BYTES_MAX, Secrets};
pub use machine::{Event, Happened, Machine, Next, Outcome, Output, RunInfo, State};
pub use plan::{Budgets, Mock, Plan};
pub use value::{DateTime, Object, VALUE_DEPTH_MAX, Value};
