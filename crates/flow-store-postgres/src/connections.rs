//! Connections to the server, each lent to one call at a time.
//!
//! A pool of our own, because a call must end by its deadline however the server fails,
//! and so must the giving back: a connection whose call was not finished, for whatever
//! reason, is closed, and nobody waits for a word from
//! it. The driver's own pool asks each one whether it is well as it is given back, without
//! a deadline, and lends it to nobody until it answers.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow_store::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::error::{Failure, Trouble};

/// Until a call has its connection, new or used before. Past it the call fails, retryably.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// For the word that a connection gives before it is used again after a pause. Past it
/// the connection is given up, and there is time left for a new one.
const CHECK_WITHIN: Duration = Duration::from_secs(1);

/// A connection used so recently is taken to be alive: asking costs a round trip.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// So long unused, a connection is closed: the server pays memory for it.
const IDLE_MOST: Duration = Duration::from_secs(600);

/// So old, a connection is replaced: the server's side of it only ever grows, and names
/// may lead to another server by now.
const AGE_MOST: Duration = Duration::from_secs(1_800);

/// Connections that only appends, and the query that watches access, may take: what was
/// edited has to be stored, and what was revoked to end, however many people come back at
/// once. Where there are fewer than twice as many in all, none is kept.
const KEPT: u32 = 2;

/// For a polite goodbye when the store is closed; then it is cut short.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// What every connection is told first.
///
/// - A commit is answered when it is on disk, whatever the server's own default.
/// - A row lock is waited for 2 s. Appends wait less: see there.
/// - The server ends what our deadlines have given up: statements after 8 s,
///   transactions without a statement after 10 s.
/// - `append` counts on what a statement sees at this isolation level.
/// - All statements find their rows by key. Plans are made once for each connection, and
///   one made while a table was small would scan it for as long as the connection lives;
///   compiling plans takes longer than running them. Lists are read in the order of an
///   index: a bitmap would read all there is and sort it. What looks for words needs one,
///   and says so: see `flow/list.rs`.
const SETTINGS: &str = "
    set synchronous_commit = on;
    set lock_timeout = '2s';
    set statement_timeout = '8s';
    set idle_in_transaction_session_timeout = '10s';
    set default_transaction_isolation = 'read committed';
    set plan_cache_mode = force_generic_plan;
    set enable_seqscan = off;
    set enable_bitmapscan = off;
    set jit = off;
";

pub(crate) struct Connections {
    options: PgConnectOptions,
    /// One for each connection there may be.
    permits: Lane,
    /// And for those that are kept for what cannot wait.
    kept: Lane,
    /// The one used last is at the end, and is used next.
    idle: Mutex<Vec<Idle>>,
}

struct Lane {
    permits: Arc<Semaphore>,
    most: u32,
}

struct Idle {
    live: Live,
    since: Instant,
}

struct Live {
    connection: PgConnection,
    born: Instant,
}

impl Connections {
    /// At most so many at a time, at least one; further calls wait.
    pub(crate) fn new(options: PgConnectOptions, most: u32) -> Self {
        let most = most.max(1);
        let kept = if most >= 2 * KEPT { KEPT } else { 0 };
        let (permits, kept) = (Lane::new(most - kept), Lane::new(kept));
        Self { options, permits, kept, idle: Mutex::default() }
    }

    /// For a single statement, which is its own transaction.
    pub(crate) async fn session(self: &Arc<Self>) -> Result<Session, Trouble> {
        self.session_in(&self.permits).await
    }

    /// For one that cannot wait behind all the others.
    pub(crate) async fn session_first(self: &Arc<Self>) -> Result<Session, Trouble> {
        let lane = if self.kept.most > 0 { &self.kept } else { &self.permits };
        self.session_in(lane).await
    }

    async fn session_in(self: &Arc<Self>, lane: &Lane) -> Result<Session, Trouble> {
        let opened = timeout(CONNECT_WITHIN, self.live(lane)).await;
        opened.unwrap_or(Err(Trouble::NoConnection(CONNECT_WITHIN)))
    }

