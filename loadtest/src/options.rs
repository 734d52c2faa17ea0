use std::path::PathBuf;

use clap::{Parser, Subcommand};
use flow_loadtest::scenario::{cold_open, fan_out, idle, join_storm, presence, saturation};
use flow_loadtest::target::TargetOptions;

/// Puts load on a collaborative editing server and tells what it costs.
#[derive(Debug, Clone, Parser)]
#[command(name = "loadtest", version)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// The server's process: without it nothing is said of its CPU and memory.
    #[arg(long, conflicts_with = "server_command")]
    pub(crate) pid: Option<u32>,
    /// Start the server with this command, and stop it at the end.
    #[arg(long)]
    pub(crate) server_command: Option<String>,
    /// Of Interflow: connections of one user. 0: one user has all, and limits are lifted.
    #[arg(long, default_value_t = 40)]
    pub(crate) connections_per_user: usize,
    /// Compare with another server, ws://host:port/path or of Interflow http://host:port, run by run.
    #[arg(long)]
    pub(crate) against: Option<String>,
    /// The other server's process; figures that only one of both has are left out.
    #[arg(long, requires = "against")]
    pub(crate) against_pid: Option<u32>,
    /// Runs of each when comparing.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Compare both at the same time instead of in turn: what else the machine does then meets
    /// them alike, but each has only what the other leaves it.
    #[arg(long, requires = "against")]
    pub(crate) together: bool,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Write the outcome as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Write a report: .html with plots, or .md. Comparisons are always Markdown.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Say nothing while it runs.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Scenario {
    /// Edits at a fixed rate: cost and latency of a delivery.
    FanOut(fan_out::FanOut),
    /// As many edits as the server takes.
    Saturation(saturation::Saturation),
    /// Cursors that move.
    Presence(presence::Presence),
    /// Many connections on which nothing happens: memory of each.
    Idle(idle::Idle),
    /// A large flow after a restart: until the first and the next person have it.
    ColdOpen(cold_open::ColdOpen),
    /// Everybody comes at once.
    JoinStorm(join_storm::JoinStorm),
}

impl Scenario {
    /// Whether what is measured begins at an instant, after everything is prepared.
    pub(crate) const fn has_a_start(&self) -> bool {
        matches!(self, Self::FanOut(_) | Self::Saturation(_) | Self::Presence(_))
    }
}
