//! One connection to Redis that is kept: made, watched, and made again.
//!
//! The client library notices when the other side closes a connection, not when it
//! falls silent. So each connection is pinged, and one that does not answer is replaced.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, RedisResult};
use tokio::sync::{Notify, watch};
use tokio::time::{error::Elapsed, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::backoff::Backoff;
use crate::ClusterError;

/// How long making a connection may take, with greetings and TLS.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(1);

/// What a link is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    /// For the log.
    pub(super) name: &'static str,
    /// A connection that does not answer a ping for so long is dead. Longer where large
    /// answers may be on their way before it.
    pub(super) pong_within: Duration,
}

/// The connection, while there is one.
#[derive(Debug)]
pub(super) struct Link {
    live: watch::Receiver<Option<Live>>,
    /// Ends with the link. It has no failures of its own: what fails is tried again.
    _supervisor: AbortOnDropHandle<()>,
}

/// A connection that worked a moment ago.
#[derive(Debug, Clone)]
pub(super) struct Live {
    connection: MultiplexedConnection,
    closed: Arc<Notify>,
}

/// There is no connection, and commands are not kept for when there is one.
#[derive(Debug, thiserror::Error)]
#[error("Redis is away")]
struct Away;

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("Redis closed the connection")]
    Closed,
    #[error("Redis did not answer")]
    Silent(#[source] Elapsed),
    #[error("Redis refused")]
    Refused(#[source] RedisError),
}

impl Link {
    /// Starts connecting. `heard` is given what Redis says unasked; it must not wait.
    pub(super) fn start(
        client: Client,
        purpose: Purpose,
        heard: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Self {
        let (state, live) = watch::channel(None);
        let supervisor = Supervisor { client, purpose, heard: Heard(Arc::new(heard)), state };
        Self { live, _supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor.run())) }
    }

    /// Changes with each connection that is made or lost.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Live>> {
        self.live.clone()
    }

    pub(super) fn is_away(&self) -> bool {
        self.live.borrow().is_none()
    }

    /// Waits until there is a connection. Cancel safe.
    pub(super) async fn connected(&self) {
        // An error would mean that the supervisor has ended, which waits for our end.
        if self.live.clone().wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks Redis something, and waits no longer than `within`.
    ///
    /// # Errors
    /// [`ClusterError`]: at once when Redis is away.
    pub(super) async fn ask<T, Asked>(
        &self,
        what: &'static str,
        within: Duration,
        ask: impl FnOnce(MultiplexedConnection) -> Asked + Send,
    ) -> Result<T, ClusterError>
    where
        Asked: Future<Output = RedisResult<T>> + Send,
    {
        let live = self.live.borrow().clone();
        let Some(live) = live else {
            return Err(ClusterError { what, source: Away.into() });
        };
        match timeout(within, ask(live.connection)).await {
            Ok(answer) => answer.map_err(|error| ClusterError { what, source: error.into() }),
            Err(elapsed) => Err(ClusterError { what, source: elapsed.into() }),
        }
    }
}

impl Live {
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Has it replaced, whatever pings say.
    pub(super) fn give_up(&self) {
        self.closed.notify_one();
    }
}

struct Supervisor {
    client: Client,
    purpose: Purpose,
    heard: Heard,
    state: watch::Sender<Option<Live>>,
}

#[derive(Clone)]
struct Heard(Arc<dyn Fn(PushInfo) + Send + Sync>);

impl Supervisor {
    async fn run(self) {
        let link = self.purpose.name;
        let mut backoff = Backoff::default();
        // Once for each time it goes away, not for each attempt to come back.
        let mut told = false;
        loop {
            let lost = match self.connect().await {
                Ok(live) => {
                    tracing::info!(link, "connected to Redis");
                    told = false;
                    self.state.send_replace(Some(live.clone()));
                    let lost = self.watch_over(live, &mut backoff).await;
                    self.state.send_replace(None);
                    lost
                }
                Err(lost) => lost,
            };
            if !std::mem::replace(&mut told, true) {
                let error = &lost as &dyn std::error::Error;
                tracing::warn!(link, error, "Redis is away; going on without it");
            }
            sleep(backoff.next()).await;
        }
    }

    async fn connect(&self) -> Result<Live, Lost> {
        let closed = Arc::<Notify>::default();
        let (heard, on_close) = (self.heard.clone(), Arc::clone(&closed));
        let config = AsyncConnectionConfig::new()
            // The deadlines are ours: those of the library do not count waiting to be sent.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                match push.kind {
                    PushKind::Disconnection => on_close.notify_one(),
                    _ => (heard.0)(push),
                }
                Ok::<_, redis::aio::SendError>(())
            });
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(CONNECT_WITHIN, Box::pin(connecting)).await.map_err(Lost::Silent)?;
        Ok(Live { connection: connection.map_err(Lost::Refused)?, closed })
    }

    async fn watch_over(&self, mut live: Live, backoff: &mut Backoff) -> Lost {
        let closed = Arc::clone(&live.closed);
        let pings = async {
            loop {
                sleep(PING_EVERY).await;
                let ping = redis::cmd("PING");
                let pong = timeout(self.purpose.pong_within, ping.exec_async(&mut live.connection));
                match pong.await {
                    Ok(Ok(())) => backoff.reset(),
                    Ok(Err(error)) => return Lost::Refused(error),
                    Err(elapsed) => return Lost::Silent(elapsed),
                }
            }
        };
        tokio::select! {
            () = closed.notified() => Lost::Closed,
            lost = pings => lost,
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}
