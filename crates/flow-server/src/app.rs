use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use flow_auth::TokenKeys;
use flow_base::{Clock, FlowId};
use flow_cluster::{Leases, Rates};
use flow_executor::runner::Runs;
use flow_room::{OpenError, Registry, RoomHandle};
use flow_store::{Quotas, RunFileBounds, Store};
use tokio_util::sync::CancellationToken;

use crate::address::Network;
use crate::canvas::Canvas;
use crate::requests::Requests;
use crate::routes::metrics::Metrics;
use crate::stream::Feeds;
use crate::sync::{Gate, Sockets};
use crate::throttle::Throttle;
use crate::vault::Vault;

/// What all handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: AppParts,
    sockets: Sockets,
    gate: Gate,
    throttle: Throttle,
    feeds: Feeds,
    canvas: Canvas,
    requests: Requests,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct AppParts {
    pub store: Arc<dyn Store>,
    pub rooms: Registry,
    /// What counts for all nodes; without it each counts for itself.
    pub rates: Option<Arc<dyn Rates>>,
    pub leases: Option<Arc<dyn Leases>>,
    pub keys: TokenKeys,
    pub clock: Arc<dyn Clock>,
    pub limits: ServerLimits,
    /// Of workspaces that have none of their own.
    pub quotas: Quotas,
    /// Origins besides the server's own from which browsers may connect.
    pub allowed_origins: Vec<String>,
    /// Proxies that are believed where a request comes from.
    pub trusted_proxies: Vec<Network>,
    /// Whether all clients connect by TLS, which something before the server ends.
    pub has_tls: bool,
    pub registration: Registration,
    /// Whether webhooks may lead into one's own network.
    pub private_webhooks: bool,
    /// What was deleted longer ago is not restored.
    pub restorable_for: Duration,
    /// Cancelled when the server stops accepting.
    pub runs: Runs,
    /// What flows sign in elsewhere with.
    pub vault: Arc<Vault>,
    pub stopping: CancellationToken,
    pub optional_parts: Vec<OptionalPart>,
    /// `None`: nobody may see what is counted.
    pub metrics: Option<Metrics>,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Open,
    /// Nobody but the first, who owns the installation.
    FirstOnly,
    /// Nobody: an operator makes the accounts.
    Closed,
}

/// Something that the server can do without; it says whether it is away.
pub struct OptionalPart {
    pub name: &'static str,
    pub is_away: Box<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for OptionalPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OptionalPart").field(&self.name).finish()
    }
}

/// Bounds of what a client may send.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// A WebSocket message; a larger one closes the socket with 4413.
    pub frame_bytes: usize,
    /// Of messages above 64 KiB that are being received or wait to be taken, on this
    /// node. Past it such messages are read no further.
    pub received_node_bytes: usize,
    /// A request's body; a larger one is answered with 413.
    pub body_bytes: usize,
    /// A file that is sent to a run; a larger one is answered with 413.
    pub file_bytes: u64,
    /// How much may be sent to one run; past it more is answered with 409.
    pub run_files: RunFileBounds,
    /// Sockets of a room, and of a user; one more is answered with 429 before its
    /// upgrade.
    pub peers_per_room: usize,
    /// How many of a room's sockets guests may have, who come by a link; one more is answered
    /// as in a full room. The rest is kept for people who are signed in.
    pub guest_share_percent: u8,
    pub connections_per_user: usize,
    /// Sockets that a user opens in a minute; one more is answered with 429. `None`
    /// lifts this rate, and the next.
    pub opens_per_user: Option<NonZeroU32>,
    /// Document messages of a user in a second, once the burst is used up. Beyond it
    /// the user's sockets are read more slowly.
    pub document_messages_per_user: Option<NonZeroU32>,
    pub document_messages_burst: u32,
    /// Requests of a user, and of somebody who is none by where they come from, in a minute;
    /// and of an API key. One more is answered with 429. `None` lifts the limit.
    pub requests_per_user: Option<NonZeroU32>,
    pub requests_per_key: Option<NonZeroU32>,
    /// Wrong passwords for an account, and from an address, that are let through in
    /// fifteen minutes; one more is answered with 429. `None` lifts the limit.
    pub failed_sign_ins_per_account: Option<NonZeroU32>,
    pub failed_sign_ins_per_address: Option<NonZeroU32>,
    /// A socket on which nothing is heard, or that takes nothing of what waits for
    /// it, for so long is closed.
    pub silent_for: Duration,
}

