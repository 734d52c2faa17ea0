use clap::Args;
use flow_base::{Clock, FlowId, Seq};
use flow_model::Words;
use flow_store::Projection;
use serde::Serialize;

use super::examine::{Examined, Plan, examine};
use super::{Tools, archive, damaged, output, verify};
use crate::cli::{Failure, Storage, flow_id};

/// Puts the log of a flow in order, in one transaction: what cannot be read or applied goes
/// into the quarantine, holes are filled, a snapshot that is not what the updates come to
/// is replaced. What only the snapshot still has is put back into the log.
///
/// Stop the servers first if the damage may have come about while they had the flow open:
/// as they stop they store what they hold of it.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    /// Only say what would be done. Exit code 3: there is something.
    #[arg(long)]
    dry_run: bool,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

/// The log moves while it is looked at. One that has moved so often is being edited, so
/// some server has it open and holds more than the log says.
const ATTEMPTS: usize = 3;

impl Repair {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self { flow, dry_run, json, storage } = self;
        let tools = Tools::open(storage).await?;
        for _ in 0..ATTEMPTS {
            if tools.care.stand(flow).await.map_err(anyhow::Error::from)?.is_none() {
                return Err(anyhow::anyhow!("flow {flow} does not exist").into());
            }
            let Examined { findings, plan, .. } = examine(&*tools.care, &tools.clock, flow).await?;
            let Some(plan) = plan else {
                if !findings.is_empty() {
                    verify::print(flow, &findings, json)?;
                    return Err(damaged(format!(
                        "flow {flow} cannot be repaired without what is in the archive: put it back there from a copy"
                    )));
                }
                say(flow, json, "sound", "nothing is wrong", None)?;
                tools.database.close().await;
                return Ok(());
            };
            let done = Done::of(&plan);
            if dry_run {
                verify::print(flow, &findings, json)?;
                say(flow, json, "planned", &format!("a repair would {}", done.text()), Some(done))?;
                tools.database.close().await;
                return Err(damaged(format!("flow {flow} is damaged, and nothing was changed")));
            }
            if let Some(first) = plan.mending.cures.first() {
                // What lies in the archive is not changed there.
                archive::bring_back_from(&tools, flow, first.seq).await?;
            }
            if tools.care.mend(&plan.mending).await.map_err(anyhow::Error::from)? {
                verify::print(flow, &findings, json)?;
                project(&tools, flow, plan).await?;
                say(flow, json, "repaired", &format!("repaired: {}", done.text()), Some(done))?;
                tools.database.close().await;
                return Ok(());
            }
        }
        Err(being_edited(flow))
    }
}

fn being_edited(flow: FlowId) -> Failure {
    anyhow::anyhow!(
        "flow {flow} is being edited, so a server has it open and sound; nothing was changed. Stop the servers, which stores what they hold, and try again"
    )
    .into()
}

/// What a mending comes to, for who reads of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    quarantined_updates: u64,
    quarantined_snapshot: bool,
    filled_holes: u64,
    /// What only the snapshot had is in the log.
    rescued: bool,
    snapshot_seq: Seq,
}

#[derive(Debug, Serialize)]
struct ResultLine {
    flow: FlowId,
    result: &'static str,
    #[serde(flatten)]
    done: Option<Done>,
}

fn say(flow: FlowId, json: bool, result: &'static str, text: &str, done: Option<Done>) -> anyhow::Result<()> {
    if json {
        output::json(&ResultLine { flow, result, done })
    } else {
        output::line(&format!("{flow} {text}"))
    }
}

/// The list of flows shows what the document says now.
async fn project(tools: &Tools, flow: FlowId, plan: Plan) -> anyhow::Result<()> {
    let Words { name, description, tags } = Words::of(&plan.document.graph().meta);
    let projection = Projection { name, description, tags, seq: plan.mending.last, at: tools.clock.now() };
    // Unless a server has come first, which says it of a newer document.
    tools.store.project(flow, &projection).await?;
    Ok(())
}

impl Done {
    fn of(Plan { mending, rescued, missing, .. }: &Plan) -> Self {
        Self {
            quarantined_updates: mending.cures.len() as u64 - missing,
            quarantined_snapshot: mending.distrust.is_some(),
            filled_holes: *missing,
            rescued: *rescued,
            snapshot_seq: mending.last,
        }
    }

    fn text(&self) -> String {
        let mut parts =
            vec![format!("put {} into the quarantine", output::count(self.quarantined_updates, "update"))];
        if self.quarantined_snapshot {
            parts.push("the snapshot, too".to_owned());
        }
        parts.push(format!("fill {}", output::count(self.filled_holes, "hole")));
        if self.rescued {
            parts.push("put back into the log what only the snapshot has".to_owned());
        }
        parts.push(format!("write a new snapshot at {}", self.snapshot_seq));
        parts.join(", ")
    }
}
