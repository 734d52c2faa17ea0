//! The live side: sockets of rooms.

mod connection;
mod sockets;
mod upgrade;
mod watch;

pub(crate) use sockets::Sockets;
pub(crate) use upgrade::upgrade;
pub use watch::watch_store;
