use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use flow_base::FlowId;

use crate::config::Config;
use crate::{bot, serve, telemetry, wiring};

/// Multiplayer flows: draw, edit and run them together.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(Serve),
    /// Bring the database up to date, and do nothing else.
    Migrate(Storage),
    /// Join a flow: print its graph as it changes, apply edits read from standard input.
    Bot(bot::Bot),
}

#[derive(Debug, Args)]
struct Serve {
    /// Address and port to listen on.
    #[arg(long, env = "INTERFLOW_LISTEN")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
struct Storage {
    /// Folder for the SQLite file and the signing key.
    #[arg(long, env = "INTERFLOW_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

/// A failed command and its exit code.
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) code: u8,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { error, code: 1 }
    }
}

fn misconfigured(error: anyhow::Error) -> Failure {
    Failure { error: error.context("the configuration is wrong"), code: 2 }
}

impl Cli {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(Serve { listen, storage }) => {
                let config = storage.config(listen)?;
                telemetry::start(&config).map_err(misconfigured)?;
                Ok(serve::serve(config).await?)
            }
            Command::Migrate(storage) => {
                let config = storage.config(None)?;
                telemetry::start(&config).map_err(misconfigured)?;
                Ok(wiring::migrate(&config).await?)
            }
            Command::Bot(bot) => Ok(bot.run().await?),
        }
    }
}

impl Storage {
    fn config(self, listen: Option<SocketAddr>) -> Result<Config, Failure> {
        let mut config = Config::load().map_err(misconfigured)?;
        config.listen = listen.unwrap_or(config.listen);
        config.data_dir = self.data_dir.unwrap_or(config.data_dir);
        Ok(config)
    }
}

/// A flow's id as an argument.
pub(crate) fn flow_id(text: &str) -> Result<FlowId, String> {
    text.parse().map_err(|error: flow_base::IdError| error.to_string())
}
