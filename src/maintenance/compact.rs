use bytes::Bytes;
use clap::Args;
use flow_base::{Clock, FlowId, Seq};
use flow_room::RoomLimits;
use flow_store::Snapshot;
use serde::Serialize;

use super::examine::off_thread;
use super::open::{Opened, open};
use super::{Tools, damaged, output};
use crate::cli::{Failure, Storage, flow_id};

/// Writes a new snapshot of each flow whose log has grown by 100 updates and a quarter
/// of the snapshot's bytes since the last, so that it opens quickly. The log is kept. Servers
/// do this by themselves; this is for flows that no server has had open since.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    /// The flows to look at; all, if none is given.
    #[arg(value_parser = flow_id)]
    flows: Vec<FlowId>,
    /// Write one of every flow that has anything after its last.
    #[arg(long)]
    all: bool,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CompactedLine {
    flow: FlowId,
    snapshot_seq: Seq,
    snapshot_bytes: u64,
    tail_updates: u64,
    tail_bytes: u64,
}

/// What became of a flow.
enum Outcome {
    Short,
    Compacted(CompactedLine),
    Damaged,
}

impl Compact {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let tools = Tools::open(self.storage).await?;
        let mut flows = tools.flows(self.flows);
        let (mut seen, mut compacted, mut unsound) = (0, 0, 0);
        while let Some(flow) = flows.next().await? {
            seen += 1;
            match compact(&tools, flow, self.all).await? {
                Outcome::Short => {}
                Outcome::Compacted(line) => {
                    compacted += 1;
                    print(&line, self.json)?;
                }
                Outcome::Damaged if tools.is_purged(flow).await? => {}
                Outcome::Damaged => {
                    unsound += 1;
                    output::progress(&format!("{flow} is damaged: see `interflow log verify`"))?;
                }
            }
        }
        if !self.json {
            output::line(&format!("{compacted} of {} compacted", output::count(seen, "flow")))?;
        }
        tools.database.close().await;
        if unsound == 0 {
            return Ok(());
        }
        Err(damaged(format!("there is damage in {}", output::count(unsound, "flow"))))
    }
}

async fn compact(tools: &Tools, flow: FlowId, all: bool) -> anyhow::Result<Outcome> {
    let limits = RoomLimits::default();
    let least = if all { 1 } else { limits.snapshot_updates };
    let Some(stand) = tools.care.stand(flow).await? else { return Ok(Outcome::Damaged) };
    let covered = stand.snapshot.map_or(Seq::ZERO, |snapshot| snapshot.seq);
    if stand.head.0.saturating_sub(covered.0) < least {
        return Ok(Outcome::Short);
    }
    let Some(opened) = open(&*tools.care, flow).await? else { return Ok(Outcome::Damaged) };
    let is_due = opened.tail_bytes.saturating_mul(limits.snapshot_ratio) >= opened.snapshot_bytes;
    if !all && !is_due {
        return Ok(Outcome::Short);
    }
    let (seq, tail_updates) = (opened.stand.head, opened.stand.head.0 - opened.snapshot_seq().0);
    let Opened { replay, tail_bytes, .. } = opened;
    let state = off_thread(move || Bytes::from(replay.doc().encode_state_v1())).await?;
    let line = CompactedLine {
        flow,
        snapshot_seq: seq,
        snapshot_bytes: state.len() as u64,
        tail_updates,
        tail_bytes,
    };
    let stored = tools.store.put_snapshot(flow, &Snapshot { seq, state }, tools.clock.now()).await?;
    // A server was quicker, and has a newer one.
    Ok(if stored { Outcome::Compacted(line) } else { Outcome::Short })
}

fn print(line: &CompactedLine, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(line);
    }
    let CompactedLine { flow, snapshot_seq, snapshot_bytes, tail_updates, tail_bytes } = line;
    output::line(&format!(
        "{flow} snapshot at {snapshot_seq}: {} for a tail of {} with {}",
        output::count(*snapshot_bytes, "byte"),
        output::count(*tail_updates, "update"),
        output::count(*tail_bytes, "byte"),
    ))
}
