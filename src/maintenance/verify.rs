use clap::Args;
use flow_base::{FlowId, Seq};
use serde::Serialize;
use serde_json::json;

use super::examine::{Examined, Finding, examine};
use super::{Tools, damaged, output};
use crate::cli::{Failure, Storage, flow_id};

/// Replays the log of each flow and holds it against its snapshot. Prints a line for each
/// thing that is wrong, and a summary.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The flows to look at; all, if none is given.
    #[arg(value_parser = flow_id)]
    flows: Vec<FlowId>,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingLine<'a> {
    flow: FlowId,
    seq: Option<Seq>,
    finding: &'static str,
    what: &'a str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    flows: u64,
    updates: u64,
    damaged_flows: u64,
    findings: u64,
}

impl Verify {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let tools = Tools::open(self.storage).await?;
        let mut flows = tools.flows(self.flows);
        let mut summary = Summary::default();
        while let Some(flow) = flows.next().await? {
            let examined = examine(&*tools.care, &tools.clock, flow).await?;
            if !examined.findings.is_empty() && tools.is_purged(flow).await? {
                continue;
            }
            summary.add(&examined);
            print(flow, &examined.findings, self.json)?;
        }
        let Summary { flows, updates, damaged_flows, findings } = summary;
        if self.json {
            output::json(&json!({ "summary": summary }))?;
        } else {
            output::line(&format!(
                "{} with {} verified: {} with damage, {}",
                output::count(flows, "flow"),
                output::count(updates, "update"),
                output::number(damaged_flows),
                output::count(findings, "finding"),
            ))?;
        }
        tools.database.close().await;
        if findings == 0 {
            return Ok(());
        }
        Err(damaged(format!("there is damage in {}", output::count(damaged_flows, "flow"))))
    }
}

impl Summary {
    fn add(&mut self, examined: &Examined) {
        self.flows += 1;
        self.updates += examined.updates;
        self.damaged_flows += u64::from(!examined.findings.is_empty());
        self.findings += examined.findings.len() as u64;
    }
}

/// A line for each finding.
pub(super) fn print(flow: FlowId, findings: &[Finding], json: bool) -> anyhow::Result<()> {
    for Finding { kind, seq, what } in findings {
        if json {
            output::json(&FindingLine { flow, seq: *seq, finding: kind.name(), what })?;
        } else {
            let at = seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
            output::line(&format!("{flow} {at} {}: {what}", kind.name()))?;
        }
    }
    Ok(())
}
