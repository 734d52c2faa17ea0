use std::sync::Arc;
use std::time::Duration;

use flow_base::Secret;
use flow_store::{Archive, ColdTier, StoreError};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use crate::OpenError;
use crate::connections::{Connections, Session, Tx, connect};
use crate::error::{Failure, Trouble};

/// For a call, waiting for a connection included. Past it the call fails, retryably, and
/// its connection is closed.
const CALL_WITHIN: Duration = Duration::from_secs(10);

/// Until a database has said a first word when the store is opened.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// For all migrations together, waiting for another node that applies them included.
/// Past it the store does not open.
const MIGRATE_WITHIN: Duration = Duration::from_secs(900);

/// As many calls at a time unless told otherwise.
const CONNECTIONS: u32 = 10;

static MIGRATOR: Migrator = Migrator {
    // An older release may meet a newer schema: migrations keep it working.
    ignore_missing: true,
    ..sqlx::migrate!()
};

/// Where a database is and how to use it.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/name?sslmode=…`
    pub url: Secret<String>,
    /// Connections that this store may have open; further calls wait for one. At least 1.
    pub connections: u32,
}

impl PostgresOptions {
    /// With 10 connections.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Secret::new(url.into()), connections: CONNECTIONS }
    }
}

/// A database, open. Clones share their connections. Dropping it without
/// [`PostgresStore::close`] loses nothing that was answered.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    connections: Arc<Connections>,
    pub(crate) cold: ColdTier,
}

impl PostgresStore {
    /// Applies the migrations that the database has not seen, one node after the other,
    /// and opens it.
    ///
    /// # Errors
    /// [`OpenError`], when the database cannot be reached or is none of ours.
    pub async fn connect(options: &PostgresOptions) -> Result<Self, OpenError> {
        Self::migrate(options).await?;
        let connections = Connections::new(parse(options)?, options.connections);
        Ok(Self { connections: Arc::new(connections), cold: ColdTier::default() })
    }

    /// Reads what is archived from there.
    #[must_use]
    pub fn with_archive(self, archive: Arc<dyn Archive>) -> Self {
        Self { cold: ColdTier::new(archive), ..self }
    }

    /// Only applies the migrations that the database has not seen.
    ///
    /// # Errors
    /// As [`PostgresStore::connect`].
    pub async fn migrate(options: &PostgresOptions) -> Result<(), OpenError> {
        let options = parse(options)?;
        let database = name(&options);
        let failed = |source| OpenError::Connect { database: database.clone(), source };
        let first_word = timeout(OPEN_WITHIN, open(&options)).await;
        let (mut connection, encoding) = first_word
            .map_err(|_| failed(Trouble::Late(OPEN_WITHIN).into()))?
            .map_err(|error| failed(Trouble::from(error).into()))?;
        if encoding != "UTF8" {
            return Err(OpenError::Encoding { database, encoding });
        }
        let migrated = timeout(MIGRATE_WITHIN, MIGRATOR.run_direct(None, &mut connection, false)).await;
        // With the connection goes the lock, also after an error.
        drop(connection);
        match migrated {
            Ok(migrated) => migrated.map_err(|source| OpenError::Migrate { database, source }),
            Err(_) => Err(OpenError::MigrateLate { database, within: MIGRATE_WITHIN }),
        }
    }

    /// Waits for running calls and closes all connections; later calls fail.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// Does the work by the deadline of calls; an error says what was to be done.
    pub(crate) async fn call<T>(
        &self,
        action: &'static str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, StoreError> {
        let late = || Err(Failure::from(Trouble::Late(CALL_WITHIN)));
        let result = timeout(CALL_WITHIN, work).await.unwrap_or_else(|_| late());
        result.map_err(|failure| {
            self.learn_from(&failure);
            failure.into_error(action)
        })
    }

    /// What one connection has met, unused ones will meet as well.
    pub(crate) fn learn_from(&self, failure: &Failure) {
        if matches!(failure, Failure::Backend(trouble) if trouble.is_about_the_server()) {
            self.connections.forget_idle();
        }
    }

    /// For a single statement, which is its own transaction.
    pub(crate) async fn session(&self) -> Result<Session, Failure> {
        Ok(self.connections.session().await?)
    }

    /// For one that cannot wait behind all the others.
    pub(crate) async fn session_first(&self) -> Result<Session, Failure> {
        Ok(self.connections.session_first().await?)
    }

    /// For several statements.
    pub(crate) async fn begin(&self) -> Result<Tx, Failure> {
        self.connections.begin().await
    }

    /// For several that cannot wait behind all the others.
    pub(crate) async fn begin_first(&self) -> Result<Tx, Failure> {
        self.connections.begin_first().await
    }
}

fn parse(options: &PostgresOptions) -> Result<PgConnectOptions, OpenError> {
    let parsed: PgConnectOptions = options.url.expose().parse().map_err(OpenError::Address)?;
    // How long calls take is counted; a statement's text would bury everything else.
    Ok(parsed.application_name("interflow").disable_statement_logging())
}

/// As people know it; no user and no password.
fn name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("{database} at {}:{}", options.get_host(), options.get_port())
}

/// A connection for migrations, which may take longer than calls and wait for each other.
async fn open(options: &PgConnectOptions) -> Result<(PgConnection, String), sqlx::Error> {
    let mut connection = connect(options).await?;
    sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = 0; set enable_seqscan = on; set enable_bitmapscan = on")
        .execute(&mut connection)
        .await?;
    connection.ping().await?;
    let encoding = sqlx::query_scalar!(r#"select current_setting('server_encoding') as "encoding!""#)
        .fetch_one(&mut connection)
        .await?;
    Ok((connection, encoding))
}
