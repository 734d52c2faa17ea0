use std::collections::BTreeSet;
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{Credential, FlowId, Seq, SeqRange, Timestamp};

use super::{Flow, MemoryStore, SnapshotRow, State, faults, to_micros};
use crate::{
    Conflict, FlowBatch, FlowRevision, LogGrowth, LogHead, LogStore, Revisions, Snapshot, StoreError,
    StoredFlow, StoredUpdate, Writer, decode_snapshot, encode_snapshot,
};

#[async_trait]
impl LogStore for MemoryStore {
    async fn append(&self, batches: &[FlowBatch]) -> Vec<Result<SeqRange, StoreError>> {
        self.faults.wait_while_held().await;
        let fail_all = || batches.iter().map(|_| Err(faults::away("append to the log"))).collect();
        if self.faults.append_fails() {
            return fail_all();
        }
        let results = {
            let mut state = self.state();
            let append = |(batch, check): (_, Result<(), Conflict>)| {
                check.map_err(StoreError::Conflict)?;
                state.append(batch)
            };
            batches.iter().zip(FlowBatch::check_all(batches)).map(append).collect()
        };
        if self.faults.answer_is_lost() {
            return fail_all();
        }
        results
    }

    async fn load(&self, flow: FlowId) -> Result<Option<StoredFlow>, StoreError> {
        self.faults.check_load()?;
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(None) };
        let snapshot = stored.snapshot.as_ref().map(|row| row.read(flow, stored.head)).transpose()?;
        let after = snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq);
        let tail = stored.updates(flow, after, stored.head)?;
        Ok(Some(StoredFlow { head: stored.head, snapshot, tail }))
    }

    async fn head(&self, flow: FlowId) -> Result<Option<LogHead>, StoreError> {
        self.faults.check_load()?;
        let state = self.state();
        let newest = |stored: &Flow| stored.log.get(&stored.head).map(|update| update.batch);
        Ok(state.flows.get(&flow).map(|stored| LogHead { seq: stored.head, batch: newest(stored) }))
    }

    async fn updates_after(
        &self,
        flow: FlowId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredUpdate>, StoreError> {
        self.faults.check_load()?;
        let state = self.state();
        let stored = state.flows.get(&flow).ok_or(StoreError::UnknownFlow(flow))?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let last = Seq(after.0.saturating_add(limit)).min(stored.head);
        stored.updates(flow, after, last)
    }

    async fn put_snapshot(
        &self,
        flow: FlowId,
        snapshot: &Snapshot,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.flows.get_mut(&flow).ok_or(StoreError::UnknownFlow(flow))?;
        if snapshot.seq > stored.head {
            return Err(StoreError::Conflict(Conflict::SnapshotAhead));
        }
        if stored.snapshot.as_ref().is_some_and(|row| row.seq > snapshot.seq) {
            return Ok(false);
        }
        let envelope = Bytes::from(encode_snapshot(snapshot));
        stored.snapshot = Some(SnapshotRow { seq: snapshot.seq, envelope, created_at: to_micros(at) });
        Ok(true)
    }

    async fn writers(&self, flow: FlowId) -> Result<Vec<Writer>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(Vec::new()) };
        Ok(stored.writers.iter().map(|(&client_id, &user)| Writer { client_id, user }).collect())
    }

    async fn growth(&self, flow: FlowId) -> Result<Option<LogGrowth>, StoreError> {
        let state = self.state();
        let bytes = |length: usize| u64::try_from(length).expect("a length fits 64 bits");
        Ok(state.flows.get(&flow).map(|stored| LogGrowth {
            updates: stored.head.0,
            update_bytes: stored.log.values().map(|update| bytes(update.bytes.len())).sum(),
            snapshot_bytes: stored.snapshot.as_ref().map_or(0, |row| bytes(row.envelope.len())),
        }))
    }

    async fn revisions(
        &self,
        flows: &[FlowId],
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<Revisions, StoreError> {
        let state = self.state();
        let flows: BTreeSet<_> = flows.iter().collect();
        let credentials: BTreeSet<_> = credentials.iter().copied().collect();
        let revision = |&flow: &FlowId| {
            let stored = state.flows.get(&flow)?;
            Some(FlowRevision { flow, head: stored.head, access_rev: state.access_rev(stored) })
        };
        let ended = |credential: &Credential| match credential {
            Credential::Session(id) => state.sessions.get(id).is_none_or(|session| !session.is_live(now)),
            Credential::Key(id) => state.keys.get(id).is_none_or(|key| !key.is_live(now)),
            Credential::Link(id) => state.links.get(id).is_none_or(|link| !link.is_live(now)),
        };
        Ok(Revisions {
            flows: flows.into_iter().filter_map(revision).collect(),
            ended: credentials.into_iter().filter(ended).collect(),
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl State {
    /// A batch that has been checked.
    pub(super) fn append(&mut self, batch: &FlowBatch) -> Result<SeqRange, StoreError> {
        let flow = self.flows.get_mut(&batch.flow).ok_or(StoreError::UnknownFlow(batch.flow))?;
        if let Some(&stored) = flow.batches.get(&batch.batch) {
            return Ok(stored);
        }
        let count = u64::try_from(batch.updates.len()).expect("a length fits 64 bits");
        let range = SeqRange::after(flow.head, count).expect("an empty batch has been refused");
        for (seq, update) in (range.first.0..=range.last.0).map(Seq).zip(&batch.updates) {
            flow.log.insert(
                seq,
                StoredUpdate {
                    seq,
                    batch: batch.batch,
                    actor: update.actor,
                    created_at: to_micros(batch.at),
                    bytes: update.bytes.clone(),
                },
            );
        }
        for writer in &batch.writers {
            flow.writers.entry(writer.client_id).or_insert(writer.user);
        }
        flow.batches.insert(batch.batch, range);
        flow.head = range.last;
        Ok(range)
    }
}

impl Flow {
    /// The updates after `after` up to `last`, or the news that one is missing.
    fn updates(&self, flow: FlowId, after: Seq, last: Seq) -> Result<Vec<StoredUpdate>, StoreError> {
        if after >= last {
            return Ok(Vec::new());
        }
        let updates: Vec<_> = self
            .log
            .range((Bound::Excluded(after), Bound::Included(last)))
            .map(|(_, update)| update.clone())
            .collect();
        // The keys are distinct and within bounds, so their number tells.
        if u64::try_from(updates.len()) != Ok(last.0 - after.0) {
            return Err(StoreError::Damaged { flow, what: "the log has a hole", source: None });
        }
        Ok(updates)
    }
}

impl SnapshotRow {
    fn read(&self, flow: FlowId, head: Seq) -> Result<Snapshot, StoreError> {
        let snapshot = decode_snapshot(&self.envelope).map_err(|error| StoreError::Damaged {
            flow,
            what: "the snapshot cannot be read",
            source: Some(Box::new(error)),
        })?;
        if snapshot.seq > head {
            return Err(StoreError::Damaged { flow, what: "the snapshot is ahead of the log", source: None });
        }
        Ok(snapshot)
    }
}
