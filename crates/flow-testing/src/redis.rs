use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Running, free_port, program, until_ready};

/// Names the Redis that a run of many test processes shares.
pub const REDIS_URL: &str = "INTERFLOW_TEST_REDIS_URL";

/// A Redis of our own, on a free port of this machine, gone when it is dropped. It keeps
/// nothing: after [`TestRedis::kill`] it comes back empty.
#[derive(Debug)]
pub struct TestRedis {
    running: Option<Running>,
    folder: TempDir,
    port: u16,
}

impl TestRedis {
    /// # Errors
    /// When Redis is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("interflow-redis-").context("could not create a folder")?;
        let mut server = Self { running: None, folder, port: free_port()? };
        server.restart().await?;
        Ok(server)
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// `kill -9`, waited for.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().context("Redis is not running")?.kill()
    }

    /// Starts it again on the same port, empty; answers once it takes connections.
    ///
    /// # Errors
    /// When it is running or does not start within 30 s.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "Redis is running");
        let log = self.folder.path().join("log");
        let out = fs::File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(program("redis-server", &[])?);
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let mut running = Running::start(command)?;
        until_ready(&mut running, &log, async || answers(self.port).await).await?;
        self.running = Some(running);
        Ok(())
    }

    /// Stops it where it is: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.running.as_ref().context("Redis is not running")?.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.running.as_ref().context("Redis is not running")?.resume()
    }
}

async fn answers(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut answer = [0; 5];
    socket.write_all(b"PING\r\n").await.is_ok()
        && socket.read_exact(&mut answer).await.is_ok()
        && answer == *b"+PONG"
}
