//! What is installed: one file with the editor in it, optimised as a whole and by a profile of
//! the server at work. Why, and what it is worth: `docs/decisions/0019-…`.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::databases::Databases;
use crate::run::{cargo, finish, root, run};
use crate::up::target;
use crate::{needs, web};

/// What the server does while it is watched. What nobody does here is taken for rare, and made
/// small instead of fast.
const WORK: &[&[&str]] = &[
    &["fan-out", "--acks", "--seconds", "10"],
    &["fan-out", "--acks", "--rooms", "100", "--people", "5", "--writers", "1", "--rate", "10"],
    &["saturation", "--acks", "--rooms", "100", "--people", "5", "--writers", "1", "--seconds", "1"],
    &["presence", "--seconds", "5"],
    &["join-storm", "--people", "200"],
    &["cold-open", "--times", "1"],
];

/// Lifts what protects a server from one user: the generator has few.
const LIFTED: [(&str, &str); 3] = [
    ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "0"),
    ("INTERFLOW_LIMITS__OPENS_PER_USER", "0"),
    ("INTERFLOW_LIMITS__REQUESTS_PER_USER", "0"),
];

/// Builds the server, watches it at work, and builds it anew.
pub(crate) fn trained() -> anyhow::Result<()> {
    let compiler = Compiler::ask()?;
    let profiles = compiler.profile_tool()?;
    needs::provide(false)?;
    web::install()?;
    web::build()?;
    build_generator()?;
    let databases = Databases::start()?;

    let folder = target().join("dist-training");
    // Nothing is gained by optimising this one as a whole, too. It is switched off by
    // flags, which cargo does not mix into the names of functions, as it does what a profile of
    // its own says: the counts are found again by these names.
    let watched = compiler.build(&folder, &["-Cprofile-generate", "-Clto=off", "-Clinker-plugin-lto=no"])?;
    let profile = folder.join("interflow.profdata");
    train(&watched, &databases, &profiles, &profile)?;
    drop(databases);

    let folder = target().join("dist-trained");
    // Cargo does not see that a profile has changed.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not empty {}", folder.display()))?;
    }
    let with_profile = format!("-Cprofile-use={}", profile.display());
    let built = compiler.build(&folder, &[&with_profile])?;
    ensure_trained(&built, &profiles, &profile)?;
    install(&built)
}

/// Optimised as a whole only: needs the compiler and Node.js, and half of the time.
pub(crate) fn untrained() -> anyhow::Result<()> {
    web::install()?;
    web::build()?;
    run(&cargo(), &["build", "--profile", "dist", "--package", "interflow"])?;
    say(&target().join("dist/interflow"));
    Ok(())
}

fn say(server: &Path) {
    println!("\nThe server is {}: copy it to where it is to run.", server.display());
}

/// In place of what is there, which may be running, or be cargo's own file under another name.
fn install(built: &Path) -> anyhow::Result<()> {
    let folder = target().join("dist");
    let (new, installed) = (folder.join("interflow.new"), folder.join("interflow"));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(built, &new))
        .and_then(|_| fs::rename(&new, &installed))
        .with_context(|| format!("could not write {}", installed.display()))?;
    say(&installed);
    Ok(())
}

fn build_generator() -> anyhow::Result<()> {
    let mut command = Command::new(cargo());
    command
        .args(["build", "--release", "--package", "flow-loadtest", "--bin", "loadtest"])
        .current_dir(root())
        // It runs here, and is looked for where cargo puts what does.
        .env_remove("CARGO_BUILD_TARGET");
    finish(command)
}

/// On both stores, alone and with Redis, and the executor.
fn train(server: &Path, databases: &Databases, profiles: &Path, profile: &Path) -> anyhow::Result<()> {
    let seen = tempfile::tempdir().context("could not make a folder for what is seen")?;
    let data = tempfile::tempdir().context("could not make a folder for the data")?;
    for in_cluster in [false, true] {
        for work in WORK {
            let mut command = load(server, data.path(), work)?;
            watch(&mut command, data.path(), seen.path());
            if in_cluster {
                databases.serve_with(&mut command)?;
            }
            finish_watched(command, seen.path())?;
        }
    }
    let samples = fs::read_dir(root().join("crates/flow-model/samples")).context("where are the samples?")?;
    for sample in samples {
        let mut command = Command::new(server);
        command.arg("test").arg(sample.context("could not list the samples")?.path());
        watch(&mut command, data.path(), seen.path());
        finish_watched(command, seen.path())?;
    }
    let mut command = Command::new(profiles);
    command.arg("merge").arg("--output").arg(profile).arg(seen.path());
    finish(command)
}

/// The load generator, which starts the server and stops it.
fn load(server: &Path, data: &Path, work: &[&str]) -> anyhow::Result<Command> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    let address = listener.local_addr().context("the port is not known")?;
    drop(listener);
    let mut command = Command::new(target().join("release/loadtest"));
    command
        .args(["--quiet", "--interflow", &format!("http://{address}"), "--server-command"])
        // Read by a shell.
        .arg(format!("\"$SERVER\" serve --listen {address} --data-dir \"$DATA\""))
        .args(work)
        .env("SERVER", server)
        .env("DATA", data);
    Ok(command)
}

