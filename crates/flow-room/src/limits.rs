use std::time::Duration;

/// Bounds of a room, each with what happens at it.
#[derive(Debug, Clone)]
pub struct RoomLimits {
    /// The document, encoded. An update that would pass it is refused, 4413.
    pub document_bytes: usize,
    /// Presence state of one client. A larger one is ignored and its peer told once.
    pub presence_bytes: usize,
    /// Frames waiting for one socket, in bytes. Past the soft bound the waiting
    /// updates are dropped and the peer gets one diff when its socket drains.
    pub outbox_soft_bytes: usize,
    /// Past the hard bound the peer is closed, 1013.
    pub outbox_hard_bytes: usize,
    /// Applied, not yet committed bytes of one room. Past it, its writers are
    /// read no more until the log has caught up.
    pub pending_room_bytes: usize,
    /// Likewise of all rooms of this node.
    pub pending_node_bytes: usize,
    /// Memory for checking and applying large updates, of this node. An update
    /// waits until there is enough for it; one that needs more is refused, 4413.
    pub apply_memory_bytes: usize,
    /// Updates kept for peers that fall behind, in bytes. A peer further behind
    /// gets a diff of the document, which costs an encoding.
    pub recent_bytes: usize,
    /// What of an update cannot be applied yet, per peer. More is dropped and the
    /// peer closed with 1013, so that it syncs afresh.
    pub parked_bytes: usize,
    /// How long it is kept before the same happens.
    pub parked_for: Duration,
    /// How long a room without peers stays open.
    pub idle_after: Duration,
    /// Least time between two presence frames of a busy room. In larger rooms
    /// it grows with the peers, so that the cost of presence stays linear.
    pub presence_every: Duration,
    /// Least time between two writes of a flow's name, tags and time of change
    /// into the list of flows, when only the time changed.
    pub project_every: Duration,
    /// A snapshot is due after this many updates ...
    pub snapshot_updates: u64,
    /// ... that are together at least one part in so many of the last snapshot,
    /// so that what is written stays proportional to what is edited.
    pub snapshot_ratio: u64,
    /// Work on more bytes than this leaves the async threads.
    pub inline_bytes: usize,
}

impl Default for RoomLimits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            document_bytes: 16 * MIB,
            presence_bytes: 8 << 10,
            outbox_soft_bytes: MIB,
            outbox_hard_bytes: 8 * MIB,
            pending_room_bytes: 16 * MIB,
            pending_node_bytes: 256 * MIB,
            apply_memory_bytes: 1024 * MIB,
            recent_bytes: MIB,
            parked_bytes: MIB,
            parked_for: Duration::from_secs(10),
            idle_after: Duration::from_secs(60),
            presence_every: Duration::from_millis(16),
            project_every: Duration::from_secs(10),
            snapshot_updates: 100,
            snapshot_ratio: 4,
            inline_bytes: 64 << 10,
        }
    }
}
