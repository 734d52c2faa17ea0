use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use flow_client::{Api, User};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const STARTS_WITHIN: Duration = Duration::from_secs(30);
const STOPS_WITHIN: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse battery staple";

/// The server as a process of its own, on a free port, with its own data.
#[derive(Debug)]
pub struct TestServer {
    program: PathBuf,
    environment: Vec<(String, String)>,
    data: TempDir,
    /// The port it was given first; it comes back there.
    address: Option<String>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    /// Kept open: a closed pipe would end the server at its next line.
    _out: Lines<BufReader<ChildStdout>>,
}

impl TestServer {
    /// Starts `program serve`.
    ///
    /// # Errors
    /// When it cannot be started or does not listen within 30 s.
    pub async fn start(program: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::start_with(program, &[]).await
    }

    /// Starts it with settings in the environment, such as `INTERFLOW_LIMITS__IDLE_SECONDS`.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub async fn start_with(program: impl AsRef<Path>, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut server = Self {
            program: program.as_ref().to_owned(),
            environment: environment.iter().map(own).collect(),
            data: TempDir::new().context("could not create a folder for the data")?,
            address: None,
            running: None,
        };
        server.restart().await?;
        Ok(server)
    }

    /// Starts it again, on the same data and port.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "the server is running");
        let mut process = Command::new(&self.program)
            .arg("serve")
            .args(["--listen", self.address.as_deref().unwrap_or("127.0.0.1:0")])
            .arg("--data-dir")
            .arg(self.data.path())
            .env("INTERFLOW_LOG", "warn")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("could not start the server")?;
        let out = process.stdout.take().context("the server has no standard output")?;
        let mut out = BufReader::new(out).lines();
        let line = timeout(STARTS_WITHIN, out.next_line()).await.context("the server does not listen")?;
        let line =
            line.context("could not read what the server says")?.context("the server ended at once")?;
        let address = line.rsplit("http://").next().context("the server said something else")?;
        self.address = Some(address.to_owned());
        self.running = Some(Running { process, _out: out });
        Ok(())
    }

    /// `kill -9`, waited for.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the server is not running")?;
        running.process.kill().await.context("could not kill the server")
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not stop within 30 s, or not with success.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the server is not running")?;
        let id = running.process.id().context("the server has ended")?;
        let sent =
            Command::new("kill").arg(id.to_string()).status().await.context("could not signal the server")?;
        ensure!(sent.success(), "could not signal the server");
        let ended =
            timeout(STOPS_WITHIN, running.process.wait()).await.context("the server does not stop")?;
        ensure!(ended?.success(), "the server stopped with an error");
        Ok(())
    }

    /// Where it listens: `http://…`.
    ///
    /// # Panics
    /// Never: a server that was started has an address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address.as_deref().expect("it was started"))
    }

    /// The process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().and_then(|running| running.process.id())
    }

    /// The memory of the process that is in use, in bytes.
    ///
    /// # Errors
    /// When it is not running.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let id = self.pid().context("the server is not running")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))
            .context("could not read the state of the process")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")).context("it has ended")?;
        Ok(kib.trim().parse::<u64>().context("no number")? * 1_024)
    }

    /// The SQLite file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.path().join("interflow.db")
    }

    /// A person with an account, signed in.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn person(&self, name: &str) -> anyhow::Result<(Api, User)> {
        let api = Api::new(&self.url())?;
        let user = api.register(&format!("{name}@example.org"), PASSWORD, name).await?;
        Ok((api, user))
    }
}
