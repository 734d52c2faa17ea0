//! One actor per open flow.
//!
//! A [`Room`] owns the flow's document and is the only code that changes it.
//! Peers and the store talk to it through a [`RoomHandle`]; nothing is shared
//! behind a lock but the queues to the sockets ([`Outbox`]). This crate knows no
//! sockets, no SQL and no HTTP.
//!
//! Start with [`Event`] (all that can happen to a room), then [`Room::apply`]
//! (what it means) and [`Effect`] (what follows from it). `actor.rs` waits for the
//! one and carries out the other; `registry.rs` sees to it that a flow has one
//! room; `writer.rs` commits the updates of all rooms together.
//!
//! **Invariant:** a room never waits, neither for a peer nor for the log. A peer
//! that falls behind gets one diff in place of its queue, or is closed.

mod actor;
mod budget;
mod cold;
mod effect;
mod event;
mod handle;
mod hot;
mod limits;
mod load;
mod measures;
mod outbox;
mod outboxes;
mod registry;
mod relaying;
mod room;
mod writer;

pub use budget::{Budget, Memory, Permit, TooMuchMemory};
pub use effect::{Appended, DocumentSize, Durability, EditDone, EditRefused, Effect};
pub use event::{Access, Change, EditRequest, Event, Holding, Inbound, Moment, PeerInfo, Position, Ticket};
pub use handle::{EditFailed, RoomClosed, RoomHandle};
pub use hot::HotTier;
pub use limits::RoomLimits;
pub use load::{Examined, LoadError, LoadedFlow, ReadFlow, load};
pub use measures::{Count, describe as describe_measures};
pub use outbox::{Attention, Outbox, Outgoing, Port, Taken, Wrote};
pub use outboxes::Outboxes;
pub use registry::{OpenError, Registry, RegistryParts};
pub use room::{Present, Room};
pub use writer::{AppendRefused, Committed, FlowLog, LogWriter};
