use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Seq, SeqRange, Timestamp};

use super::{Flow, MemoryStore, SnapshotRow, to_micros};
use crate::{
    Cure, LogCare, LogStand, Mending, PageSize, Quarantined, QuarantinedKind, RawSnapshot, RawUpdate,
    Snapshot, StoreError, StoredUpdate, encode_snapshot,
};

#[async_trait]
impl LogCare for MemoryStore {
    async fn flow_ids(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError> {
        let state = self.state();
        let mut ids: Vec<_> =
            state.flows.keys().copied().filter(|id| after.is_none_or(|after| *id > after)).collect();
        ids.sort();
        ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(ids)
    }

    async fn stand(&self, flow: FlowId) -> Result<Option<LogStand>, StoreError> {
        let state = self.state();
        Ok(state.flows.get(&flow).map(|stored| LogStand {
            head: stored.head,
            last: stored.log.keys().next_back().copied().unwrap_or(Seq::ZERO).max(stored.archived()),
            archived: stored.archived(),
            log_bytes: stored.archived_bytes
                + stored.log.values().map(|update| length(&update.bytes)).sum::<u64>(),
            snapshot: stored
                .snapshot
                .as_ref()
                .map(|row| RawSnapshot { seq: row.seq, envelope: row.envelope.clone() }),
            projected: stored.projection.seq,
        }))
    }

    async fn raw_updates(
        &self,
        flow: FlowId,
        after: Seq,
        last: Seq,
        page: PageSize,
    ) -> Result<Vec<RawUpdate>, StoreError> {
        let segment = {
            let state = self.state();
            let Some(stored) = state.flows.get(&flow).filter(|_| after < last) else { return Ok(Vec::new()) };
            let Some(segment) = stored.segment_after(after) else {
                let range = stored.log.range((Bound::Excluded(after), Bound::Included(last)));
                let most = usize::try_from(page.updates).unwrap_or(usize::MAX);
                let mut updates: Vec<_> = range.take(most).map(|(_, update)| raw(update)).collect();
                page.cut(&mut updates, |update| update.bytes.len());
                return Ok(updates);
            };
            segment
        };
        let updates = self.cold().page(flow, &segment, (after, last), page).await?;
        Ok(updates.iter().map(raw).collect())
    }

    async fn mend(&self, mending: &Mending) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.flows.get_mut(&mending.flow).ok_or(StoreError::UnknownFlow(mending.flow))?;
        let snapshot = stored.snapshot.as_ref().map(|row| row.seq);
        if !mending.is_of_the_log(stored.archived())
            || (stored.head, snapshot) != (mending.head, mending.snapshot)
        {
            return Ok(false);
        }
        let at = to_micros(mending.at);
        if let Some((row, reason)) = stored.snapshot.take().zip(mending.distrust.as_ref()) {
            stored.keep(row.seq, QuarantinedKind::Snapshot, row.created_at, row.envelope, reason, at);
        }
        for cure in &mending.cures {
            stored.cure(cure, at);
        }
        stored.put(mending.last, mending.appended.clone(), at);
        stored.head = mending.last;
        stored.projection.seq = stored.projection.seq.min(mending.last);
        let snapshot = Snapshot { seq: mending.last, state: mending.state.clone() };
        let envelope = Bytes::from(encode_snapshot(&snapshot));
        stored.snapshot = Some(SnapshotRow { seq: mending.last, envelope, created_at: at });
        Ok(true)
    }

    async fn quarantine(&self, flow: FlowId, after: u64, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(Vec::new()) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(stored.quarantine.iter().filter(|item| item.id > after).take(limit).cloned().collect())
    }
}

impl Flow {
    fn cure(&mut self, cure: &Cure, at: Timestamp) {
        if let Some(update) = self.log.get_mut(&cure.seq) {
            let bytes = std::mem::replace(&mut update.bytes, cure.put.clone());
            let kind = QuarantinedKind::Update { batch: update.batch, actor: update.actor };
            let created_at = update.created_at;
            self.keep(cure.seq, kind, created_at, bytes, &cure.reason, at);
        } else {
            self.put(cure.seq, cure.put.clone(), at);
        }
    }

    /// An update of the store's own, in a batch of its own.
    fn put(&mut self, seq: Seq, bytes: Bytes, at: Timestamp) {
        let batch = BatchId::generate();
        self.batches.insert(batch, SeqRange { first: seq, last: seq });
        self.log.insert(seq, StoredUpdate { seq, batch, actor: ActorId::Server, created_at: at, bytes });
    }

    fn keep(
        &mut self,
        seq: Seq,
        kind: QuarantinedKind,
        created_at: Timestamp,
        bytes: Bytes,
        reason: &str,
        at: Timestamp,
    ) {
        let id = self.quarantine.len() as u64 + 1;
        let reason = reason.to_owned();
        self.quarantine.push(Quarantined { id, seq, kind, created_at, bytes, reason, quarantined_at: at });
    }
}

fn raw(update: &StoredUpdate) -> RawUpdate {
    RawUpdate { seq: update.seq, bytes: update.bytes.clone() }
}

fn length(bytes: &Bytes) -> u64 {
    bytes.len() as u64
}
