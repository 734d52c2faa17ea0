//! A Rust peer of a flow, and a client of the HTTP API: for bots, tests and load
//! tests.
//!
//! [`Api`] signs in and manages flows; [`Peer`] holds one flow's document,
//! connected or not, and says truthfully what of it the server has stored;
//! [`FlowStream`] tells what happens to a flow without holding it. This crate
//! knows nothing of the server but its public interfaces.
//!
//! Start with [`Peer::open`], then [`PeerState`].

mod api;
mod backoff;
mod error;
mod peer;
mod stream;

pub use api::{
    AccountChange, Amounts, Answer, Api, AuditEntry, AuditPage, Burst, Changed, CreatedInvitation,
    CreatedKey, CreatedLink, CreatedWebhook, DeletedFlow, Delivery, DeliveryPage, DeliveryState, Durability,
    Flow, FlowChange, FlowGrowth, FlowPage, FlowStatus, Health, HistoryPage, ImportFlow, Imported,
    Invitation, InvitedTo, JournalPage, Key, Link, ListFlows, ListRuns, Member, Moment, NewFlow,
    NewInvitation, NewKey, NewWebhook, PresentClient, Readiness, ReplayRun, ReplayedCalls, Run, RunAnswer,
    RunAsTest, RunFile, RunPage, RunStep, RunSummary, RunTests, Sample, SecretInfo, Session, Shared,
    SignedIn, SlugChange, StartRun, TestResult, TestResultWithReport, Turn, User, Version, VersionPage,
    VersionWithFlow, Webhook, WebhookChange, WholeWorkspace, Workspace,
};
pub use error::ClientError;
pub use peer::{DocumentGrowth, Peer, PeerClosed, PeerOptions, PeerState};
pub use stream::{
    FlowChanged, FlowEvent, FlowReset, FlowStream, PresenceChanged, RunStream, RunTold, StreamClosed,
};