impl ServerLimits {
    /// Twice the limit is still received, so that a frame somewhat too large can be
    /// answered with its close code; past that the socket simply ends.
    pub(crate) const fn received_message_bytes(&self) -> usize {
        self.frame_bytes.saturating_mul(2)
    }

    /// Where any number may be in a room, so may guests.
    pub(crate) fn guests_per_room(&self) -> usize {
        let share = u128::from(self.guest_share_percent.min(100));
        match self.peers_per_room {
            usize::MAX => usize::MAX,
            peers => usize::try_from(peers as u128 * share / 100).expect("a part of it is no more than it"),
        }
    }
}

impl App {
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        let gate = Gate::new(&parts.limits, parts.leases.clone());
        let throttle = Throttle::new(&parts.limits, parts.rates.clone());
        let requests = Requests::new(&parts.limits, parts.rates.clone());
        let (sockets, feeds, canvas) = (Sockets::default(), Feeds::default(), Canvas::default());
        Self { inner: Arc::new(Inner { parts, sockets, gate, throttle, requests, feeds, canvas }) }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.inner.parts.store
    }

    /// Whether flows may be open on other nodes, too.
    pub(crate) fn has_other_nodes(&self) -> bool {
        self.inner.parts.rates.is_some()
    }

    pub(crate) fn keys(&self) -> &TokenKeys {
        &self.inner.parts.keys
    }

    pub(crate) fn now(&self) -> flow_base::Timestamp {
        self.inner.parts.clock.now()
    }

    pub(crate) fn limits(&self) -> ServerLimits {
        self.inner.parts.limits
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.inner.parts.quotas
    }

    pub(crate) fn allowed_origins(&self) -> &[String] {
        &self.inner.parts.allowed_origins
    }

    pub(crate) fn sockets(&self) -> &Sockets {
        &self.inner.sockets
    }

    pub(crate) fn feeds(&self) -> &Feeds {
        &self.inner.feeds
    }

    pub(crate) fn canvas(&self) -> &Canvas {
        &self.inner.canvas
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.inner.requests
    }

    pub(crate) fn trusted_proxies(&self) -> &[Network] {
        &self.inner.parts.trusted_proxies
    }

    /// Whether what a proxy at this address says is believed.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies().iter().any(|network| network.contains(address))
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.inner.parts.has_tls
    }

    pub(crate) fn may_call_private(&self) -> bool {
        self.inner.parts.private_webhooks
    }

    pub(crate) fn restorable_for(&self) -> Duration {
        self.inner.parts.restorable_for
    }

    pub(crate) fn registration(&self) -> Registration {
        self.inner.parts.registration
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.inner.parts.runs
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.inner.parts.vault
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.parts.stopping
    }

    pub(crate) fn optional_parts(&self) -> &[OptionalPart] {
        &self.inner.parts.optional_parts
    }

    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.inner.parts.metrics.as_ref()
    }

    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.inner.parts.rooms.uncommitted_bytes()
    }

    /// The rooms that are open on this node.
    pub(crate) fn open_rooms(&self) -> Vec<RoomHandle> {
        self.inner.parts.rooms.rooms()
    }

    /// The flow's room, if it is open on this node now.
    pub(crate) fn open_room(&self, flow: FlowId) -> Option<RoomHandle> {
        self.inner.parts.rooms.room(flow)
    }

    pub(crate) async fn room(&self, flow: FlowId) -> Result<RoomHandle, OpenError> {
        self.inner.parts.rooms.open(flow).await
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// None.
    pub(crate) const LIMITS: ServerLimits = ServerLimits {
        frame_bytes: 0,
        body_bytes: 0,
        file_bytes: 0,
        run_files: RunFileBounds::UNBOUNDED,
        peers_per_room: usize::MAX,
        guest_share_percent: 100,
        connections_per_user: usize::MAX,
        opens_per_user: None,
        document_messages_per_user: None,
        document_messages_burst: 1,
        requests_per_user: None,
        requests_per_key: None,
        failed_sign_ins_per_account: None,
        failed_sign_ins_per_address: None,
        silent_for: Duration::MAX,
        received_node_bytes: 0,
    };
}
