use clap::Args;
use flow_base::{FlowId, Seq};
use serde::Serialize;
use serde_json::json;

use super::examine::off_thread;
use super::open::{Opened, open};
use super::{Tools, damaged, output};
use crate::cli::{Failure, Storage, flow_id};

/// Prints how large the log, the snapshot and the document of a flow are, or of each flow
/// and all together.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// All flows, if none is given.
    #[arg(value_parser = flow_id)]
    flow: Option<FlowId>,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sizes {
    updates: u64,
    /// So many of them lie in the archive.
    archived_updates: u64,
    log_bytes: u64,
    snapshot_bytes: u64,
    /// Updates after the snapshot, and their bytes.
    tail_updates: u64,
    tail_bytes: u64,
    /// Encoded.
    document_bytes: u64,
    /// Deleted, and to be remembered.
    tombstones: u64,
    nodes: u64,
    edges: u64,
    /// Yjs clients that have written.
    clients: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlowLine {
    flow: FlowId,
    snapshot_seq: Seq,
    #[serde(flatten)]
    sizes: Sizes,
}

const HEADER: &str = "flow                                      updates     archived    log bytes   snapshot bytes      at    tail   document bytes  tombstones   nodes   edges  clients";

impl Stats {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let tools = Tools::open(self.storage).await?;
        let mut flows = tools.flows(self.flow.into_iter().collect());
        if !self.json {
            output::line(HEADER)?;
        }
        let (mut total, mut seen, mut unsound) = (Sizes::default(), 0, 0);
        while let Some(flow) = flows.next().await? {
            let Some(opened) = open(&*tools.care, flow).await? else {
                unsound += 1;
                output::progress(&format!("{flow} is damaged: see `interflow log verify`"))?;
                continue;
            };
            seen += 1;
            let line = off_thread(move || FlowLine::of(flow, &opened)).await?;
            total.add(&line.sizes);
            if self.json {
                output::json(&line)?;
            } else {
                output::line(&row(&flow.to_string(), &line.snapshot_seq.to_string(), &line.sizes))?;
            }
        }
        match (self.flow, self.json) {
            (Some(_), _) => {}
            (None, true) => output::json(&json!({ "flows": seen, "total": total }))?,
            (None, false) => output::line(&row(&output::count(seen, "flow"), "", &total))?,
        }
        tools.database.close().await;
        if unsound == 0 {
            return Ok(());
        }
        Err(damaged(format!("there is damage in {}", output::count(unsound, "flow"))))
    }
}

fn row(name: &str, at: &str, sizes: &Sizes) -> String {
    let number = output::number;
    format!(
        "{name:<36} {:>12} {:>12} {:>12} {:>16} {at:>7} {:>7} {:>16} {:>11} {:>7} {:>7} {:>8}",
        number(sizes.updates),
        number(sizes.archived_updates),
        number(sizes.log_bytes),
        number(sizes.snapshot_bytes),
        number(sizes.tail_updates),
        number(sizes.document_bytes),
        number(sizes.tombstones),
        number(sizes.nodes),
        number(sizes.edges),
        number(sizes.clients),
    )
}

impl FlowLine {
    fn of(flow: FlowId, opened: &Opened) -> Self {
        let (stand, doc) = (&opened.stand, opened.replay.doc());
        let graph = doc.graph();
        let snapshot_seq = opened.snapshot_seq();
        let sizes = Sizes {
            updates: stand.head.0,
            archived_updates: stand.archived.0,
            log_bytes: stand.log_bytes,
            snapshot_bytes: stand.snapshot.as_ref().map_or(0, |snapshot| snapshot.envelope.len() as u64),
            tail_updates: stand.head.0 - snapshot_seq.0,
            tail_bytes: opened.tail_bytes,
            document_bytes: doc.encode_state_v1().len() as u64,
            tombstones: doc.deleted_count(),
            nodes: graph.nodes.len() as u64,
            edges: graph.edges.len() as u64,
            clients: doc.client_count() as u64,
        };
        Self { flow, snapshot_seq, sizes }
    }
}

impl Sizes {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.updates, other.updates),
            (&mut self.archived_updates, other.archived_updates),
            (&mut self.log_bytes, other.log_bytes),
            (&mut self.snapshot_bytes, other.snapshot_bytes),
            (&mut self.tail_updates, other.tail_updates),
            (&mut self.tail_bytes, other.tail_bytes),
            (&mut self.document_bytes, other.document_bytes),
            (&mut self.tombstones, other.tombstones),
            (&mut self.nodes, other.nodes),
            (&mut self.edges, other.edges),
            (&mut self.clients, other.clients),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}
