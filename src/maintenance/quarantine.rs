use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use flow_base::{FlowId, Seq, UserId};
use flow_store::{Quarantined, QuarantinedKind};
use serde::Serialize;

use super::{Tools, output};
use crate::cli::{Failure, Storage, flow_id};

/// Prints what repairs have taken out of the log of a flow, oldest first, with the reasons.
#[derive(Debug, Args)]
pub(crate) struct Quarantine {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    /// Print lines of JSON, with the bytes in base64.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

/// Items in memory at a time. Each may be as large as a document.
const ITEMS: u32 = 8;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemLine<'a> {
    flow: FlowId,
    seq: Seq,
    kind: &'static str,
    reason: &'a str,
    quarantined_at: String,
    created_at: String,
    /// Who delivered it; the server, where it is null.
    user: Option<UserId>,
    bytes: String,
}

impl Quarantine {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let tools = Tools::open(self.storage).await?;
        let mut after = 0;
        loop {
            let page = tools.care.quarantine(self.flow, after, ITEMS).await.map_err(anyhow::Error::from)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for item in &page {
                print(self.flow, item, self.json)?;
            }
        }
        tools.database.close().await;
        Ok(())
    }
}

fn print(flow: FlowId, item: &Quarantined, json: bool) -> anyhow::Result<()> {
    let (kind, user) = match item.kind {
        QuarantinedKind::Update { actor, .. } => ("update", actor.user()),
        QuarantinedKind::Snapshot => ("snapshot", None),
    };
    let Quarantined { seq, reason, bytes, .. } = item;
    if json {
        return output::json(&ItemLine {
            flow,
            seq: *seq,
            kind,
            reason,
            quarantined_at: item.quarantined_at.to_string(),
            created_at: item.created_at.to_string(),
            user,
            bytes: STANDARD.encode(bytes),
        });
    }
    let size = output::count(bytes.len() as u64, "byte");
    output::line(&format!("{flow} {seq} {kind} of {size}, taken out {}: {reason}", item.quarantined_at))
}
