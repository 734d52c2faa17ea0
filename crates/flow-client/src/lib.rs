//! A Rust peer of a flow, and a client of the HTTP API: for bots, tests and load
//! tests.
//!
//! [`Api`] signs in and manages flows; [`Peer`] holds one flow's document,
//! connected or not, and says truthfully what of it the server has stored. This
//! crate knows nothing of the server but its public interfaces.
//!
//! Start with [`Peer::open`], then [`PeerState`].

mod api;
mod error;
mod peer;

pub use api::{
    AccountChange, Api, Burst, Changed, CreatedKey, DeletedFlow, Flow, FlowGrowth, FlowPage, Health,
    HistoryPage, Key, Member, NewFlow, NewKey, Session, SignedIn, User, Version, VersionPage,
    VersionWithFlow,
};
pub use error::ClientError;
pub use peer::{DocumentGrowth, Peer, PeerClosed, PeerOptions, PeerState};
