//! The only place that names a concrete store or cluster.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use flow_archive::{Archiver, ObjectArchive, Purger};
use flow_auth::{Sealing, TokenKeys};
use flow_base::{Clock, NodeId, Secret, SystemClock};
use flow_cluster::{
    Cache, CacheLimits, Leases, MemoryCache, MemoryRelay, Rates, RedisCluster, RedisOptions, Relay,
};
use flow_egress::{Egress, EgressOptions, Fetcher, SystemResolver};
use flow_executor::runner::{RunLimits, Runs, RunsParts};
use flow_executor::{Caller, RESPONSE_BYTES_MAX, Secrets};
use flow_room::{LogWriter, Registry, RegistryParts};
use flow_server::{App, AppParts, Metrics, OptionalPart, Vault};
use flow_store::{Archive, LogCare, LogStore, PurgeStore, SegmentStore, Store};
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_store_sqlite::SqliteStore;
use flow_webhook::{EGRESS, Worker};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::config::Config;
use crate::signing_key::signing_key;
use crate::telemetry;

/// The server's parts, connected and not yet listening.
pub(crate) struct Parts {
    pub(crate) app: App,
    pub(crate) rooms: Registry,
    pub(crate) tracker: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) database: Database,
}

/// Where everything is stored.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

/// In the data directory.
const SQLITE_FILE: &str = "interflow.db";

pub(crate) async fn build(config: &Config) -> anyhow::Result<Parts> {
    create_data_dir(&config.data_dir)?;
    let keys = TokenKeys::new(&signing_key(config)?).context("the signing key is too short")?;
    let database = Database::open(config).await?;
    let shared = database.store();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Cluster { relay, cache, rates, leases, optional_parts } = cluster(config, &clock).await?;
    let tracker = TaskTracker::new();
    let stopping = CancellationToken::new();
    let log: Arc<dyn LogStore> = Arc::clone(&shared) as Arc<dyn Store>;
    let rooms = Registry::new(RegistryParts {
        store: Arc::clone(&shared),
        writer: LogWriter::start(log, &tracker),
        relay,
        cache,
        clock: Arc::clone(&clock),
        limits: config.limits.room(),
        tracker: tracker.clone(),
    });
    let archive = archive(config)?;
    let purger = Purger::new(database.purges(), archive.clone(), Arc::clone(&clock));
    if let Some(every) = config.deleted.purge_every() {
        let purging = purger.run(config.deleted.keep_for(), every, stopping.clone());
        // Should it panic, what was deleted stays until the next start, or another node.
        tracker.spawn(purging.instrument(tracing::info_span!("purge")));
    }
    if let Some(archive) = archive {
        let keep_for = config.archive.keep_for();
        let archiver = Archiver::new(database.segments(), archive, Arc::clone(&clock), keep_for);
        // Should it panic, logs stay in the database until the next start.
        tracker.spawn(archiver.run(stopping.clone()).instrument(tracing::info_span!("archive")));
    }
    let egress = Egress::new(EgressOptions { allow_private: config.webhooks.allow_private, ..EGRESS });
    let webhooks = Worker::new(Arc::clone(&shared) as Arc<dyn Store>, egress, Arc::clone(&clock));
    // Should it panic, what is to be told waits for another node, or for the next start.
    tracker.spawn(webhooks.run(stopping.clone()).instrument(tracing::info_span!("webhooks")));
    let vault = Arc::new(vault(config, Arc::clone(&shared) as Arc<dyn Store>)?);
    let runs = Runs::new(RunsParts {
        store: Arc::clone(&shared) as Arc<dyn Store>,
        calls: Arc::new(caller(config, &vault)?),
        clock: Arc::clone(&clock),
        node: NodeId::generate(),
        limits: RunLimits {
            keep_for: config.executor.keep_for(),
            calls_at_once: config.executor.calls_at_once.get(),
            calls_of_one: config.executor.calls_per_workspace.get(),
            ..RunLimits::default()
        },
        tracker: tracker.clone(),
        stopping: stopping.clone(),
    });
    let app = App::new(AppParts {
        store: shared,
        rooms: rooms.clone(),
        rates,
        leases,
        keys,
        clock,
        limits: config.limits.server(),
        quotas: (&config.quotas).into(),
        allowed_origins: config.allowed_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        has_tls: config.tls,
        registration: config.registration(),
        private_webhooks: config.webhooks.allow_private,
        restorable_for: config.deleted.keep_for(),
        stopping: stopping.clone(),
        optional_parts,
        metrics: metrics(config)?,
        runs,
        vault,
    });
    Ok(Parts { app, rooms, tracker, stopping, database })
}

/// What connects this server to others.
struct Cluster {
    relay: Arc<dyn Relay>,
    cache: Arc<dyn Cache>,
    rates: Option<Arc<dyn Rates>>,
    leases: Option<Arc<dyn Leases>>,
    optional_parts: Vec<OptionalPart>,
}

