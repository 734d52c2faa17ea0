use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use flow_archive::{Archiver, Moved};
use flow_base::{Clock, FlowId, Seq};
use flow_store::StoreError;
use serde::Serialize;

use super::{Tools, damaged, output};
use crate::cli::{Failure, Storage, flow_id};
use crate::wiring;

/// Moves old parts of logs to the archive that is configured under `[archive]`, as servers
/// do by themselves while they run. What was moved reads as before.
#[derive(Debug, Args)]
pub(crate) struct Archive {
    /// The flows to look at; all, if none is given.
    #[arg(value_parser = flow_id)]
    flows: Vec<FlowId>,
    /// Put everything back into the database instead. The objects stay until a sweep. Servers
    /// that have the archive configured move it there again.
    #[arg(long, conflicts_with = "sweep")]
    bring_back: bool,
    /// Instead, remove objects that attempts which came to nothing have left in the
    /// archive: those that are more than a day old and that no log needs.
    #[arg(long)]
    sweep: bool,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

/// A younger object may be of an attempt under way.
const LEFTOVER_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Segments in memory at a time.
const SEGMENTS: u32 = 1_000;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowLine {
    flow: FlowId,
    segments: u64,
    updates: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

impl Archive {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.storage.start()?;
        let archive = wiring::archive(&config)?;
        let archive = archive.context("no archive is configured: set location under [archive]")?;
        let keep_for = config.archive.keep_for();
        let tools = Tools::of(&config).await?;
        let archiver = Archiver::new(
            tools.segments.clone(),
            archive.clone(),
            std::sync::Arc::new(tools.clock),
            keep_for,
        );
        let mut flows = tools.flows(self.flows);
        let (mut seen, mut done, mut unsound) = (0, 0, 0);
        while let Some(flow) = flows.next().await? {
            seen += 1;
            if self.sweep {
                let removed = sweep(&tools, &*archive, flow).await?;
                done += removed;
                continue;
            }
            let line = if self.bring_back {
                bring_back(&tools, flow).await
            } else {
                archiver.archive_flow(flow).await.map(|moved| line(flow, moved)).map_err(anyhow::Error::from)
            };
            match line {
                Ok(line) => {
                    done += u64::from(line.segments > 0);
                    if line.segments > 0 {
                        print(&line, self.bring_back, self.json)?;
                    }
                }
                // Others may be sound.
                Err(error) if is_damage(&error) => {
                    unsound += 1;
                    output::progress(&format!("{error:#}; see `interflow log verify`"))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !self.json {
            output::line(&match (self.sweep, self.bring_back) {
                (true, _) => format!("{} removed", output::count(done, "object")),
                (_, true) => format!("{done} of {} brought back", output::count(seen, "flow")),
                (_, false) => format!("{done} of {} archived", output::count(seen, "flow")),
            })?;
        }
        tools.database.close().await;
        if unsound == 0 {
            return Ok(());
        }
        Err(damaged(format!("there is damage in {}", output::count(unsound, "flow"))))
    }
}

fn is_damage(error: &anyhow::Error) -> bool {
    let damage = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref::<StoreError>(), Some(StoreError::Damaged { .. }))
    };
    error.chain().any(damage)
}

fn line(flow: FlowId, moved: Moved) -> FlowLine {
    FlowLine { flow, segments: moved.segments, updates: moved.updates, bytes: Some(moved.bytes) }
}

/// Everything of a flow, last segment first.
async fn bring_back(tools: &Tools, flow: FlowId) -> anyhow::Result<FlowLine> {
    bring_back_from(tools, flow, Seq::ZERO).await
}

/// What the archive has of a flow from this position on, and before it in the same segment.
pub(super) async fn bring_back_from(tools: &Tools, flow: FlowId, from: Seq) -> anyhow::Result<FlowLine> {
    let mut line = FlowLine { flow, segments: 0, updates: 0, bytes: None };
    loop {
        let stand = tools.care.stand(flow).await?;
        if stand.is_none_or(|stand| stand.archived == Seq::ZERO || stand.archived < from) {
            return Ok(line);
        }
        let Some(segment) = tools.segments.bring_back(flow).await? else { return Ok(line) };
        line.segments += 1;
        line.updates += segment.last.0 - segment.first.0 + 1;
    }
}

async fn sweep(tools: &Tools, archive: &dyn flow_store::Archive, flow: FlowId) -> anyhow::Result<u64> {
    // Objects that are noted after this are younger than what is removed.
    let before = tools.clock.now() - LEFTOVER_AFTER;
    let (mut known, mut after) = (HashSet::new(), Seq::ZERO);
    loop {
        let page = tools.segments.segments(flow, after, SEGMENTS).await?;
        let Some(last) = page.last() else { break };
        after = last.last;
        known.extend(page.into_iter().map(|segment| segment.key));
    }
    Ok(archive.sweep(flow, &|key| known.contains(key), before).await?)
}

fn print(line: &FlowLine, bring_back: bool, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(line);
    }
    let FlowLine { flow, segments, updates, bytes } = line;
    let (segments, updates) = (output::count(*segments, "segment"), output::count(*updates, "update"));
    output::line(&match bytes {
        Some(bytes) if !bring_back => {
            format!("{flow} archived {updates} as {segments} of {}", output::count(*bytes, "byte"))
        }
        _ => format!("{flow} brought back {updates} from {segments}"),
    })
}
