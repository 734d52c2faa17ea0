//! Feeding an examination, a page at a time and off the async threads.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use flow_base::{Clock, FlowId, Seq};
use flow_store::{LogCare, StoreError};

use super::{Examination, Examined, Finding, Kind, Stop};
use crate::maintenance::PAGE;

/// Looks at the whole flow. What is appended meanwhile is not looked at. Takes the memory
/// of two documents and a page.
pub(crate) async fn examine(care: &dyn LogCare, clock: &dyn Clock, flow: FlowId) -> anyhow::Result<Examined> {
    let mut spoiling = BTreeSet::new();
    loop {
        match pass(care, clock, flow, spoiling.clone()).await? {
            Ok(examined) => return Ok(examined),
            // Once more, without it.
            Err(Stop::Spoiled(seq)) if spoiling.insert(seq) => {}
            Err(Stop::Spoiled(seq)) => bail!("flow {flow} cannot be replayed past update {seq}"),
            Err(Stop::Holes { from, to }) => {
                bail!(
                    "the log of flow {flow} has nothing from {from} to {to}: the positions are wrong, or this is no log"
                );
            }
        }
    }
}

async fn pass(
    care: &dyn LogCare,
    clock: &dyn Clock,
    flow: FlowId,
    spoiling: BTreeSet<Seq>,
) -> anyhow::Result<Result<Examined, Stop>> {
    let Some(stand) = care.stand(flow).await? else {
        let finding = Finding { kind: Kind::NoLog, seq: None, what: "the flow has no log".to_owned() };
        return Ok(Ok(Examined { updates: 0, findings: vec![finding], plan: None }));
    };
    let mut examination = off_thread(move || Examination::new(stand, spoiling)).await?;
    let (mut after, last) = (Seq::ZERO, examination.last());
    while after < last {
        let page = match care.raw_updates(flow, after, last, PAGE).await {
            Ok(page) => page,
            // Without it the rest cannot be judged, and least of all mended.
            Err(error @ StoreError::Damaged { .. }) => {
                let what = format!("{:#}", anyhow::Error::from(error));
                let finding = Finding { kind: Kind::Archive, seq: Some(after.next()), what };
                return Ok(Ok(Examined { updates: last.0, findings: vec![finding], plan: None }));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(end) = page.last().map(|update| update.seq) else { break };
        after = end;
        let added = off_thread(move || examination.add(page).map(|()| examination)).await?;
        match added {
            Ok(more) => examination = more,
            Err(stop) => return Ok(Err(stop)),
        }
    }
    let at = clock.now();
    off_thread(move || examination.finish(flow, at)).await
}

/// Documents take their time, and what goes wrong in them ends only this.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("looking at the document panicked")
}
