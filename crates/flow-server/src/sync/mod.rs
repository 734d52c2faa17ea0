//! The live side: sockets of rooms.

mod connection;
mod gate;
mod rate;
mod seats;
mod sockets;
mod upgrade;
mod watch;

pub(crate) use gate::Gate;
pub(crate) use sockets::Sockets;
pub(crate) use upgrade::upgrade;
pub use watch::watch_store;
