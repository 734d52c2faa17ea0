//! `interflow version`: versions of a flow, through the API of a server.

use clap::{Args, Subcommand};
use flow_base::FlowId;
use flow_client::Version;
use serde_json::json;

use crate::cli::{Failure, flow_id};
use crate::maintenance::output;
use crate::server::{Server, refused};

const PAGE: u32 = 200;

#[derive(Debug, Subcommand)]
pub(crate) enum VersionCommand {
    /// List the versions of a flow, the newest first.
    List(List),
    /// Keep what the flow says now.
    Create(Create),
    /// Print what a version says, in Interflow JSON.
    Export(Export),
    /// Print what differs between a version and another, or what the flow says now.
    Diff(Diff),
    /// Make the flow say again what a version says, as an edit that live editors see.
    Restore(Restore),
    /// Make what the flow says now the version that runs. Exit code 3: it has errors.
    Activate(Activate),
    /// No version of the flow runs any more.
    Deactivate(Deactivate),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    name: String,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    version: u32,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    version: u32,
    /// The other version; what the flow says now, if it is not given.
    #[arg(long, value_name = "VERSION")]
    against: Option<u32>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    version: u32,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Activate {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Deactivate {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    #[command(flatten)]
    server: Server,
}

impl VersionCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Create(Create { flow, name, json, server }) => {
                let made = server.sign_in().await?.create_version(flow, &name).await;
                Ok(tell(&made.map_err(|error| refused(error, format!("could not keep {flow}")))?, json)?)
            }
            Self::Export(Export { flow, version, server }) => {
                let found = server.sign_in().await?.version(flow, version).await;
                let found =
                    found.map_err(|error| refused(error, format!("could not read version {version}")))?;
                Ok(output::json(&found.flow)?)
            }
            Self::Diff(Diff { flow, version, against, server }) => {
                let diff = server.sign_in().await?.version_diff(flow, version, against).await;
                let diff =
                    diff.map_err(|error| refused(error, format!("could not compare version {version}")))?;
                Ok(output::json(&diff)?)
            }
            Self::Restore(Restore { flow, version, server }) => {
                let restored = server.sign_in().await?.restore_version(flow, version).await;
                let restored = restored
                    .map_err(|error| refused(error, format!("could not restore version {version}")))?;
                Ok(output::line(&format!(
                    "{flow} says again what version {version} says, stored as {}",
                    restored.seq.0
                ))?)
            }
            Self::Activate(Activate { flow, json, server }) => {
                let made = server.sign_in().await?.activate(flow).await;
                Ok(tell(&made.map_err(|error| refused(error, format!("could not activate {flow}")))?, json)?)
            }
            Self::Deactivate(Deactivate { flow, server }) => {
                let done = server.sign_in().await?.deactivate(flow).await;
                done.map_err(|error| refused(error, format!("could not deactivate {flow}")))
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let Self { flow, json, server } = self;
        let api = server.sign_in().await?;
        let mut cursor = None;
        loop {
            let page = api.versions(flow, PAGE, cursor.as_deref()).await;
            let page =
                page.map_err(|error| refused(error, format!("could not list the versions of {flow}")))?;
            for version in &page.items {
                tell(version, json)?;
            }
            let Some(next) = page.next_cursor else { return Ok(()) };
            cursor = Some(next);
        }
    }
}

fn tell(version: &Version, as_json: bool) -> anyhow::Result<()> {
    let Version { version, name, cause, seq, content_hash, .. } = version;
    if as_json {
        return output::json(&json!({
            "version": version,
            "name": name,
            "cause": cause,
            "seq": seq,
            "contentHash": content_hash,
        }));
    }
    output::line(&format!("{version} {cause:10} {name}"))
}
