//! A flow as server-sent events, for clients that cannot hold a WebSocket.
//!
//! All streams of a flow on this node share one [`Feed`]: a peer of its room that turns what
//! happens into events, once. It keeps the last of them; a stream only remembers how far it
//! has got. Whoever is too slow, or comes back too late, finds that what it needs next is
//! gone, and is given the whole flow instead (`reset`): so a stream holds one event in
//! memory, and none is ever missed silently.
//!
//! The access of a stream is watched as that of a socket (`sync/watch.rs`).

mod body;
mod feed;
mod follow;
mod ring;
mod versions;

pub(crate) use body::{closed, events};
pub(crate) use feed::Feeds;
