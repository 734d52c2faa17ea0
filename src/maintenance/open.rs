//! A flow as a server would open it, read in pages.

use anyhow::Context;
use flow_base::{FlowId, Seq};
use flow_store::{LogCare, LogStand, StoreError, decode_snapshot};

use super::PAGE;
use super::examine::off_thread;
use super::replay::Replay;

/// A flow's document, as of one moment.
pub(super) struct Opened {
    pub(super) stand: LogStand,
    pub(super) replay: Replay,
    /// Without their envelope.
    pub(super) snapshot_bytes: u64,
    pub(super) tail_bytes: u64,
}

impl Opened {
    /// Of the snapshot; 0 when there is none.
    pub(super) fn snapshot_seq(&self) -> Seq {
        snapshot_seq(&self.stand)
    }
}

/// `None` when the flow is damaged, so that nothing would open it.
pub(super) async fn open(care: &dyn LogCare, flow: FlowId) -> anyhow::Result<Option<Opened>> {
    let Some(stand) = care.stand(flow).await? else { return Ok(None) };
    let (head, from) = (stand.head, snapshot_seq(&stand));
    let Some(mut opened) = off_thread(move || Opened::start(stand)).await? else { return Ok(None) };
    let mut after = from;
    while after < head {
        let page = match care.raw_updates(flow, after, head, PAGE).await {
            Ok(page) => page,
            Err(StoreError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut expected = after.next();
        for update in &page {
            if update.seq != expected {
                return Ok(None);
            }
            expected = expected.next();
            opened.tail_bytes += update.bytes.len() as u64;
        }
        let Some(last) = page.last() else { return Ok(None) };
        after = last.seq;
        let applied = off_thread(move || {
            let applied = page.iter().all(|update| opened.replay.apply(&update.bytes).is_ok());
            applied.then_some(opened)
        });
        match applied.await.context("could not open the flow")? {
            Some(more) => opened = more,
            None => return Ok(None),
        }
    }
    Ok(Some(opened))
}

impl Opened {
    fn start(stand: LogStand) -> Option<Self> {
        let mut opened = Self { stand, replay: Replay::new(), snapshot_bytes: 0, tail_bytes: 0 };
        if let Some(raw) = &opened.stand.snapshot {
            let snapshot = decode_snapshot(&raw.envelope).ok()?;
            if snapshot.seq != raw.seq || snapshot.seq > opened.stand.head {
                return None;
            }
            opened.replay.apply(&snapshot.state).ok()?;
            opened.snapshot_bytes = snapshot.state.len() as u64;
        }
        Some(opened)
    }
}

fn snapshot_seq(stand: &LogStand) -> Seq {
    stand.snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq)
}
