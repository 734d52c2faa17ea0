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
    AccountChange, Amounts, Api, AuditEntry, AuditPage, Burst, Changed, CreatedInvitation, CreatedKey,
    CreatedLink, DeletedFlow, Durability, Flow, FlowGrowth, FlowPage, Health, HistoryPage, ImportFlow,
    Imported, Invitation, InvitedTo, Key, Link, ListFlows, Member, NewFlow, NewInvitation, NewKey,
    PresentClient, Session, Shared, SignedIn, User, Version, VersionPage, VersionWithFlow, WholeWorkspace,
    Workspace,
};
pub use error::ClientError;
pub use peer::{DocumentGrowth, Peer, PeerClosed, PeerOptions, PeerState};
