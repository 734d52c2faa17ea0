//! The only place that names a concrete store.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use flow_auth::TokenKeys;
use flow_base::{Clock, Secret, SystemClock};
use flow_cluster::{CacheLimits, MemoryCache, MemoryRelay};
use flow_room::{LogWriter, Registry, RegistryParts};
use flow_server::{App, AppParts};
use flow_store::{LogStore, Store};
use flow_store_sqlite::SqliteStore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;

/// The server's parts, connected and not yet listening.
pub(crate) struct Parts {
    pub(crate) app: App,
    pub(crate) rooms: Registry,
    pub(crate) tracker: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) store: SqliteStore,
}

const DATABASE: &str = "interflow.db";
const SIGNING_KEY: &str = "signing.key";

pub(crate) async fn build(config: &Config) -> anyhow::Result<Parts> {
    create_data_dir(&config.data_dir)?;
    let keys = TokenKeys::new(&signing_key(config)?).context("the signing key is too short")?;
    let store = open(config).await?;
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tracker = TaskTracker::new();
    let stopping = CancellationToken::new();
    let log: Arc<dyn LogStore> = Arc::clone(&shared) as Arc<dyn Store>;
    let rooms = Registry::new(RegistryParts {
        store: Arc::clone(&shared),
        writer: LogWriter::start(log, &tracker),
        // Alone there is nobody to relay to.
        relay: Arc::new(MemoryRelay::new()),
        cache: Arc::new(MemoryCache::new(CacheLimits::default(), Arc::clone(&clock))),
        clock: Arc::clone(&clock),
        limits: config.limits.room(),
        tracker: tracker.clone(),
    });
    let app = App::new(AppParts {
        store: shared,
        rooms: rooms.clone(),
        keys,
        clock,
        limits: config.limits.server(),
        allowed_origins: config.allowed_origins.clone(),
        stopping: stopping.clone(),
    });
    Ok(Parts { app, rooms, tracker, stopping, store })
}

/// `interflow migrate`.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<()> {
    create_data_dir(&config.data_dir)?;
    SqliteStore::migrate(&config.data_dir.join(DATABASE)).await.context("could not migrate the database")
}

async fn open(config: &Config) -> anyhow::Result<SqliteStore> {
    let path = config.data_dir.join(DATABASE);
    SqliteStore::open(&path).await.with_context(|| format!("could not open the database {}", path.display()))
}

fn create_data_dir(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("could not create the folder {}", path.display()))
}

/// The configured key, or the one in the data directory, created on first start.
fn signing_key(config: &Config) -> anyhow::Result<Secret<Vec<u8>>> {
    let configured = config.signing_key.expose();
    if !configured.is_empty() {
        return Ok(Secret::new(configured.as_bytes().to_vec()));
    }
    let path = config.data_dir.join(SIGNING_KEY);
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    // Complete before it has its name, and never over one that is there.
    let fresh = TokenKeys::generate_key();
    let draft = config.data_dir.join(format!("{SIGNING_KEY}.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("could not create {}", draft.display()))?;
    file.write_all(fresh.expose())
        .and_then(|()| file.sync_all())
        .context("could not write the signing key")?;
    match std::fs::hard_link(&draft, &path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("could not create {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    std::fs::remove_file(&draft).with_context(|| format!("could not remove {}", draft.display()))?;
    read_key(&path)?.context("the signing key vanished while it was created")
}

fn read_key(path: &Path) -> anyhow::Result<Option<Secret<Vec<u8>>>> {
    match std::fs::read(path) {
        Ok(key) => Ok(Some(Secret::new(key))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(error).with_context(|| format!("could not read the signing key {}", path.display()))
        }
    }
}