/// With nothing of what somebody has configured for a server of their own.
fn watch(command: &mut Command, data: &Path, seen: &Path) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("INTERFLOW_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(data)
        .envs(LIFTED)
        .env("INTERFLOW_LOG", "warn")
        .env("LLVM_PROFILE_FILE", seen.join("%p-%m.profraw"));
}

/// A server that does not end by itself leaves no counts.
fn finish_watched(command: Command, seen: &Path) -> anyhow::Result<()> {
    let counts = || fs::read_dir(seen).map(Iterator::count).context("could not list what was seen");
    let before = counts()?;
    finish(command)?;
    ensure!(counts()? > before, "the server left no counts");
    Ok(())
}

/// Counts that are found under no name are left out without a word.
fn ensure_trained(server: &Path, profiles: &Path, profile: &Path) -> anyhow::Result<()> {
    let counted = output(Command::new(profiles).args(["show", "--all-functions"]).arg(profile))?;
    let counted = counted.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    let counted: HashSet<&str> = counted.filter(|name| name.contains("flow_room")).collect();
    let built = output(Command::new("nm").arg(server))?;
    let names = built.lines().filter_map(|line| line.rsplit(' ').next());
    let found = names.filter(|name| counted.contains(name)).count();
    println!("{found} functions of rooms have the counts of {}", counted.len());
    ensure!(found > 0, "the second build has other names than the first: it is not trained");
    Ok(())
}

/// Of Rust, as it says of itself.
struct Compiler {
    host: String,
    /// LLVM's version, the part before the first point: profiles are of one.
    llvm: String,
}

impl Compiler {
    fn ask() -> anyhow::Result<Self> {
        let said = output(rustc().args(["--version", "--verbose"]))?;
        let line = |name: &str| {
            let found = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.with_context(|| format!("rustc does not say its {name}"))
        };
        let llvm = line("LLVM version")?.split('.').next().unwrap_or_default();
        Ok(Self { host: line("host")?.to_owned(), llvm: llvm.to_owned() })
    }

    /// `llvm-profdata`, of rustup or of the system.
    fn profile_tool(&self) -> anyhow::Result<PathBuf> {
        let sysroot = output(rustc().args(["--print", "sysroot"]))?;
        let of_rust =
            Path::new(sysroot.trim()).join("lib/rustlib").join(&self.host).join("bin/llvm-profdata");
        if of_rust.exists() {
            return Ok(of_rust);
        }
        let llvm = &self.llvm;
        let version = format!("LLVM version {llvm}.");
        for name in [format!("llvm-profdata-{llvm}"), "llvm-profdata".to_owned()] {
            if output(Command::new(&name).arg("--version")).is_ok_and(|said| said.contains(&version)) {
                return Ok(name.into());
            }
        }
        bail!(
            "missing: llvm-profdata of LLVM {llvm}. `rustup component add llvm-tools` installs it, \
             on Debian `apt install llvm-{llvm}`; `cargo xtask dist --untrained` does without."
        )
    }

    /// The server, with more flags for the compiler; answers where it is.
    fn build(&self, folder: &Path, more: &[&str]) -> anyhow::Result<PathBuf> {
        let mut command = Command::new(cargo());
        command
            .args(["build", "--profile", "dist", "--package", "interflow", "--bin", "interflow"])
            // With it the flags are the server's, not those of what runs while it is built.
            .args(["--target", &self.host])
            .current_dir(root())
            .env("CARGO_TARGET_DIR", folder)
            .env("CARGO_ENCODED_RUSTFLAGS", flags(variable(ENCODED), variable("RUSTFLAGS"), more));
        finish(command)?;
        let built = folder.join(&self.host).join("dist/interflow");
        ensure!(built.exists(), "cargo did not build {}", built.display());
        Ok(built)
    }
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("could not start {program}"))?;
    ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).with_context(|| format!("{program} does not answer in UTF-8"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// As cargo reads them: those that somebody has set in the environment, in either way, and more.
/// Those of cargo's configuration it then leaves out.
fn flags(encoded: Option<String>, plain: Option<String>, more: &[&str]) -> String {
    let plain = || plain.map(|plain| plain.split_whitespace().collect::<Vec<_>>().join(SEPARATOR));
    let more = more.join(SEPARATOR);
    match encoded.or_else(plain).filter(|given| !given.is_empty()) {
        Some(given) => [given, more].join(SEPARATOR),
        None => more,
    }
}

const ENCODED: &str = "CARGO_ENCODED_RUSTFLAGS";
const SEPARATOR: &str = "\u{1f}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_somebody_has_set_stay() {
        let given = |text: &str| Some(text.to_owned());
        for (encoded, plain, expected) in [
            (None, None, "-C1\u{1f}-C2"),
            (None, given(""), "-C1\u{1f}-C2"),
            (None, given("-Ca  -Cb"), "-Ca\u{1f}-Cb\u{1f}-C1\u{1f}-C2"),
            (given("-Ca b"), given("-Cc"), "-Ca b\u{1f}-C1\u{1f}-C2"),
        ] {
            assert_eq!(flags(encoded, plain, &["-C1", "-C2"]), expected);
        }
    }

    #[test]
    fn the_compiler_says_for_whom_and_with_what_it_builds() {
        let compiler = Compiler::ask().unwrap();
        assert!(compiler.host.starts_with(std::env::consts::ARCH), "{}", compiler.host);
        assert!(compiler.llvm.parse::<u32>().is_ok(), "{}", compiler.llvm);
    }
}
