//! One flow's document, connected or not.

mod link;
mod task;

use std::sync::Arc;

use flow_base::{FlowId, Secret};
use flow_model::{Edit, EditError, Edited, FlowGraph};
use flow_protocol::CloseCode;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::Api;
use task::{Command, Task, Watched};

/// How a peer stands with the server. `unsaved` counts own edits that the server
/// has not acknowledged as durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerState {
    /// Not connected; trying, or told not to.
    Offline { unsaved: u64 },
    /// Connected, not yet in step.
    Joining { unsaved: u64 },
    /// In step. 0 unsaved: everything this peer made is stored.
    Live { unsaved: u64 },
    /// Connected, and something this peer made will never be stored.
    Refused { unsaved: u64, reason: String },
    /// Sent away for good.
    Closed { unsaved: u64, code: CloseCode },
}

impl PeerState {
    #[must_use]
    pub const fn unsaved(&self) -> u64 {
        match self {
            Self::Offline { unsaved }
            | Self::Joining { unsaved }
            | Self::Live { unsaved }
            | Self::Refused { unsaved, .. }
            | Self::Closed { unsaved, .. } => *unsaved,
        }
    }

    const fn set_unsaved(&mut self, count: u64) {
        match self {
            Self::Offline { unsaved }
            | Self::Joining { unsaved }
            | Self::Live { unsaved }
            | Self::Refused { unsaved, .. }
            | Self::Closed { unsaved, .. } => *unsaved = count,
        }
    }

    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    #[must_use]
    pub const fn is_saved(&self) -> bool {
        matches!(self, Self::Live { unsaved: 0 })
    }
}

/// A document near its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentGrowth {
    /// Encoded.
    pub bytes: u64,
    /// An edit that would pass this is refused, and its peer closed with 4413.
    pub bytes_max: u64,
}

/// What a peer starts with.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    pub flow: FlowId,
    /// The Yjs client id to write under; a fresh one if there is none.
    pub client_id: Option<u64>,
    /// A document kept from before, as one update.
    pub document: Option<Vec<u8>>,
    /// What it shows of itself; `None` shows nothing.
    pub presence: Option<Value>,
    /// Whether it connects at once.
    pub online: bool,
}

impl PeerOptions {
    #[must_use]
    pub const fn new(flow: FlowId) -> Self {
        Self { flow, client_id: None, document: None, presence: None, online: true }
    }
}

/// The peer's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer has ended")]
pub struct PeerClosed;

/// A peer of a flow: edits are made at once and kept, sent when there is a
/// connection, and counted as unsaved until the server has stored them. Dropping
/// it disconnects.
#[derive(Debug)]
pub struct Peer {
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<PeerState>,
    graph: watch::Receiver<Arc<FlowGraph>>,
    presence: watch::Receiver<Arc<Vec<Value>>>,
    growth: watch::Receiver<Option<DocumentGrowth>>,
}

impl Peer {
    /// Starts a peer. It connects with the sign-in of `api`, refreshes it when it
    /// has expired, and reconnects with growing, jittered pauses.
    ///
    /// # Errors
    /// [`flow_model::ModelError`] when the kept document cannot be read.
    pub fn open(api: &Api, options: PeerOptions) -> Result<Self, flow_model::ModelError> {
        let (commands, queue) = mpsc::unbounded_channel();
        let (task, watched) = Task::new(api.clone(), options, queue)?;
        tokio::spawn(task.run());
        let Watched { state, graph, presence, growth } = watched;
        Ok(Self { commands, state, graph, presence, growth })
    }

    /// Makes typed edits in one transaction, connected or not.
    ///
    /// # Errors
    /// The outer error when the peer has ended, the inner when the edits do not
    /// fit; then none is made.
    pub async fn edit(&self, edits: Vec<Edit>) -> Result<Result<Edited, EditError>, PeerClosed> {
        self.ask(|reply| Command::Edit { edits, reply }).await
    }

    /// Cuts the connection, or lets the peer connect again.
    ///
    /// # Errors
    /// [`PeerClosed`].
    pub fn set_online(&self, online: bool) -> Result<(), PeerClosed> {
        self.commands.send(Command::SetOnline(online)).map_err(|_| PeerClosed)
    }

    /// Shows something of itself to the others, or nothing.
    ///
    /// # Errors
    /// [`PeerClosed`].
    pub fn show(&self, presence: Option<Value>) -> Result<(), PeerClosed> {
        self.commands.send(Command::Show(presence)).map_err(|_| PeerClosed)
    }

    /// The document as one update.
    ///
    /// # Errors
    /// [`PeerClosed`].
    pub async fn document(&self) -> Result<Vec<u8>, PeerClosed> {
        self.ask(|reply| Command::Document { reply }).await
    }

    /// How it stands now; to be awaited for changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<PeerState> {
        self.state.clone()
    }

    /// The flow as it is now; to be awaited for changes.
    #[must_use]
    pub fn graph(&self) -> watch::Receiver<Arc<FlowGraph>> {
        self.graph.clone()
    }

    /// What the others show of themselves.
    #[must_use]
    pub fn presence(&self) -> watch::Receiver<Arc<Vec<Value>>> {
        self.presence.clone()
    }

    /// How large the document is, once the server warns that it nears its limit.
    #[must_use]
    pub fn growth(&self) -> watch::Receiver<Option<DocumentGrowth>> {
        self.growth.clone()
    }

    /// Waits until everything made so far is stored, or never will be.
    ///
    /// # Errors
    /// [`PeerClosed`].
    pub async fn saved(&self) -> Result<PeerState, PeerClosed> {
        let settled = |state: &PeerState| {
            state.is_saved() || matches!(state, PeerState::Refused { .. } | PeerState::Closed { .. })
        };
        // A command first: what was made before this call is counted by then.
        self.document().await?;
        let mut state = self.state.clone();
        let settled = state.wait_for(settled).await.map_err(|_| PeerClosed)?;
        Ok(settled.clone())
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, PeerClosed> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| PeerClosed)?;
        answer.await.map_err(|_| PeerClosed)
    }
}

/// A sign-in's access token, for one connection.
type Token = Secret<String>;
