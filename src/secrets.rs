//! `interflow secret`: what flows of a workspace sign in elsewhere with. Through the API of a
//! server, but for `reseal`, which is for whoever operates it.

use std::io::{IsTerminal, Read};

use anyhow::{Context, anyhow, ensure};
use clap::{Args, Subcommand};
use flow_base::{Secret, WorkspaceId};
use serde_json::json;

use crate::audit::workspace_id;
use crate::cli::{Failure, Storage};
use crate::maintenance::output;
use crate::server::{Server, refused};
use crate::wiring::{Database, vault};

/// No server takes more.
const VALUE_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List a workspace's secrets: their names, when each was changed, and by whom.
    List(List),
    /// Keep a secret, read from standard input, in place of the one of its name.
    Set(Set),
    /// Remove a secret.
    Remove(Remove),
    /// Seal all secrets of the database with the present key (`secrets_key`). Beside servers that
    /// run, once all of them have that key.
    Reseal(Reseal),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(value_parser = workspace_id)]
    workspace: WorkspaceId,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[arg(value_parser = workspace_id)]
    workspace: WorkspaceId,
    /// By which `api` nodes name it.
    name: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[arg(value_parser = workspace_id)]
    workspace: WorkspaceId,
    name: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Reseal {
    #[command(flatten)]
    storage: Storage,
}

impl SecretCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Set(set) => set.run().await,
            Self::Remove(remove) => remove.run().await,
            Self::Reseal(reseal) => reseal.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let Self { workspace, json, server } = self;
        let secrets = server.sign_in().await?.secrets(workspace).await;
        let secrets = secrets.map_err(|error| refused(error, "could not list the secrets".to_owned()))?;
        for secret in secrets {
            let by = secret.changed_by.map_or_else(|| "an operator".to_owned(), |user| user.to_string());
            if json {
                let (name, at) = (&secret.name, secret.changed_at);
                output::json(&json!({ "name": name, "changedAt": at, "changedBy": secret.changed_by }))?;
            } else {
                output::line(&format!("{} {} by {by}", secret.name, secret.changed_at))?;
            }
        }
        Ok(())
    }
}

impl Set {
    async fn run(self) -> Result<(), Failure> {
        let Self { workspace, name, server } = self;
        let value = read()?;
        let put = server.sign_in().await?.put_secret(workspace, &name, &value).await;
        put.map_err(|error| refused(error, format!("could not keep the secret {name}")))?;
        Ok(())
    }
}

/// Not an argument: those are seen by everybody on the machine, and kept by shells.
fn read() -> anyhow::Result<Secret<String>> {
    let mut from = std::io::stdin();
    if from.is_terminal() {
        output::progress("the secret, in one line:")?;
        let mut line = String::new();
        from.read_line(&mut line).context("could not read standard input")?;
        return whole(&line);
    }
    let mut text = String::new();
    let read = from.by_ref().take(VALUE_BYTES_MAX + 1).read_to_string(&mut text);
    read.context("could not read standard input")?;
    ensure!(text.len() as u64 <= VALUE_BYTES_MAX, "it is larger than any secret");
    whole(&text)
}

/// Without the end of its last line, which is none of it.
fn whole(text: &str) -> anyhow::Result<Secret<String>> {
    let value = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    ensure!(!value.is_empty(), "standard input has no secret");
    Ok(Secret::new(value.to_owned()))
}

impl Remove {
    async fn run(self) -> Result<(), Failure> {
        let Self { workspace, name, server } = self;
        let removed = server.sign_in().await?.delete_secret(workspace, &name).await;
        removed.map_err(|error| refused(error, format!("could not remove the secret {name}")))?;
        Ok(())
    }
}

impl Reseal {
    async fn run(self) -> Result<(), Failure> {
        let config = self.storage.start()?;
        let database = Database::open_existing(&config).await?;
        let done =
            async { vault(&config, database.store())?.reseal().await.context("could not seal all of them") };
        let done = done.await;
        database.close().await;
        let done = done?;
        let (resealed, current) = (done.resealed, done.current);
        output::line(&format!("{} sealed anew, {current} already were", output::count(resealed, "secret")))?;
        match done.unreadable {
            0 => Ok(()),
            unreadable => {
                Err(anyhow!("{} cannot be read: set them anew", output::count(unreadable, "secret")).into())
            }
        }
    }
}
