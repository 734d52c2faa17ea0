//! The server as a process of ours, started and stopped for a run.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// A server that is started with a command and listens at an address.
#[derive(Debug)]
pub struct Server {
    command: String,
    /// Host and port.
    address: String,
    running: Option<Child>,
}

const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Server {
    #[must_use]
    pub fn new(command: &str, address: &str) -> Self {
        Self { command: command.to_owned(), address: address.to_owned(), running: None }
    }

    /// Starts it and waits until it listens; answers its process.
    ///
    /// # Errors
    /// When it does not start, or something else listens there already.
    pub async fn start(&mut self) -> anyhow::Result<u32> {
        ensure!(!self.listens().await, "something listens on {} already", self.address);
        // `exec`: the process is the server, not a shell around it.
        let child = Command::new("sh")
            .args(["-c", &format!("exec {}", self.command)])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("could not start the server")?;
        let running = self.running.insert(child);
        let pid = running.id().context("the server ended at once")?;
        let deadline = Instant::now() + WITHIN;
        while !self.listens().await {
            if let Some(running) = &mut self.running
                && let Some(status) = running.try_wait().context("could not look after the server")?
            {
                bail!("the server ended at once: {status}");
            }
            ensure!(Instant::now() < deadline, "the server does not listen on {}", self.address);
            sleep(LOOK_EVERY).await;
        }
        Ok(pid)
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not stop in time.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let pid = running.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.context("the server has ended")?, Signal::TERM)
            .context("could not stop the server")?;
        timeout(WITHIN, running.wait()).await.context("the server does not stop")??;
        Ok(())
    }

    async fn listens(&self) -> bool {
        TcpStream::connect(&self.address).await.is_ok()
    }
}
