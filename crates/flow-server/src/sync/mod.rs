//! The live side: sockets of rooms, and who may keep any socket or stream open.

mod connection;
mod drain;
pub(crate) mod gate;
pub(crate) mod handshake;
mod intake;
mod leased;
mod port;
mod seats;
mod sockets;
mod transport;
pub(crate) mod upgrade;
mod watch;
mod write;

pub use drain::close_sockets;
pub(crate) use gate::{Admission, Gate};
pub(crate) use sockets::{Registered, Socket, Sockets};
pub use watch::watch_store;
