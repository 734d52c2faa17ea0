//! `interflow`: builds the parts, starts them, stops them.

mod answers;
mod audit;
mod bot;
mod cli;
mod config;
mod flows;
mod maintenance;
mod rerun;
mod run;
mod secrets;
mod serve;
mod server;
mod shutdown;
mod signing_key;
mod telemetry;
mod test;
mod users;
mod versions;
mod wiring;
mod workspaces;

use std::process::ExitCode;

use clap::Parser;

/// The system's own keeps what was freed for a long time: after a large document
/// was closed, its memory did not come back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit codes: 0 done; 1 failed while running, or test cases that did not pass; 2 wrong arguments (clap's) or
/// configuration; 3 damage found in what is stored, events
/// that are not what was recorded, or errors in a flow; of a run 4, 5 and 6, as `run` says.
#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            #[expect(clippy::print_stderr, reason = "the one line a person gets when a command fails")]
            {
                eprintln!("interflow: {:#}", failure.error);
            }
            ExitCode::from(failure.code)
        }
    }
}
