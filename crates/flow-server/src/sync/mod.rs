//! The live side: sockets of rooms.

mod connection;
mod drain;
pub(crate) mod gate;
pub(crate) mod handshake;
mod intake;
mod port;
mod seats;
mod sockets;
mod transport;
pub(crate) mod upgrade;
mod watch;
mod write;

pub use drain::close_sockets;
pub(crate) use gate::{Admission, Gate};
pub(crate) use sockets::{Socket, Sockets};
pub use watch::watch_store;
