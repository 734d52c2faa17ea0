use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Uncommitted bytes, bounded per room and per node.
///
/// A connection reserves an update's bytes before it hands the update to the
/// room; the permit travels with the update and is given back by its commit. A
/// slow log so makes writers wait, while reading and presence go on.
#[derive(Debug, Clone)]
pub struct Budget {
    node: Arc<Semaphore>,
    room: Arc<Semaphore>,
    most: u32,
}

/// The part of the budget that all rooms of a node share.
#[derive(Debug)]
pub(crate) struct NodeBudget {
    bytes: Arc<Semaphore>,
    most: u32,
}

impl NodeBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let most = clamp(bytes);
        Self { bytes: Arc::new(Semaphore::new(most as usize)), most }
    }
}

/// At least one byte, so that nothing waits for ever, and what a permit can count.
fn clamp(bytes: usize) -> u32 {
    u32::try_from(bytes.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX)
}

/// Bytes reserved until they are committed.
#[derive(Debug, Default)]
pub struct Permit {
    _room: Option<OwnedSemaphorePermit>,
    _node: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// For updates of the server itself, which are not bounded.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::default()
    }
}

impl Budget {
    pub(crate) fn room(node: &NodeBudget, room_bytes: usize) -> Self {
        let room_bytes = clamp(room_bytes);
        Self {
            node: Arc::clone(&node.bytes),
            room: Arc::new(Semaphore::new(room_bytes as usize)),
            // An update larger than the whole budget waits for all of it, not for ever.
            most: room_bytes.min(node.most),
        }
    }

    /// Waits until `bytes` fit. Cancel safe.
    pub async fn reserve(&self, bytes: usize) -> Permit {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.most);
        // Room before node, always: a full room must not hold the node's bytes.
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let node = Arc::clone(&self.node).acquire_many_owned(bytes).await;
        Permit {
            _room: Some(room.expect("the semaphore of a room is never closed")),
            _node: Some(node.expect("the semaphore of a node is never closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn writers_wait_until_what_is_pending_is_given_back() {
        let node = NodeBudget::new(100);
        let room = Budget::room(&node, 60);
        let first = room.reserve(50).now_or_never().expect("fits");
        assert!(room.reserve(20).now_or_never().is_none(), "the room is full");
        let other = Budget::room(&node, 60);
        let second = other.reserve(50).now_or_never().expect("another room is not");
        assert!(Budget::room(&node, 60).reserve(1).now_or_never().is_none(), "the node is full");
        drop(first);
        assert!(room.reserve(20).now_or_never().is_some());
        drop(second);
    }

    #[test]
    fn an_update_larger_than_the_budget_passes_alone() {
        let node = NodeBudget::new(100);
        let room = Budget::room(&node, 60);
        let alone = room.reserve(1_000).now_or_never().expect("waits for all of it, and has it");
        assert!(room.reserve(1).now_or_never().is_none());
        drop(alone);
    }
}
