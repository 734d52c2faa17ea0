use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use flow_base::{FlowId, Timestamp};

use super::faults::Injected;
use crate::{Archive, ArchiveError, Segment, StoredUpdate};

/// An archive in this process's memory, which can be away or damaged on request.
#[derive(Debug, Default)]
pub struct MemoryArchive {
    objects: Mutex<BTreeMap<String, Object>>,
    away: AtomicBool,
}

#[derive(Debug)]
struct Object {
    flow: FlowId,
    updates: Vec<StoredUpdate>,
    written_at: Timestamp,
}

impl MemoryArchive {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every call fails as when there is no network.
    pub fn be_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// The names of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    /// Takes an object away, as somebody does who cleans up in the wrong place.
    pub fn lose(&self, key: &str) {
        self.objects().remove(key);
    }

    /// Makes an object say something else.
    pub fn damage(&self, key: &str) {
        if let Some(object) = self.objects().get_mut(key) {
            object.updates.pop();
        }
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().expect("nothing panics while it holds this lock")
    }

    fn reach(&self, action: &'static str, key: &str) -> Result<(), ArchiveError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(ArchiveError::Unreachable {
                action,
                key: key.to_owned(),
                source: Box::new(Injected),
            });
        }
        Ok(())
    }
}

/// What stands for a checksum: all that the object holds, in order, makes it up.
fn sum(updates: &[StoredUpdate]) -> [u8; 32] {
    let mut sum = [0_u8; 32];
    for (place, byte) in updates.iter().flat_map(|update| &update.bytes).enumerate() {
        sum[place % 32] = sum[place % 32].wrapping_mul(31).wrapping_add(*byte);
    }
    sum[31] = sum[31].wrapping_add(updates.len().to_le_bytes()[0]);
    sum
}

#[async_trait]
impl Archive for MemoryArchive {
    async fn put(
        &self,
        flow: FlowId,
        updates: &[StoredUpdate],
        at: Timestamp,
    ) -> Result<Segment, ArchiveError> {
        let (first, last) = (updates.first(), updates.last());
        let (first, last) =
            first.zip(last).map(|(first, last)| (first.seq, last.seq)).expect("some are given");
        let sha256 = sum(updates);
        let key = format!("{flow}/{first}-{last}-{}", sha256.map(|byte| format!("{byte:02x}")).concat());
        self.reach("write", &key)?;
        let bytes = updates.iter().map(|update| update.bytes.len() as u64).sum();
        let object = Object { flow, updates: updates.to_vec(), written_at: at };
        self.objects().insert(key.clone(), object);
        Ok(Segment { first, last, key, sha256, bytes, created_at: super::to_micros(at) })
    }

    async fn get(&self, _flow: FlowId, segment: &Segment) -> Result<Vec<StoredUpdate>, ArchiveError> {
        let key = segment.key.clone();
        self.reach("read", &key)?;
        let objects = self.objects();
        let Some(object) = objects.get(&key) else { return Err(ArchiveError::Missing { key }) };
        if sum(&object.updates) != segment.sha256 {
            return Err(ArchiveError::Damaged { key, source: Box::new(Injected) });
        }
        Ok(object.updates.clone())
    }

    async fn sweep(
        &self,
        flow: FlowId,
        is_known: &(dyn for<'a> Fn(&'a str) -> bool + Sync),
        before: Timestamp,
    ) -> Result<u64, ArchiveError> {
        self.reach("list", &flow.to_string())?;
        let mut objects = self.objects();
        let had = objects.len();
        objects.retain(|key, object| object.flow != flow || object.written_at >= before || is_known(key));
        Ok((had - objects.len()) as u64)
    }
}
