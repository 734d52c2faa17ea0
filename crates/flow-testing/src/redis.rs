use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::{env, fs};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::process::{Running, free_port, program, until_ready};

/// Names the Redis that a run of many test processes shares.
pub const REDIS_URL: &str = "FLOW_TESTING_REDIS_URL";

/// A Redis of our own, on a free port of this machine, gone when it is dropped. It keeps
/// nothing: after [`TestRedis::kill`] it comes back empty.
#[derive(Debug)]
pub struct TestRedis {
    running: Option<Running>,
    folder: TempDir,
    port: u16,
}

/// A Redis that others use, too: touch only what is of your own flows. A server of ours
/// lives at least as long.
#[derive(Debug)]
pub struct SharedRedis {
    url: String,
    _server: Option<Arc<TestRedis>>,
}

impl TestRedis {
    /// The server that [`REDIS_URL`] names, or else one that the tests of this process
    /// share.
    ///
    /// # Errors
    /// When none can be started.
    pub async fn shared() -> anyhow::Result<SharedRedis> {
        static OWN: Mutex<Weak<TestRedis>> = Mutex::const_new(Weak::new());
        if let Ok(url) = env::var(REDIS_URL) {
            return Ok(SharedRedis { url, _server: None });
        }
        // Held by those who use it: statics are not dropped, and it would be left over.
        let mut own = OWN.lock().await;
        let server = match own.upgrade() {
            Some(server) => server,
            None => Arc::new(Self::start().await?),
        };
        *own = Arc::downgrade(&server);
        Ok(SharedRedis { url: server.url(), _server: Some(server) })
    }

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
        format!("redis://{}/", self.address())
    }

    /// Where it listens, for a proxy.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Has it forget everything, as a cache may.
    ///
    /// # Errors
    /// When it does not say that it has.
    pub async fn flush_all(&self) -> anyhow::Result<()> {
        let mut socket = TcpStream::connect(self.address()).await.context("Redis is away")?;
        socket.write_all(b"FLUSHALL\r\n").await?;
        let mut answer = [0; 5];
        socket.read_exact(&mut answer).await?;
        ensure!(answer == *b"+OK\r\n", "Redis refused to forget");
        Ok(())
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

impl SharedRedis {
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn answers(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut answer = [0; 5];
    socket.write_all(b"PING\r\n").await.is_ok()
        && socket.read_exact(&mut answer).await.is_ok()
        && answer == *b"+PONG"
}