async fn cluster(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Cluster> {
    let url = config.redis_url.expose();
    if url.is_empty() {
        return Ok(Cluster {
            // Others on the same database find out from it.
            relay: Arc::new(MemoryRelay::new()),
            cache: Arc::new(MemoryCache::new(CacheLimits::default(), Arc::clone(clock))),
            rates: None,
            leases: None,
            optional_parts: Vec::new(),
        });
    }
    let redis = RedisCluster::connect(&RedisOptions::new(url)).await.context("could not use Redis")?;
    let (relay, cache, rates) = (redis.relay(), redis.cache(), redis.rates());
    let is_away = Box::new(move || redis.is_away());
    Ok(Cluster {
        relay,
        cache,
        rates: Some(Arc::clone(&rates) as Arc<dyn Rates>),
        leases: Some(rates),
        optional_parts: vec![OptionalPart { name: "redis", is_away }],
    })
}

impl Database {
    /// Postgres if its address is configured, otherwise a file in the data directory.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let archive = archive(config)?;
        if let Some(options) = postgres(config) {
            let store = PostgresStore::connect(&options).await.context("could not open the database")?;
            return Ok(Self::Postgres(match archive {
                Some(archive) => store.with_archive(archive),
                None => store,
            }));
        }
        let path = config.data_dir.join(SQLITE_FILE);
        let store = SqliteStore::open(&path)
            .await
            .with_context(|| format!("could not open the database {}", path.display()))?;
        Ok(Self::Sqlite(match archive {
            Some(archive) => store.with_archive(archive),
            None => store,
        }))
    }

    /// As [`Database::open`], and makes the data directory if need be.
    pub(crate) async fn open_or_create(config: &Config) -> anyhow::Result<Self> {
        create_data_dir(&config.data_dir)?;
        Self::open(config).await
    }

    /// As [`Database::open`], but where there is no file none is made: the tools work on
    /// what is there.
    pub(crate) async fn open_existing(config: &Config) -> anyhow::Result<Self> {
        if postgres(config).is_none() {
            let path = config.data_dir.join(SQLITE_FILE);
            anyhow::ensure!(path.exists(), "there is no database {}", path.display());
        }
        Self::open(config).await
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The same, for the tools.
    pub(crate) fn care(&self) -> Arc<dyn LogCare> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The same, for what archives.
    pub(crate) fn segments(&self) -> Arc<dyn SegmentStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The same, for what removes flows for good.
    pub(crate) fn purges(&self) -> Arc<dyn PurgeStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

/// Who makes the calls of `api` nodes.
fn caller(config: &Config, vault: &Arc<Vault>) -> anyhow::Result<Caller> {
    let fetcher = Fetcher::new(Arc::new(SystemResolver), config.executor.allowed()?, RESPONSE_BYTES_MAX);
    Ok(Caller::new(fetcher, Arc::clone(vault) as Arc<dyn Secrets>))
}

/// What flows sign in elsewhere with. What the signing key has sealed, as long as there was no
/// key of its own, still opens when there is one.
pub(crate) fn vault(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Vault> {
    let key = |text: &Secret<String>| {
        let text = text.expose();
        (!text.is_empty()).then(|| Secret::new(text.as_bytes().to_vec()))
    };
    let signing = signing_key(config)?;
    let mut earlier: Vec<_> = key(&config.secrets_key_before).into_iter().collect();
    let current = match key(&config.secrets_key) {
        Some(current) => {
            earlier.push(signing);
            current
        }
        None => signing,
    };
    let sealing =
        Sealing::new(&current, &earlier).context("secrets_key or secrets_key_before is too short")?;
    Ok(Vault::new(store, sealing, config.executor.secrets()?))
}

/// Where old parts of logs go, if anywhere.
pub(crate) fn archive(config: &Config) -> anyhow::Result<Option<Arc<dyn Archive>>> {
    let location = &*config.archive.location;
    if location.is_empty() {
        return Ok(None);
    }
    let archive = ObjectArchive::open(location).context("could not open the archive")?;
    Ok(Some(Arc::new(archive)))
}

/// `interflow migrate`.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<()> {
    if let Some(options) = postgres(config) {
        return PostgresStore::migrate(&options).await.context("could not migrate the database");
    }
    create_data_dir(&config.data_dir)?;
    SqliteStore::migrate(&config.data_dir.join(SQLITE_FILE)).await.context("could not migrate the database")
}

/// `interflow backup`: answers the bytes of the copy.
pub(crate) async fn backup(config: &Config, to: &Path) -> anyhow::Result<u64> {
    anyhow::ensure!(
        postgres(config).is_none(),
        "this makes copies of a SQLite file; back up Postgres with pg_dump, as docs/operations.md says"
    );
    SqliteStore::backup(&config.data_dir.join(SQLITE_FILE), to).await.context("could not make the backup")
}

/// Without a token for those who read it nothing is counted.
fn metrics(config: &Config) -> anyhow::Result<Option<Metrics>> {
    if config.metrics_token.expose().is_empty() {
        return Ok(None);
    }
    Ok(Some(Metrics { render: telemetry::count()?, token: config.metrics_token.clone() }))
}

fn postgres(config: &Config) -> Option<PostgresOptions> {
    let url = config.database_url.expose();
    let connections = config.database_connections.get();
    (!url.is_empty()).then(|| PostgresOptions { connections, ..PostgresOptions::new(url) })
}

/// The signing key and the hashes of passwords lie there: it is its owner's alone.
fn create_data_dir(path: &Path) -> anyhow::Result<()> {
    let mut folder = std::fs::DirBuilder::new();
    folder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("could not create the folder {}", path.display()))
}
