use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::{env, fs};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::process::{Running, free_port, program, until_ready};

/// Names the server that a run of many test processes shares.
pub const POSTGRES_URL: &str = "FLOW_TESTING_POSTGRES_URL";

const USER: &str = "interflow";

/// Where Debian keeps what it does not put into `PATH`, a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A Postgres of our own: in a temporary folder, on a free port of this machine, gone
/// when it is dropped. What it has committed survives [`TestPostgres::kill`].
#[derive(Debug)]
pub struct TestPostgres {
    running: Option<Running>,
    folder: TempDir,
    port: u16,
    account: Option<Account>,
}

/// A database that nobody else uses. The server lives at least as long.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    _server: Option<Arc<TestPostgres>>,
}

impl TestPostgres {
    /// # Errors
    /// When Postgres is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("interflow-postgres-").context("could not create a folder")?;
        let account = Account::to_run_as()?;
        if let Some(account) = &account {
            chown(folder.path(), Some(account.user), Some(account.group))
                .context("could not give the folder away")?;
        }
        let mut server = Self { running: None, folder, port: free_port()?, account };
        server.initialise().await?;
        server.restart().await?;
        Ok(server)
    }

    /// The database `postgres`, which the server has from the start.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// Creates an empty database and answers its address.
    ///
    /// # Errors
    /// When the server does not do it.
    pub async fn new_database(&self) -> anyhow::Result<String> {
        create_database(&self.url()).await
    }

    /// `kill -9` of the server with all its processes, waited for.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().context("Postgres is not running")?.kill()
    }

    /// Starts it again, on the same data and port; answers once it takes connections.
    ///
    /// # Errors
    /// When it is running or does not start within 30 s.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "Postgres is running");
        let log = self.folder.path().join("log");
        let out = fs::File::options().create(true).append(true).open(&log)?;
        let mut command = self.command("postgres")?;
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            // Only the port: a path in a temporary folder can be too long for a socket.
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=200"])
            // So that it starts quickly. What makes commits durable stays as it is.
            .args(["-c", "shared_buffers=32MB", "-c", "recovery_init_sync_method=syncfs"])
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let mut running = Running::start(command)?;
        let address = ["-h", "127.0.0.1", "-p", &self.port.to_string(), "-d", "postgres", "-U", USER];
        until_ready(&mut running, &log, async || {
            let Ok(mut asked) = self.command("pg_isready") else { return false };
            asked.args(address).stdout(Stdio::null());
            tokio::process::Command::from(asked).status().await.is_ok_and(|status| status.success())
        })
        .await?;
        self.running = Some(running);
        Ok(())
    }

    /// Stops all its processes where they are: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.running.as_ref().context("Postgres is not running")?.pause()
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.running.as_ref().context("Postgres is not running")?.resume()
    }

    /// An empty database of the server that [`POSTGRES_URL`] names, or else of one that
    /// the tests of this process share.
    ///
    /// # Errors
    /// When there is no such server, or none can be started.
    pub async fn shared_database() -> anyhow::Result<TestDatabase> {
        static OWN: Mutex<Weak<TestPostgres>> = Mutex::const_new(Weak::new());
        if let Ok(url) = env::var(POSTGRES_URL) {
            return Ok(TestDatabase { url: create_database(&url).await?, _server: None });
        }
        // Held by its databases, or it would outlive the process: statics are not dropped.
        let mut own = OWN.lock().await;
        let server = match own.upgrade() {
            Some(server) => server,
            None => Arc::new(Self::start().await?),
        };
        *own = Arc::downgrade(&server);
        Ok(TestDatabase { url: server.new_database().await?, _server: Some(server) })
    }

    /// One of Postgres's programs, such as `pg_dump`.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn program(name: &str) -> anyhow::Result<PathBuf> {
        postgres_program(name)
    }

    async fn initialise(&self) -> anyhow::Result<()> {
        let mut initdb = self.command("initdb")?;
        initdb
            .arg("-D")
            .arg(self.data())
            .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"])
            // Of the empty cluster alone: the server itself waits for the disk.
            .args(["--no-sync", "--no-instructions"]);
        finish(initdb).await
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(postgres_program(name)?);
        command.current_dir(self.folder.path());
        if let Some(account) = &self.account {
            command.uid(account.user).gid(account.group);
        }
        Ok(command)
    }
}

impl TestDatabase {
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Whom Postgres runs as when we are root, as whom it refuses to run.
#[derive(Debug)]
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `None`: as ourselves.
    fn to_run_as() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("could not look for an account")?;
        let of = |name: &str| {
            let mut fields =
                users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':');
            fields.next()?; // the password
            Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
        };
        of("postgres").or_else(|| of("nobody")).map(Some).context("there is no account to run Postgres as")
    }
}

fn postgres_program(name: &str) -> anyhow::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = match fs::read_dir(DEBIAN) {
        Ok(folders) => folders
            .filter_map(|folder| {
                let folder = folder.ok()?;
                Some((folder.file_name().to_str()?.parse().ok()?, folder.path().join("bin")))
            })
            .collect(),
        // Elsewhere it is in PATH.
        Err(_) => Vec::new(),
    };
    // The newest, and the same for all programs.
    versions.sort();
    let folders: Vec<_> = versions.into_iter().rev().map(|(_, folder)| folder).collect();
    program(name, &folders)
}

async fn create_database(server: &str) -> anyhow::Result<String> {
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut psql = Command::new(postgres_program("psql")?);
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--dbname",
        server,
        "--command",
        &format!("create database {name}"),
    ]);
    finish(psql).await?;
    let (address, _) = server.rsplit_once('/').context("the server's address names no database")?;
    Ok(format!("{address}/{name}"))
}

async fn finish(command: Command) -> anyhow::Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let done = tokio::process::Command::from(command)
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("could not start {name}"))?;
    ensure!(done.status.success(), "{name} failed: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
