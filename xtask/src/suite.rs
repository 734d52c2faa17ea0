//! `cargo xtask test` and its smaller sister `check`.

use std::process::Command;

use crate::databases::Databases;
use crate::run::{cargo, finish, is_there, root, run};
use crate::up::target;
use crate::{fuzz, needs, schemathesis, sqlx, tidy, web};

/// For what runs as long as it is asked to; see `.config/nextest.toml`.
const PATIENCE: [(&str, &str); 1] = [("NEXTEST_PROFILE", "long")];

/// Everything.
pub(crate) fn test() -> anyhow::Result<()> {
    needs::provide(true)?;
    checks()?;
    rust_tests(&["--workspace", "--all-targets"])?;
    run(&cargo(), &["test", "--workspace", "--doc", "--quiet"])?;
    fuzz::all_shortly()?;
    schemathesis::run_against_server()?;
    // The program that the browser tests start.
    run(&cargo(), &["build", "--package", "interflow"])?;
    browser_tests()
}

/// What needs neither a browser nor our server.
pub(crate) fn check() -> anyhow::Result<()> {
    needs::provide(false)?;
    checks()?;
    rust_tests(&["--workspace", "--lib", "--bins"])
}

pub(crate) fn schemathesis() -> anyhow::Result<()> {
    needs::provide(true)?;
    schemathesis::run_against_server()
}

pub(crate) fn kill_loop(kills: &str) -> anyhow::Result<()> {
    let mut command = nextest(&["--package", "interflow", "--test", "e2e", "kill_loop", "--no-capture"]);
    command.env("E2E_KILLS", kills).envs(PATIENCE);
    finish(command)
}

/// In release mode: what takes a minute otherwise takes seconds.
pub(crate) fn simulate(seeds: &str, from: &str) -> anyhow::Result<()> {
    let mut command =
        nextest(&["--release", "--package", "flow-room", "--test", "simulation", "--no-capture"]);
    command.env("SIMULATION_SEEDS", seeds).env("SIMULATION_FROM", from).envs(PATIENCE);
    finish(command)
}

fn checks() -> anyhow::Result<()> {
    run(&cargo(), &["fmt", "--all", "--check"])?;
    tidy::tidy()?;
    web::install()?;
    for script in ["api:check", "typecheck", "lint", "test", "build"] {
        web::npm(script)?;
    }
    sqlx::verify()?;
    run(&cargo(), &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
}

fn rust_tests(arguments: &[&str]) -> anyhow::Result<()> {
    // Ended as this returns, also when a test fails.
    let databases = Databases::start()?;
    let mut command = nextest(arguments);
    databases.name_to(&mut command);
    finish(command)
}

/// cargo-nextest where it is installed, `cargo test` elsewhere.
fn nextest(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    if is_there("cargo-nextest", "--version") {
        command.args(["nextest", "run", "--no-fail-fast"]).args(arguments);
    } else {
        let arguments = arguments.iter().filter(|argument| **argument != "--no-capture");
        command.arg("test").args(arguments);
    }
    command.current_dir(root());
    command
}

fn browser_tests() -> anyhow::Result<()> {
    let mut command = Command::new("npm");
    command
        .args(["run", "--silent", "e2e"])
        .current_dir(root().join("web"))
        .env("INTERFLOW_BIN", target().join("debug/interflow"));
    finish(command)
}
