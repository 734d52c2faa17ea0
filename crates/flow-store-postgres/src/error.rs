use std::sync::Arc;
use std::time::Duration;

pub(crate) use flow_store::Unreadable;
use flow_store::{BoxError, Conflict, StoreError};
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not shown: it may have a password in it.
    #[error("the address of the database cannot be read")]
    Address(#[source] sqlx::Error),
    #[error("could not connect to the database {database}")]
    Connect {
        /// Host, port and name.
        database: String,
        #[source]
        source: BoxError,
    },
    #[error("the database {database} is in the encoding {encoding}; it has to be in UTF8")]
    Encoding { database: String, encoding: String },
    #[error("could not bring the database {database} to this release's schema")]
    Migrate {
        database: String,
        #[source]
        source: MigrateError,
    },
    #[error("the database {database} was not at this release's schema within {within:?}")]
    MigrateLate { database: String, within: Duration },
}

/// Why a call failed, before it is said which.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer, which is no.
    Refused(StoreError),
    /// The database could not do it. Shared, because it may be that of many flows.
    Backend(Arc<Trouble>),
}

/// What is wrong with the database, or with what we asked of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the store is closed")]
    Closed,
    #[error("no connection was to be had within {0:?}")]
    NoConnection(Duration),
    #[error("could not connect")]
    Connect(#[source] sqlx::Error),
    #[error("the database has not answered within {0:?}")]
    Late(Duration),
    #[error("somebody else holds the flow's log")]
    Locked,
    /// Postgres's words without its details, in which it quotes rows.
    #[error("Postgres says: {message} ({code})")]
    Postgres { code: String, message: String, constraint: Option<String> },
    #[error("talking to the database failed")]
    Connection(#[source] sqlx::Error),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the answer was not as expected")]
    Unexpected(#[source] sqlx::Error),
}

impl Failure {
    pub(crate) fn into_error(self, action: &'static str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Backend(trouble) => {
                let retryable = trouble.is_retryable();
                StoreError::Backend { action, retryable, source: Box::new(trouble) }
            }
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        matches!(self, Self::Backend(trouble) if matches!(**trouble, Trouble::Locked))
    }

    /// What other statements would meet as well; `None` when Postgres has refused this one
    /// and waits for the next.
    pub(crate) fn beyond_the_statement(&self) -> Option<&Arc<Trouble>> {
        match self {
            Self::Backend(trouble) if !trouble.is_about_the_statement() => Some(trouble),
            Self::Backend(_) | Self::Refused(_) => None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Trouble::Unreadable(error).into()
    }
}

/// The one place where the names of constraints mean something.
impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let Trouble::Postgres { constraint: Some(constraint), .. } = &trouble else {
            return Self::Backend(Arc::new(trouble));
        };
        let conflict = match constraint.as_str() {
            "users_email_key" => Conflict::EmailTaken,
            "flows_workspace_id_fkey" | "audit_heads_workspace_id_fkey" => Conflict::UnknownWorkspace,
            "flow_members_user_id_fkey" => Conflict::UnknownUser,
            "flows_slug_key" => Conflict::SlugTaken,
            _ => return Self::Backend(Arc::new(trouble)),
        };
        Self::Refused(StoreError::Conflict(conflict))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Trouble::from(error).into()
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::Postgres {
                code: error.code().unwrap_or_default().into_owned(),
                message: error.message().to_owned(),
                constraint: error
                    .try_downcast_ref::<PgDatabaseError>()
                    .and_then(|error| error.constraint())
                    .map(str::to_owned),
            },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Self::Connection(error),
            error => Self::Unexpected(error),
        }
    }
}

impl Trouble {
    /// Whether it is with the server or the way to it, and may pass. Everything else is
    /// with the statement or with what is stored.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::NoConnection(_) | Self::Connect(_) | Self::Late(_) | Self::Locked | Self::Connection(_) => {
                true
            }
            Self::Postgres { code, .. } => RETRYABLE.iter().any(|prefix| code.starts_with(prefix)),
            Self::Closed | Self::Unreadable(_) | Self::Unexpected(_) => false,
        }
    }

    /// Whether other connections are likely to be as useless as the one it was met on.
    pub(crate) fn is_about_the_server(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Late(_) | Self::Connection(_) => true,
            Self::Postgres { code, .. } => SERVER_GOES.iter().any(|prefix| code.starts_with(prefix)),
            _ => false,
        }
    }

    /// Whether Postgres has refused the statement and waits for the next one.
    pub(crate) fn is_about_the_statement(&self) -> bool {
        matches!(self, Self::Postgres { .. }) && !self.is_about_the_server()
    }
}

/// SQLSTATEs, or the class in which all are meant: connection exceptions, a server that
/// only reads (as after a failover), a transaction that was idle too long, serialisation
/// failures and deadlocks, insufficient resources (a full disk among them), locks not
/// available, an operator's intervention (a shutdown, a statement timeout), system errors.
const RETRYABLE: [&str; 8] = ["08", "25006", "25P03", "40", "53", "55P03", "57", "58"];

/// Those after which the connection is of no further use: the server has closed it, is
/// about to, or is not the one that takes writes. 57014 (a cancelled statement) is not
/// among them.
const SERVER_GOES: [&str; 5] = ["08", "25006", "25P03", "57P", "58"];
