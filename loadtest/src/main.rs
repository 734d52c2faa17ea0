//! The load generator as a program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use flow_loadtest::report::Outcome;
use flow_loadtest::scenario::{Setting, fan_out, presence, saturation};
use flow_loadtest::target::{Target, TargetOptions};

/// Puts load on a collaborative editing server and tells what it costs.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// The server's process: without it nothing is said of its CPU and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// Of Interflow: connections of one user. 0: one user has all, and limits are lifted.
    #[arg(long, default_value_t = 40)]
    connections_per_user: usize,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Write the outcome as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write a report: .html with plots, or .md.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Say nothing while it runs.
    #[arg(long, short)]
    quiet: bool,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Edits at a fixed rate: cost and latency of a delivery.
    FanOut(fan_out::FanOut),
    /// As many edits as the server takes.
    Saturation(saturation::Saturation),
    /// Cursors that move.
    Presence(presence::Presence),
}

fn main() -> ExitCode {
    match start(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn start(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    let target = Target::new(&options.target, options.connections_per_user)?;
    let setting = Setting { target, pid: options.pid, quiet: options.quiet };
    let outcome = runtime.block_on(run(&options.scenario, &setting))?;
    if let Some(path) = &options.json {
        outcome.write_json(path)?;
    }
    if let Some(path) = &options.report {
        outcome.write_report(path)?;
    }
    show(&outcome);
    Ok(())
}

async fn run(scenario: &Scenario, setting: &Setting) -> anyhow::Result<Outcome> {
    match scenario {
        Scenario::FanOut(options) => fan_out::run(options, setting).await,
        Scenario::Saturation(options) => saturation::run(options, setting).await,
        Scenario::Presence(options) => presence::run(options, setting).await,
    }
}

#[expect(clippy::print_stdout, reason = "the outcome is what the program is for")]
fn show(outcome: &Outcome) {
    println!("{}", outcome.summary());
}

#[expect(clippy::print_stderr, reason = "nobody else would hear of it")]
fn complain(error: &anyhow::Error) {
    eprintln!("loadtest: {error:#}");
}
