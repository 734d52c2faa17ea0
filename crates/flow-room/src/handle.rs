use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use flow_base::{ConnId, FlowId, Seq};
use flow_model::FlowGraph;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::budget::{Budget, Memory, Permit, TooMuchMemory};
use crate::effect::{DocumentSize, Durability, EditDone, EditRefused};
use crate::event::{Access, EditRequest, Event, Holding, Inbound, PeerInfo, Position};
use crate::limits::RoomLimits;
use crate::outbox::Outbox;
use crate::room::Present;

/// The room has ended; open the flow again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the room has ended")]
pub struct RoomClosed;

/// Why edits through a handle were not made.
#[derive(Debug, thiserror::Error)]
pub enum EditFailed {
    #[error(transparent)]
    Refused(#[from] EditRefused),
    #[error(transparent)]
    Closed(#[from] RoomClosed),
}

/// What the actor receives.
#[derive(Debug)]
pub(crate) enum Message {
    Join {
        conn: ConnId,
        peer: PeerInfo,
        outbox: Outbox,
        /// It has had our step 1, if it is to have one.
        greeted: bool,
    },
    Event(Event),
    /// From a peer; with an update, when that arrived.
    Received {
        conn: ConnId,
        message: Inbound,
        at: Option<Instant>,
    },
    Edit {
        request: EditRequest,
        reply: oneshot::Sender<Result<Box<EditDone>, EditRefused>>,
    },
    Read {
        reply: oneshot::Sender<Option<FlowGraph>>,
    },
    Measure {
        reply: oneshot::Sender<Option<DocumentSize>>,
    },
    AskDurable {
        holding: Holding,
        reply: oneshot::Sender<Option<Durability>>,
    },
    Who {
        reply: oneshot::Sender<Present>,
    },
}

/// An open room. Cheap to clone; while a clone lives, the room stays open.
#[derive(Debug, Clone)]
pub struct RoomHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    flow: FlowId,
    inbox: mpsc::Sender<Message>,
    budget: Budget,
    limits: Arc<RoomLimits>,
    lineage: Option<Uuid>,
    /// The position up to which the room has followed the log.
    followed: Arc<AtomicU64>,
}

/// What a handle is made of.
pub(crate) struct HandleParts {
    pub(crate) flow: FlowId,
    pub(crate) inbox: mpsc::Sender<Message>,
    pub(crate) budget: Budget,
    pub(crate) limits: Arc<RoomLimits>,
    pub(crate) lineage: Option<Uuid>,
    pub(crate) followed: Arc<AtomicU64>,
}

impl RoomHandle {
    pub(crate) fn new(parts: HandleParts) -> Self {
        let HandleParts { flow, inbox, budget, limits, lineage, followed } = parts;
        Self { shared: Arc::new(Shared { flow, inbox, budget, limits, lineage, followed }) }
    }

    /// How many handles there are, this one included.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.shared)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.shared.inbox.is_closed()
    }

    #[must_use]
    pub fn flow(&self) -> FlowId {
        self.shared.flow
    }

    /// The history of the flow's document. It never changes.
    #[must_use]
    pub fn lineage(&self) -> Option<Uuid> {
        self.shared.lineage
    }

    /// Joins; the answers arrive in the outbox. Whoever joins must also leave.
    ///
    /// # Errors
    /// [`RoomClosed`].
    pub async fn join(&self, conn: ConnId, peer: PeerInfo) -> Result<Outbox, RoomClosed> {
        let limits = &self.shared.limits;
        let outbox = Outbox::new(limits.outbox_soft_bytes, limits.outbox_hard_bytes);
        let join = Message::Join { conn, peer, outbox: outbox.clone(), greeted: false };
        self.send(join).await?;
        Ok(outbox)
    }

    /// # Errors
    /// [`RoomClosed`].
    pub async fn leave(&self, conn: ConnId) -> Result<(), RoomClosed> {
        self.send(Message::Event(Event::Left { conn })).await
    }

    /// Waits until `bytes` more may be applied and not yet committed. Cancel safe.
    pub async fn reserve(&self, bytes: usize) -> Permit {
        self.shared.budget.reserve(bytes).await
    }

    /// Waits until there is memory for checking and applying an update. Cancel safe.
    ///
    /// # Errors
    /// [`TooMuchMemory`] when there will never be as much.
    pub async fn reserve_memory(&self, bytes: usize) -> Result<Memory, TooMuchMemory> {
        self.shared.budget.memory(bytes).await
    }

    /// # Errors
    /// [`RoomClosed`].
    pub async fn receive(&self, conn: ConnId, message: Inbound) -> Result<(), RoomClosed> {
        let at = message.is_update().then(Instant::now);
        self.send(Message::Received { conn, message, at }).await
    }

    /// # Errors
    /// [`RoomClosed`].
    pub async fn drained(&self, conn: ConnId, since: Position) -> Result<(), RoomClosed> {
        self.send(Message::Event(Event::Drained { conn, since })).await
    }

    /// # Errors
    /// [`RoomClosed`].
    pub async fn change_access(&self, conn: ConnId, access: Access) -> Result<(), RoomClosed> {
        self.send(Message::Event(Event::AccessChanged { conn, access })).await
    }

    /// The flow as it is now; `None` while its document is being read anew.
    ///
    /// # Errors
    /// [`RoomClosed`].
    pub async fn graph(&self) -> Result<Option<FlowGraph>, RoomClosed> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Read { reply }).await?;
        answer.await.map_err(|_| RoomClosed)
    }

    /// How large the document is now; `None` while it is being read anew.
    ///
    /// # Errors
    /// [`RoomClosed`].
    pub async fn document_size(&self) -> Result<Option<DocumentSize>, RoomClosed> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Measure { reply }).await?;
        answer.await.map_err(|_| RoomClosed)
    }

    /// Whether everything of `holding` is stored: at once if the document lacks part of it,
    /// otherwise after the commit of what it has. `None` while it is being read anew.
    ///
    /// # Errors
    /// [`RoomClosed`].
    pub async fn durability(&self, holding: Holding) -> Result<Option<Durability>, RoomClosed> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::AskDurable { holding, reply }).await?;
        answer.await.map_err(|_| RoomClosed)
    }

    /// Who shows themselves in the room.
    ///
    /// # Errors
    /// [`RoomClosed`].
    pub async fn present(&self) -> Result<Present, RoomClosed> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Who { reply }).await?;
        answer.await.map_err(|_| RoomClosed)
    }

    /// Makes a change in one transaction; answers after its commit.
    ///
    /// # Errors
    /// [`EditFailed`]. After [`RoomClosed`] it is unknown whether it was made.
    pub async fn edit(&self, request: EditRequest) -> Result<Box<EditDone>, EditFailed> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Edit { request, reply }).await?;
        Ok(answer.await.map_err(|_| RoomClosed)??)
    }

    /// Tells the room how far the log of its flow goes, so that it reads what other
    /// nodes have stored even when no relay told it. A room that is busy is told
    /// the next time.
    pub fn head_seen(&self, head: Seq) {
        if head.0 > self.shared.followed.load(Ordering::Relaxed) {
            // Full or ended: neither needs it now.
            drop(self.shared.inbox.try_send(Message::Event(Event::HeadSeen { head })));
        }
    }

    pub(crate) async fn drain(&self) -> Result<(), RoomClosed> {
        self.send(Message::Event(Event::Drain)).await
    }

    async fn send(&self, message: Message) -> Result<(), RoomClosed> {
        self.shared.inbox.send(message).await.map_err(|_| RoomClosed)
    }
}
