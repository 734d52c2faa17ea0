use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Uncommitted bytes, bounded per room and per node, and memory for large updates.
///
/// A connection reserves an update's bytes before it hands the update to the
/// room; the permit travels with the update and is given back by its commit. A
/// slow log so makes writers wait, while reading and presence go on. The memory
/// is given back sooner, once the room has applied the update.
#[derive(Debug, Clone)]
pub struct Budget {
    node: Arc<Semaphore>,
    room: Arc<Semaphore>,
    most: u32,
    memory: Arc<Semaphore>,
    memory_most: u32,
}

/// The part of the budget that all rooms of a node share.
#[derive(Debug)]
pub(crate) struct NodeBudget {
    bytes: Arc<Semaphore>,
    most: u32,
    memory: Arc<Semaphore>,
    memory_most: u32,
}

/// What one permit of the memory stands for, so that any machine's memory can be
/// counted in 32 bits.
const MEMORY_UNIT: usize = 1 << 10;

impl NodeBudget {
    /// Uncommitted bytes, and memory for checking and applying large updates.
    pub(crate) fn new(bytes: usize, memory_bytes: usize) -> Self {
        let (most, memory_most) = (clamp(bytes), clamp(memory_bytes / MEMORY_UNIT));
        Self {
            bytes: Arc::new(Semaphore::new(most as usize)),
            most,
            memory: Arc::new(Semaphore::new(memory_most as usize)),
            memory_most,
        }
    }

    /// Uncommitted bytes as of now.
    pub(crate) fn taken_bytes(&self) -> usize {
        (self.most as usize).saturating_sub(self.bytes.available_permits())
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
    _memory: Option<Memory>,
}

/// Memory reserved until it is dropped.
#[derive(Debug)]
pub struct Memory {
    _units: OwnedSemaphorePermit,
}

/// It would take more memory than the node has for such things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it would take more memory than there is")]
pub struct TooMuchMemory;

impl Permit {
    /// For updates of the server itself, which are not bounded.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::default()
    }

    /// Keeps the memory until the update is applied.
    #[must_use]
    pub fn with_memory(self, memory: Memory) -> Self {
        Self { _memory: Some(memory), ..self }
    }

    /// The update is applied, and now only waits for its commit.
    pub(crate) fn applied(self) -> Self {
        Self { _memory: None, ..self }
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
            memory: Arc::clone(&node.memory),
            memory_most: node.memory_most,
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
            _memory: None,
        }
    }

    /// Waits until so much memory is free. Cancel safe.
    ///
    /// # Errors
    /// [`TooMuchMemory`] when there will never be as much.
    pub async fn memory(&self, bytes: usize) -> Result<Memory, TooMuchMemory> {
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).map_err(|_| TooMuchMemory)?;
        if units > self.memory_most {
            return Err(TooMuchMemory);
        }
        let units = Arc::clone(&self.memory).acquire_many_owned(units).await;
        Ok(Memory { _units: units.expect("the semaphore of the memory is never closed") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn writers_wait_until_what_is_pending_is_given_back() {
        let node = NodeBudget::new(100, 0);
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
        let node = NodeBudget::new(100, 0);
        let room = Budget::room(&node, 60);
        let alone = room.reserve(1_000).now_or_never().expect("waits for all of it, and has it");
        assert!(room.reserve(1).now_or_never().is_none());
        drop(alone);
    }

    #[test]
    fn memory_is_shared_by_the_rooms_and_given_back_when_an_update_is_applied() {
        let node = NodeBudget::new(100, 10 * MEMORY_UNIT);
        let (one, other) = (Budget::room(&node, 60), Budget::room(&node, 60));
        let memory = one.memory(6 * MEMORY_UNIT).now_or_never().expect("fits").expect("is there");
        assert!(other.memory(6 * MEMORY_UNIT).now_or_never().is_none(), "it waits for the other room");
        let permit = one.reserve(50).now_or_never().expect("fits").with_memory(memory).applied();
        assert!(other.memory(6 * MEMORY_UNIT).now_or_never().is_some(), "applied");
        assert!(one.reserve(50).now_or_never().is_none(), "and not yet committed");
        drop(permit);
        let too_much = one.memory(10 * MEMORY_UNIT + 1).now_or_never().expect("it need not wait to know");
        assert_eq!(too_much.err(), Some(TooMuchMemory));
    }
}
