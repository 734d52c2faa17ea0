//! Leaf types that every other crate shares: ids, positions in a flow's log,
//! the clock, and secrets.
//!
//! This crate knows no behaviour: it has no IO, no storage and no protocol.
//! Start with [`FlowId`] and [`Seq`]; time enters the program only through
//! [`Clock`].

mod clock;
mod id;
mod link_role;
mod role;
mod scope;
mod secret;
mod seq;
mod slug;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use id::{
    ActorId, BatchId, ConnId, Credential, FlowId, IdError, InvitationId, KeyId, LinkId, NodeId, RunFileId,
    RunId, SessionId, TestResultId, UserId, WebhookId, WorkspaceId,
};
pub use link_role::{LinkRole, LinkRoleError};
pub use role::{Role, RoleError};
pub use scope::{Scope, ScopeError, Scopes};
pub use secret::Secret;
pub use seq::{Seq, SeqRange};
pub use slug::{Slug, SlugError};
