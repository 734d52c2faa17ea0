//! `interflow workspace`: what workspaces have, and may have, for whoever operates the
//! server. Beside servers that run.

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use flow_base::{Clock, SystemClock, WorkspaceId};
use flow_store::{Origin, OwnQuotas, Quotas, Store, WorkspaceUsage};
use serde_json::json;

use crate::audit::workspace_id;
use crate::cli::{Failure, Storage};
use crate::maintenance::output;
use crate::wiring::Database;

/// Workspaces in memory at a time.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// List the workspaces with what they have and may have.
    List(List),
    /// Give a workspace quotas of its own, in place of the configuration's.
    Quota(Quota),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

/// What is not given stays as it is. 0: any number; "default": the configuration's again.
#[derive(Debug, Args)]
pub(crate) struct Quota {
    #[arg(value_parser = workspace_id)]
    workspace: WorkspaceId,
    #[arg(long, value_parser = amount, value_name = "NUMBER")]
    flows: Option<Amount>,
    #[arg(long, value_parser = amount, value_name = "NUMBER")]
    members: Option<Amount>,
    #[arg(long, value_parser = amount, value_name = "BYTES")]
    storage_bytes: Option<Amount>,
    #[arg(long, value_parser = amount, value_name = "NUMBER")]
    runs_per_day: Option<Amount>,
    #[command(flatten)]
    storage: Storage,
}

/// `None`: the configuration's.
#[derive(Debug, Clone, Copy)]
struct Amount(Option<u64>);

fn amount(text: &str) -> Result<Amount, String> {
    if text == "default" {
        return Ok(Amount(None));
    }
    let number = text.parse().map_err(|_| "expected a number, or \"default\"".to_owned())?;
    Ok(Amount(Some(number)))
}

impl WorkspaceCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Quota(quota) => quota.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let config = self.storage.start()?;
        let database = Database::open_existing(&config).await?;
        let listed = list(&*database.store(), &(&config.quotas).into(), self.json).await;
        database.close().await;
        Ok(listed?)
    }
}

async fn list(store: &dyn Store, others: &Quotas, json: bool) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = store.all_workspaces(after, PAGE).await.context("could not list the workspaces")?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        for (workspace, name) in &page {
            let found = store.workspace_usage(*workspace).await.context("could not read a workspace")?;
            // One that has gone meanwhile is no longer among them.
            let Some((usage, own)) = found else { continue };
            tell(*workspace, name, &usage, &own.over(others), json)?;
        }
    }
}

fn tell(
    workspace: WorkspaceId,
    name: &str,
    usage: &WorkspaceUsage,
    quotas: &Quotas,
    json: bool,
) -> anyhow::Result<()> {
    if json {
        return output::json(&json!({
            "id": workspace,
            "name": name,
            "usage": {
                "flows": usage.flows,
                "members": usage.members,
                "storageBytes": usage.storage_bytes,
            },
            "quotas": {
                "flows": quotas.flows,
                "members": quotas.members,
                "storageBytes": quotas.storage_bytes,
                "runsPerDay": quotas.runs_per_day,
            },
        }));
    }
    let of = |has: u64, most: Option<u64>| match most {
        Some(most) => format!("{} of {}", output::number(has), output::number(most)),
        None => output::number(has),
    };
    output::line(&format!(
        "{workspace} {name}: flows {}, members {}, bytes {}",
        of(usage.flows, quotas.flows),
        of(usage.members, quotas.members),
        of(usage.storage_bytes, quotas.storage_bytes),
    ))
}

impl Quota {
    async fn run(self) -> Result<(), Failure> {
        let Self { workspace, flows, members, storage_bytes, runs_per_day, storage } = self;
        let config = storage.start()?;
        let database = Database::open_existing(&config).await?;
        let store = database.store();
        let set = async {
            let nothing = || anyhow!("there is no workspace {workspace}");
            let (_, mut own) = store.workspace_usage(workspace).await?.ok_or_else(nothing)?;
            let OwnQuotas { flows: f, members: m, storage_bytes: s, runs_per_day: r } = &mut own;
            for (quota, amount) in [(f, flows), (m, members), (s, storage_bytes), (r, runs_per_day)] {
                if let Some(Amount(amount)) = amount {
                    *quota = amount;
                }
            }
            let by = Origin::operator(SystemClock.now());
            if !store.set_quotas(workspace, &own, &by).await? {
                return Err(nothing());
            }
            let (usage, own) = store.workspace_usage(workspace).await?.ok_or_else(nothing)?;
            tell(workspace, "", &usage, &own.over(&(&config.quotas).into()), true)
        };
        let set = set.await;
        database.close().await;
        Ok(set?)
    }
}