    /// For several statements.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<Tx, Failure> {
        Self::begun(self.session().await?).await
    }

    /// For several that cannot wait behind all the others.
    pub(crate) async fn begin_first(self: &Arc<Self>) -> Result<Tx, Failure> {
        Self::begun(self.session_first().await?).await
    }

    async fn begun(mut session: Session) -> Result<Tx, Failure> {
        session.simple("begin").await?;
        Ok(Tx { session })
    }

    /// Waits for running calls, then closes; later calls fail.
    pub(crate) async fn close(&self) {
        // Whoever asks after us gets no permit any more. An error: it was closed before.
        for Lane { permits, most } in [&self.permits, &self.kept] {
            if let Ok(all) = permits.acquire_many(*most).await {
                permits.close();
                drop(all);
            }
        }
        let idle = std::mem::take(&mut *self.idle());
        for idle in idle {
            // A server that is not there needs no goodbye.
            drop(timeout(GOODBYE_WITHIN, idle.live.connection.close()).await);
        }
    }

    /// Closes every unused connection, without a word to the server.
    pub(crate) fn forget_idle(&self) {
        self.idle().clear();
    }

    async fn live(self: &Arc<Self>, lane: &Lane) -> Result<Session, Trouble> {
        let permit = Arc::clone(&lane.permits).acquire_owned().await.map_err(|_| Trouble::Closed)?;
        let live = match self.used_before().await {
            Some(live) => live,
            None => Live {
                connection: connect(&self.options).await.map_err(Trouble::Connect)?,
                born: Instant::now(),
            },
        };
        Ok(Session { live: Some(live), owner: Arc::clone(self), _permit: permit })
    }

    async fn used_before(&self) -> Option<Live> {
        let Idle { mut live, since } = self.take_idle()?;
        if since.elapsed() < TRUSTED_FOR {
            return Some(live);
        }
        match timeout(CHECK_WITHIN, live.connection.ping()).await {
            Ok(Ok(())) => Some(live),
            // The others have not been used for longer. New ones will do or tell why not.
            Ok(Err(_)) | Err(_) => {
                self.forget_idle();
                None
            }
        }
    }

    fn take_idle(&self) -> Option<Idle> {
        let mut idle = self.idle();
        idle.retain(|idle| idle.since.elapsed() < IDLE_MOST && idle.live.born.elapsed() < AGE_MOST);
        idle.pop()
    }

    fn give_back(&self, live: Live) {
        self.idle().push(Idle { live, since: Instant::now() });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Whatever panicked meanwhile, the list is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn new(most: u32) -> Self {
        let permits = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), most }
    }
}

impl fmt::Debug for Connections {
    // The options have the password in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.permits.most + self.kept.most;
        f.debug_struct("Connections").field("most", &most).finish_non_exhaustive()
    }
}

/// A new connection that has been told how to behave.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(SETTINGS).execute(&mut connection).await?;
    Ok(connection)
}

/// A connection lent to a call. Unless it is settled it is closed with the session,
/// because nobody knows what is still under way on it.
pub(crate) struct Session {
    live: Option<Live>,
    owner: Arc<Connections>,
    _permit: OwnedSemaphorePermit,
}

impl Session {
    /// Gives the connection back after its last statement, if it is still good.
    pub(crate) fn settle<T>(mut self, result: Result<T, sqlx::Error>) -> Result<T, Failure> {
        let result = result.map_err(Trouble::from);
        if result.as_ref().err().is_none_or(Trouble::is_about_the_statement) {
            self.give_back();
        }
        Ok(result?)
    }

    async fn simple(&mut self, statement: &'static str) -> Result<(), Failure> {
        sqlx::raw_sql(statement).execute(&mut **self).await?;
        Ok(())
    }

    fn give_back(&mut self) {
        if let Some(live) = self.live.take() {
            self.owner.give_back(live);
        }
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.live.as_ref().expect("only what ends the session takes it").connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.live.as_mut().expect("only what ends the session takes it").connection
    }
}

/// A transaction. Dropped without a commit it is rolled back, by closing the connection.
pub(crate) struct Tx {
    session: Session,
}

impl Tx {
    /// A statement that neither takes nor answers anything.
    pub(crate) async fn simple(&mut self, statement: &'static str) -> Result<(), Failure> {
        self.session.simple(statement).await
    }

    pub(crate) async fn commit(mut self) -> Result<(), Failure> {
        self.session.simple("commit").await?;
        self.session.give_back();
        Ok(())
    }

    /// Commits if this last statement has succeeded, and undoes everything otherwise.
    pub(crate) async fn end<T>(self, result: Result<T, sqlx::Error>) -> Result<T, Failure> {
        let (tx, value) = self.go_on(result).await?;
        tx.commit().await?;
        Ok(value)
    }

    /// For a statement that Postgres may well refuse: the connection is kept then.
    pub(crate) async fn go_on<T>(self, result: Result<T, sqlx::Error>) -> Result<(Self, T), Failure> {
        match result.map_err(Trouble::from) {
            Ok(value) => Ok((self, value)),
            Err(trouble) => {
                if trouble.is_about_the_statement() {
                    self.undo().await;
                }
                Err(trouble.into())
            }
        }
    }

    /// Undoes what was done and answers why. The reason holds however that goes.
    pub(crate) async fn refuse(self, reason: StoreError) -> Failure {
        self.undo().await;
        Failure::Refused(reason)
    }

    /// Ends a transaction that has changed nothing.
    pub(crate) async fn undo(mut self) {
        // Otherwise the connection is closed, to the same effect.
        if self.session.simple("rollback").await.is_ok() {
            self.session.give_back();
        }
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.session
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.session
    }
}
