//! `interflow audit`: whether what was recorded is what was done. Beside servers that run.

use anyhow::Context;
use clap::{Args, Subcommand};
use flow_base::WorkspaceId;
use flow_store::{AuditFault, AuditHead, AuditPage, Store};
use serde_json::json;

use crate::cli::{Failure, Storage};
use crate::maintenance::output;
use crate::wiring::Database;

/// Events in memory at a time.
const PAGE: u32 = 500;
const WORKSPACES: u32 = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Follow the chain of each workspace from its beginning to its head. Exit code 3: an
    /// event was changed or is missing.
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The workspaces to look at; all, if none is given.
    #[arg(value_parser = workspace_id)]
    workspaces: Vec<WorkspaceId>,
    /// Print a JSON object for each workspace, one a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

impl AuditCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Verify(verify) => verify.run().await,
        }
    }
}

impl Verify {
    async fn run(self) -> Result<(), Failure> {
        let database = Database::open_existing(&self.storage.start()?).await?;
        let verified = verify(&*database.store(), self.workspaces, self.json).await;
        database.close().await;
        match verified? {
            0 => Ok(()),
            broken => {
                let what =
                    format!("the audit events of {} are not sound", output::count(broken, "workspace"));
                Err(Failure { error: anyhow::anyhow!(what), code: 3 })
            }
        }
    }
}

/// How many chains are broken.
async fn verify(store: &dyn Store, chosen: Vec<WorkspaceId>, json: bool) -> anyhow::Result<u64> {
    let mut broken = 0;
    if !chosen.is_empty() {
        for workspace in chosen {
            broken += u64::from(!tell(store, workspace, json).await?);
        }
        return Ok(broken);
    }
    let mut after = None;
    loop {
        let page = store.all_workspaces(after, WORKSPACES).await.context("could not list the workspaces")?;
        let Some((last, _)) = page.last() else { return Ok(broken) };
        after = Some(*last);
        for (workspace, _) in &page {
            broken += u64::from(!tell(store, *workspace, json).await?);
        }
    }
}

/// Prints what becomes of one chain; answers whether it is sound.
async fn tell(store: &dyn Store, workspace: WorkspaceId, json: bool) -> anyhow::Result<bool> {
    let followed = follow(store, workspace).await?;
    if json {
        let (events, fault) = match &followed {
            Ok(head) => (Some(head.seq), None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        output::json(&json!({ "workspace": workspace, "events": events, "fault": fault }))?;
    } else {
        output::line(&match &followed {
            Ok(head) => format!("{workspace} sound, {}", output::count(head.seq, "event")),
            Err(fault) => format!("{workspace} BROKEN: {fault}"),
        })?;
    }
    Ok(followed.is_ok())
}

async fn follow(store: &dyn Store, workspace: WorkspaceId) -> anyhow::Result<Result<AuditHead, AuditFault>> {
    // Read first: events that are recorded meanwhile come after it.
    let said = store.audit_head(workspace).await.context("could not read where the events end")?;
    let mut head = AuditHead::default();
    let mut is_met = said == head;
    loop {
        let page = store.audit(workspace, AuditPage::After(head.seq), PAGE).await;
        let page = page.context("could not read the events")?;
        if page.is_empty() {
            let fault = AuditFault::Head { found: head.seq, said: said.seq };
            return Ok(if is_met { Ok(head) } else { Err(fault) });
        }
        for event in page {
            match event.verify_after(&head) {
                Ok(next) => head = next,
                Err(fault) => return Ok(Err(fault)),
            }
            is_met |= head == said;
        }
    }
}

pub(crate) fn workspace_id(text: &str) -> Result<WorkspaceId, String> {
    text.parse().map_err(|error: flow_base::IdError| error.to_string())
}
