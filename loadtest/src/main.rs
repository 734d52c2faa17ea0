//! The load generator as a program.

mod options;

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use flow_loadtest::compare::Comparison;
use flow_loadtest::report::Outcome;
use flow_loadtest::scenario::{Setting, cold_open, fan_out, idle, join_storm, presence, saturation};
use flow_loadtest::server::Server;
use flow_loadtest::target::{Target, TargetOptions};
use tokio::sync::Barrier;

use options::{Options, Scenario};

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
    idle::lift_file_limit()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(async { tokio::spawn(measure(options.clone())).await.context("the run panicked")? })
}

async fn measure(options: Options) -> anyhow::Result<()> {
    anyhow::ensure!(
        !options.together || options.scenario.has_a_start(),
        "--together compares fan-out, saturation and presence"
    );
    let target = Target::new(&options.target, options.connections_per_user)?;
    let mut server = match &options.server_command {
        Some(command) => Some(Server::new(command, &target.host()?)),
        None => None,
    };
    let pid = match &mut server {
        Some(server) => Some(server.start().await?),
        None => options.pid,
    };
    let mut setting = Setting { target, pid, quiet: options.quiet, together: None };
    let done = match &options.against {
        Some(url) => compare(&options, &mut setting, &mut server, url).await,
        None => single(&options, &mut setting, &mut server).await,
    };
    if let Some(server) = &mut server {
        server.stop().await?;
    }
    done
}

async fn single(options: &Options, setting: &mut Setting, server: &mut Option<Server>) -> anyhow::Result<()> {
    let outcome = run(&options.scenario, setting, server.as_mut()).await?;
    if let Some(path) = &options.json {
        outcome.write_json(path)?;
    }
    if let Some(path) = &options.report {
        outcome.write_report(path)?;
    }
    show(&outcome.summary());
    Ok(())
}

/// Each run has one of the other server beside it or after it, so that what else the machine
/// does meets both.
async fn compare(
    options: &Options,
    setting: &mut Setting,
    server: &mut Option<Server>,
    against: &str,
) -> anyhow::Result<()> {
    let scenario = &options.scenario;
    let mut other = Setting {
        target: Target::new(&TargetOptions::at(against), options.connections_per_user)?,
        pid: options.against_pid,
        quiet: options.quiet,
        together: None,
    };
    let mut pairs = Vec::new();
    for _ in 0..options.runs.max(1) {
        let pair = if options.together {
            let start = Arc::new(Barrier::new(2));
            setting.together = Some(Arc::clone(&start));
            other.together = Some(start);
            tokio::try_join!(run(scenario, setting, None), run(scenario, &mut other, None))?
        } else {
            let ours = run(scenario, setting, server.as_mut()).await?;
            (ours, run(scenario, &mut other, None).await?)
        };
        pairs.push(pair);
    }
    let comparison = Comparison::new(&pairs).context("nothing was measured")?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&comparison)? + "\n";
        fs::write(path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    if let Some(path) = &options.report {
        fs::write(path, comparison.summary())
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    show(&comparison.summary());
    Ok(())
}

async fn run(
    scenario: &Scenario,
    setting: &mut Setting,
    server: Option<&mut Server>,
) -> anyhow::Result<Outcome> {
    match scenario {
        Scenario::FanOut(options) => fan_out::run(options, setting).await,
        Scenario::Saturation(options) => saturation::run(options, setting).await,
        Scenario::Presence(options) => presence::run(options, setting).await,
        Scenario::Idle(options) => idle::run(options, setting).await,
        Scenario::ColdOpen(options) => cold_open::run(options, setting, server).await,
        Scenario::JoinStorm(options) => join_storm::run(options, setting).await,
    }
}

#[expect(clippy::print_stdout, reason = "the outcome is what the program is for")]
fn show(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "nobody else would hear of it")]
fn complain(error: &anyhow::Error) {
    eprintln!("loadtest: {error:#}");
}
