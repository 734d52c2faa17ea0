use std::ops::Bound;

use async_trait::async_trait;
use flow_base::{FlowId, Seq, Timestamp};

use super::{Flow, MemoryStore};
use crate::{
    KEPT_UPDATES, PageSize, SEGMENT_BYTES, SEGMENT_UPDATES_LEAST, SEGMENT_UPDATES_MOST, Segment,
    SegmentStore, StoreError, StoredUpdate, due,
};

#[async_trait]
impl SegmentStore for MemoryStore {
    async fn flows_to_archive(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError> {
        let state = self.state();
        let is_long = |flow: &Flow| flow.head.0 - flow.archived().0 >= KEPT_UPDATES + SEGMENT_UPDATES_LEAST;
        let long = state.flows.iter().filter(|(_, flow)| is_long(flow)).map(|(id, _)| *id);
        let mut ids: Vec<_> = long.filter(|id| after.is_none_or(|after| *id > after)).collect();
        ids.sort();
        ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(ids)
    }

    async fn next_segment(
        &self,
        flow: FlowId,
        before: Timestamp,
    ) -> Result<Option<Vec<StoredUpdate>>, StoreError> {
        let state = self.state();
        let stored = state.flows.get(&flow).ok_or(StoreError::UnknownFlow(flow))?;
        let covered = stored.snapshot.as_ref().map_or(0, |row| row.seq.0);
        let (archived, mut last) =
            (stored.archived(), stored.head.0.saturating_sub(KEPT_UPDATES).min(covered));
        let batch = |seq| stored.log.get(&Seq(seq)).map(|update| update.batch);
        let divided = batch(last + 1);
        while last > archived.0 && batch(last).is_some() && batch(last) == divided {
            last -= 1;
        }
        let page = PageSize { updates: SEGMENT_UPDATES_MOST, bytes: SEGMENT_BYTES };
        let last = Seq(last).min(Seq(archived.0 + u64::from(page.updates)));
        let mut updates = stored.updates(flow, archived, last)?;
        page.cut(&mut updates, |update| update.bytes.len());
        Ok(due(updates, before))
    }

    async fn archive(
        &self,
        flow: FlowId,
        segment: &Segment,
        updates: &[StoredUpdate],
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.flows.get_mut(&flow).ok_or(StoreError::UnknownFlow(flow))?;
        let range = (Bound::Included(segment.first), Bound::Included(segment.last));
        if stored.archived().next() != segment.first
            || !stored.log.range(range).map(|(_, update)| update).eq(updates)
        {
            return Ok(false);
        }
        stored.log.retain(|seq, _| *seq > segment.last);
        stored.batches.retain(|_, range| range.last > segment.last);
        stored.archived_bytes += bytes(updates);
        stored.segments.push(segment.clone());
        Ok(true)
    }

    async fn segments(&self, flow: FlowId, after: Seq, limit: u32) -> Result<Vec<Segment>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(Vec::new()) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(stored.segments.iter().filter(|segment| segment.last > after).take(limit).cloned().collect())
    }

    async fn bring_back(&self, flow: FlowId) -> Result<Option<Segment>, StoreError> {
        let last = self.state().flows.get(&flow).and_then(|stored| stored.segments.last().cloned());
        let Some(segment) = last else { return Ok(None) };
        let updates = self.cold().read(flow, &segment).await?;
        let mut state = self.state();
        let stored = state.flows.get_mut(&flow).ok_or(StoreError::UnknownFlow(flow))?;
        // Otherwise somebody else was quicker.
        if stored.segments.last() == Some(&segment) {
            stored.segments.pop();
            stored.archived_bytes -= bytes(&updates);
            stored.log.extend(updates.into_iter().map(|update| (update.seq, update)));
        }
        Ok(Some(segment))
    }
}

impl Flow {
    /// The last position that lies in the archive.
    pub(super) fn archived(&self) -> Seq {
        self.segments.last().map_or(Seq::ZERO, |segment| segment.last)
    }

    /// The segment that the update after `after` lies in.
    pub(super) fn segment_after(&self, after: Seq) -> Option<Segment> {
        self.segments.iter().find(|segment| segment.last > after).cloned()
    }
}

fn bytes(updates: &[StoredUpdate]) -> u64 {
    updates.iter().map(|update| update.bytes.len() as u64).sum()
}
