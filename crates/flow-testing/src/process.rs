//! Processes of other people's programs, which must not outlive a test.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

/// A database that takes longer to start or to end has failed.
const WITHIN: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(10);

/// A program and the processes it has started, killed together.
///
/// It stays in our process group, so what ends a test run from outside (Ctrl+C, a test
/// runner's deadline) ends it as well.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        Ok(Self { child })
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait().context("could not look after a process")?.is_some())
    }

    /// `kill -9`, the program and all it has started; waited for.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        if self.has_ended()? {
            return Ok(());
        }
        // Stopped, it starts nothing behind our back while we look for what it started.
        send(self.child.id(), Signal::STOP)?;
        let children = children(self.child.id())?;
        for &process in children.iter().chain([&self.child.id()]) {
            send(process, Signal::KILL)?;
        }
        self.child.wait().context("could not wait for the end of a process")?;
        // The children are not ours to wait for; they end in their own time, which is short.
        while children.iter().any(|child| is_running(*child)) {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Stops them all where they are: connections stay open and nobody answers.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        send(self.child.id(), Signal::STOP)?;
        children(self.child.id())?.into_iter().try_for_each(|child| send(child, Signal::STOP))
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        children(self.child.id())?.into_iter().try_for_each(|child| send(child, Signal::CONT))?;
        send(self.child.id(), Signal::CONT)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            // A panic here would hide why the test failed, if it did.
            report(&format!("a process of a test may be left over: {error:#}"));
        }
    }
}

#[expect(clippy::print_stderr, reason = "the one to read it watches a test fail")]
fn report(text: &str) {
    eprintln!("{text}");
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Asks until `is_ready` or the program has ended; on failure tells what it has logged.
pub(crate) async fn until_ready(
    running: &mut Running,
    log: &Path,
    mut is_ready: impl AsyncFnMut() -> bool,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + WITHIN;
    while !is_ready().await {
        let said = || fs::read_to_string(log).unwrap_or_else(|error| error.to_string());
        ensure!(!running.has_ended()?, "the database ended at once:\n{}", said());
        ensure!(Instant::now() < deadline, "the database is not ready within {WITHIN:?}:\n{}", said());
        sleep(EVERY).await;
    }
    Ok(())
}

/// Finds a program in `PATH` or in one of the folders.
pub(crate) fn program(name: &str, folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = folders.iter().cloned().chain(std::env::split_paths(&path));
    match places.find(|place| place.join(name).is_file()) {
        Some(place) => Ok(place.join(name)),
        None => bail!("there is no {name}: install it (`cargo xtask test` does, on Debian as root)"),
    }
}

fn send(process: u32, signal: Signal) -> anyhow::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).context("no such process")?;
    match kill_process(process, signal) {
        // It ended meanwhile.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error).context("could not signal a process"),
    }
}

/// The processes that this one has started and that live.
fn children(of: u32) -> anyhow::Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").context("could not look for processes")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if stat(process).is_some_and(|(_, parent)| parent == of) {
            children.push(process);
        }
    }
    Ok(children)
}

/// Not so once it has ended, even if nobody has waited for it yet.
fn is_running(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// The state and the parent of a process; nothing when there is none, or no longer.
fn stat(process: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // `id (name) state parent …`, where the name may contain anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
