//! `cargo xtask fuzz`: the targets under `fuzz/`, with libFuzzer. See `docs/fuzzing.md`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context, bail};

use crate::run::{cargo, finish, is_there, root, run};
use crate::up::target;
use crate::web;

const TARGETS: &[&str] = &["frames", "updates", "awareness", "concatenate"];

/// For each target in `cargo xtask test`: inputs, and at most so many seconds of them.
/// From the kept corpus alone and with one seed, so that a run that passes passes
/// again; what is new is looked for by `cargo xtask fuzz`.
const SHORT_RUNS: &[(&str, u64)] =
    &[("frames", 20_000), ("updates", 1_000), ("awareness", 200_000), ("concatenate", 3_000)];
const SHORT_SECONDS: u64 = 25;
const SECONDS: u64 = 60;
/// Longer inputs show little more and take much longer.
const INPUT_BYTES_MAX: u32 = 4096;

/// `TARGET [--minutes N | --seconds N]`.
pub(crate) fn fuzz(name: &str, rest: &[String]) -> anyhow::Result<()> {
    let seconds = match rest {
        [] => SECONDS,
        [flag, count] if flag == "--seconds" => number(count)?,
        [flag, count] if flag == "--minutes" => number(count)?.saturating_mul(60),
        _ => bail!("after the target only `--minutes N` or `--seconds N` may follow"),
    };
    if !TARGETS.contains(&name) {
        bail!("no target `{name}`; there are {}", TARGETS.join(", "));
    }
    if !nightly_is_there() {
        bail!("fuzzing needs a nightly toolchain: `rustup toolchain install nightly`");
    }
    provide()?;
    // What libFuzzer adds goes beside the build, what is kept is only read.
    let found = target().join("fuzz/corpus").join(name);
    fs::create_dir_all(&found).with_context(|| format!("could not make {}", found.display()))?;
    run_target(name, seconds, &found, &[])
}

/// Each target for a short time, where that is possible. The kept corpus is replayed by
/// the tests of `flow-fuzz` in any case.
pub(crate) fn all_shortly() -> anyhow::Result<()> {
    if !nightly_is_there() {
        println!("\nno nightly toolchain: of fuzzing, only the kept corpus was replayed");
        return Ok(());
    }
    provide()?;
    SHORT_RUNS.iter().try_for_each(|(target, runs)| {
        let nothing = tempfile::tempdir().context("could not make a folder")?;
        let fixed = [format!("-runs={runs}"), "-seed=1".into()];
        run_target(target, SHORT_SECONDS, nothing.path(), &fixed)
    })
}

fn number(text: &str) -> anyhow::Result<u64> {
    text.parse().with_context(|| format!("`{text}` is no number"))
}

fn nightly_is_there() -> bool {
    let mut rustc = Command::new("rustup");
    rustc.args(["run", "nightly", "rustc", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    rustc.status().is_ok_and(|status| status.success())
}

/// cargo-fuzz, and yjs for the differential target.
fn provide() -> anyhow::Result<()> {
    web::install()?;
    if is_there("cargo-fuzz", "--version") {
        return Ok(());
    }
    run(&cargo(), &["install", "cargo-fuzz", "--locked"])
}

fn run_target(name: &str, seconds: u64, found: &Path, more: &[String]) -> anyhow::Result<()> {
    let fuzz = root().join("fuzz");
    let built = target().join("fuzz");
    let before = failing_inputs(name)?;
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "fuzz", name])
        .args([found.to_owned(), fuzz.join("corpus").join(name)])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .args(["-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"])
        .args(more)
        .env("CARGO_TARGET_DIR", &built)
        .current_dir(root());
    let run = finish(command);
    if run.is_err() {
        for input in failing_inputs(name)?.difference(&before) {
            println!("the input is kept: {}", input.display());
            println!(
                "again: CARGO_TARGET_DIR={} cargo +nightly fuzz run --fuzz-dir fuzz {name} {}",
                built.display(),
                input.display()
            );
        }
    }
    run
}

/// Every input that a target is known to have failed on here.
fn failing_inputs(name: &str) -> anyhow::Result<BTreeSet<PathBuf>> {
    let folder = root().join("fuzz/artifacts").join(name);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error).with_context(|| format!("could not read {}", folder.display())),
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}
