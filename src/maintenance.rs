//! `interflow log`, `interflow flow` and `interflow backup`: looking after what is
//! stored, beside servers that run, and after flows in files.
//!
//! Nothing here opens a room. Start with [`examine`], which finds what is wrong.

mod archive;
mod backup;
mod compact;
mod examine;
mod file;
mod open;
pub(crate) mod output;
mod purge;
mod quarantine;
mod repair;
mod replay;
mod stats;
mod verify;

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::ensure;
use clap::Subcommand;
use flow_base::{FlowId, SystemClock};
use flow_store::{LogCare, PageSize, PurgeStore, SEGMENT_UPDATES_MOST, SegmentStore, Store};

use crate::cli::{Failure, Storage};
use crate::config::Config;
use crate::flows;
use crate::wiring::Database;

pub(crate) use backup::Backup;

/// Of a log, in memory at a time. A segment of the archive fits one, so that none is read
/// twice.
const PAGE: PageSize = PageSize { updates: SEGMENT_UPDATES_MOST, bytes: 8 << 20 };

/// Flow ids, likewise.
const FLOWS: u32 = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Look for damage in logs and snapshots. Exit code 3: there is some.
    Verify(verify::Verify),
    /// Mend the log of a flow. What is taken out of it goes into the quarantine.
    Repair(repair::Repair),
    /// Write new snapshots of flows whose logs have grown long since the last.
    Compact(compact::Compact),
    /// Move old parts of logs to the archive, or back.
    Archive(archive::Archive),
    /// Print what repairs have taken out of the log of a flow.
    Quarantine(quarantine::Quarantine),
}

#[derive(Debug, Subcommand)]
pub(crate) enum FlowCommand {
    /// How large logs, snapshots and documents are.
    Stats(stats::Stats),
    /// Remove for good what was deleted long ago.
    Purge(purge::Purge),
    /// Look for what is wrong with a flow in a file. Exit code 3: it cannot be published.
    Validate(file::Validate),
    /// Turn an export of another program into Interflow JSON.
    Convert(file::Convert),
    /// List the flows of a server.
    List(flows::List),
    /// Write flows of a server to files.
    Export(flows::Export),
    /// Create flows on a server from files.
    Import(flows::Import),
}

impl LogCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Verify(verify) => verify.run().await,
            Self::Repair(repair) => repair.run().await,
            Self::Compact(compact) => compact.run().await,
            Self::Archive(archive) => archive.run().await,
            Self::Quarantine(quarantine) => quarantine.run().await,
        }
    }
}

impl FlowCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Stats(stats) => stats.run().await,
            Self::Purge(purge) => purge.run().await,
            Self::Validate(validate) => validate.run(),
            Self::Convert(convert) => convert.run(),
            Self::List(list) => list.run().await,
            Self::Export(export) => export.run().await,
            Self::Import(import) => import.run().await,
        }
    }
}

/// Damage was found: neither success nor a failure of the command.
fn damaged(what: String) -> Failure {
    Failure { error: anyhow::anyhow!(what), code: 3 }
}

/// An open database that was there before.
struct Tools {
    database: Database,
    care: Arc<dyn LogCare>,
    segments: Arc<dyn SegmentStore>,
    purges: Arc<dyn PurgeStore>,
    store: Arc<dyn Store>,
    clock: SystemClock,
}

impl Tools {
    async fn open(storage: Storage) -> Result<Self, Failure> {
        Self::of(&storage.start()?).await
    }

    async fn of(config: &Config) -> Result<Self, Failure> {
        let database = Database::open_existing(config).await?;
        let (care, segments, store) = (database.care(), database.segments(), database.store());
        let purges = database.purges();
        Ok(Self { database, care, segments, purges, store, clock: SystemClock })
    }

    /// Whether a server has begun to remove the flow for good. Then a part of it may have gone
    /// while it was looked at, which is no damage.
    async fn is_purged(&self, flow: FlowId) -> anyhow::Result<bool> {
        let mut after = None;
        loop {
            let purges = self.purges.purges(after, FLOWS).await?;
            if purges.iter().any(|purge| purge.flow == flow) {
                return Ok(true);
            }
            let Some(last) = purges.last() else { return Ok(false) };
            after = Some(last.flow);
        }
    }

    /// These flows or, if none is named, all.
    fn flows(&self, named: Vec<FlowId>) -> Flows<'_> {
        let all = named.is_empty();
        Flows { care: &*self.care, named: named.into(), all, last: None, seen: 0 }
    }
}

/// The flows of a command, one after the other.
struct Flows<'a> {
    care: &'a dyn LogCare,
    named: VecDeque<FlowId>,
    /// `named` is a page of them.
    all: bool,
    last: Option<FlowId>,
    seen: u64,
}

impl Flows<'_> {
    async fn next(&mut self) -> anyhow::Result<Option<FlowId>> {
        if self.named.is_empty() && self.all {
            self.named = self.care.flow_ids(self.last, FLOWS).await?.into();
        }
        let Some(flow) = self.named.pop_front() else { return Ok(None) };
        if self.all {
            self.last = Some(flow);
        } else {
            let known = self.care.stand(flow).await?.is_some();
            ensure!(known, "flow {flow} does not exist");
        }
        self.seen += 1;
        if self.seen.is_multiple_of(1_000) {
            output::progress(&format!("{} flows so far", self.seen))?;
        }
        Ok(Some(flow))
    }
}
