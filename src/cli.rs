use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use flow_base::{FlowId, Secret};

use crate::config::Config;
use crate::{
    audit, bot, maintenance, run, secrets, serve, telemetry, test, users, versions, wiring, workspaces,
};

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
    /// Look after the logs of flows: verify, repair, compact.
    #[command(subcommand)]
    Log(maintenance::LogCommand),
    /// Make accounts, list them, and give new passwords.
    #[command(subcommand)]
    User(users::UserCommand),
    /// List workspaces, and say how much they may have.
    #[command(subcommand)]
    Workspace(workspaces::WorkspaceCommand),
    /// Keep what flows of a workspace sign in elsewhere with.
    #[command(subcommand)]
    Secret(secrets::SecretCommand),
    /// Verify what was recorded of who did what.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// List, export and import flows; tell about them; check and convert them in files.
    #[command(subcommand)]
    Flow(maintenance::FlowCommand),
    /// Run a flow and talk to it.
    Run(run::Run),
    /// Run the test cases of a flow, of a server or in a file.
    Test(test::Test),
    /// Keep, list, compare and restore versions of a flow, and say which runs.
    #[command(subcommand)]
    Version(versions::VersionCommand),
    /// Print what makes a shell complete these commands: `interflow completions bash`.
    Completions { shell: clap_complete::Shell },
    /// Copy the SQLite database to a file while servers use it.
    Backup(maintenance::Backup),
    /// Print the description of the HTTP API, an OpenAPI document.
    Openapi,
    /// Join a flow: print its graph as it changes, apply edits read from standard input.
    Bot(bot::Bot),
}

#[derive(Debug, Args)]
struct Serve {
    /// Address and port to listen on.
    #[arg(long, env = "INTERFLOW_LISTEN")]
    listen: Option<SocketAddr>,
    /// A Redis server through which several servers on one database work together.
    #[arg(long, env = "INTERFLOW_REDIS_URL", hide_env_values = true, value_parser = secret)]
    redis_url: Option<Secret<String>>,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(crate) struct Storage {
    /// Folder for the SQLite file and the signing key.
    #[arg(long, env = "INTERFLOW_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// A Postgres database to use instead of the SQLite file.
    #[arg(long, env = "INTERFLOW_DATABASE_URL", hide_env_values = true, value_parser = secret)]
    database_url: Option<Secret<String>>,
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
            Command::Serve(Serve { listen, redis_url, storage }) => {
                let mut config = storage.config()?;
                config.listen = listen.unwrap_or(config.listen);
                config.redis_url = redis_url.unwrap_or(config.redis_url);
                config.check().map_err(misconfigured)?;
                telemetry::start(&config).map_err(misconfigured)?;
                Ok(serve::serve(config).await?)
            }
            Command::Migrate(storage) => Ok(wiring::migrate(&storage.start()?).await?),
            Command::Log(log) => log.run().await,
            Command::User(user) => user.run().await,
            Command::Workspace(workspace) => workspace.run().await,
            Command::Secret(secret) => secret.run().await,
            Command::Audit(audit) => audit.run().await,
            Command::Flow(flow) => flow.run().await,
            Command::Run(run) => run.run().await,
            Command::Test(test) => test.run().await,
            Command::Version(version) => version.run().await,
            Command::Completions { shell } => Ok(completions(shell)?),
            Command::Backup(backup) => backup.run().await,
            Command::Openapi => Ok(maintenance::output::line(flow_server::openapi_text().trim_end())?),
            Command::Bot(bot) => Ok(bot.run().await?),
        }
    }
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let (mut command, mut script) = (Cli::command(), Vec::new());
    clap_complete::generate(shell, &mut command, "interflow", &mut script);
    std::io::stdout().lock().write_all(&script).context("could not write")
}

impl Storage {
    /// What a command works on, checked, and logging started.
    pub(crate) fn start(self) -> Result<Config, Failure> {
        let config = self.config()?;
        config.check().map_err(misconfigured)?;
        telemetry::start(&config).map_err(misconfigured)?;
        Ok(config)
    }

    fn config(self) -> Result<Config, Failure> {
        let mut config = Config::load().map_err(misconfigured)?;
        config.data_dir = self.data_dir.unwrap_or(config.data_dir);
        config.database_url = self.database_url.unwrap_or(config.database_url);
        Ok(config)
    }
}

/// Addresses hold passwords, which must not be printed.
#[expect(clippy::unnecessary_wraps, reason = "what clap asks of a parser")]
fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// A flow's id as an argument.
pub(crate) fn flow_id(text: &str) -> Result<FlowId, String> {
    text.parse().map_err(|error: flow_base::IdError| error.to_string())
}
