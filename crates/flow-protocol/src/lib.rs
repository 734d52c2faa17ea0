//! Bytes of the wire, in and out.
//!
//! Three things live here: the y-websocket frames ([`frame`]), the close codes
//! and what they tell a client ([`CloseCode`]), and the walker that reads every
//! update before the CRDT library does ([`walk`]). The crate knows no sockets, no
//! clock and nothing of what a document means.
//!
//! Start with [`check_update`]: the one door through which bytes of strangers
//! become an update that may be applied. Then [`Walked::split`], which decides
//! what of it can be applied now.

pub mod awareness;
mod check;
mod close;
mod concatenate;
pub mod frame;
mod limits;
mod places;
mod reader;
mod split;
mod state_vector;
pub mod walk;

pub use check::{CheckError, CheckedUpdate, check_update};
pub use close::CloseCode;
pub use concatenate::concatenate;
pub use limits::UpdateLimits;
pub use places::{DEPTH_MAX, Misplaced, Places};
pub use reader::ReadError;
pub use split::Split;
pub use state_vector::{StateVector, StateVectorError};
pub use walk::{WalkError, Walked, walk};

/// The largest client id of a Yjs peer: what a JavaScript number holds exactly.
pub const CLIENT_ID_MAX: u64 = (1 << 53) - 1;

/// The largest clock, exclusive. yrs counts in `u32` and subtracts clocks as
/// `i32`, so beyond this its arithmetic is wrong; yjs would go on to 2^53.
pub const CLOCK_MAX: u32 = i32::MAX as u32;
