//! One request and its answer, at an address that was judged.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolving};
use reqwest::redirect::Policy;
use tokio::time::{Instant, timeout_at};
use tower::util::MapResponseLayer;
use url::{Host, Url};

use crate::{AllowedHosts, is_public};

/// For looking a name up; and again until a connection is there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Looks names up.
#[async_trait]
pub trait Resolve: std::fmt::Debug + Send + Sync {
    /// All addresses of a name.
    ///
    /// # Errors
    /// When there is no such name, or nobody to ask.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's way.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused,
    /// Nothing was sent.
    Unreachable(Option<BoxError>),
    Late,
    Broken(BoxError),
}

#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    client: Client,
    resolver: Arc<dyn Resolve>,
    allowed: Arc<AllowedHosts>,
}

tokio::task_local! {
    /// Where the request that this task is making may go.
    static TARGET: Target;
}

#[derive(Debug)]
struct Target {
    host: String,
    addresses: Vec<IpAddr>,
    is_connected: Arc<AtomicBool>,
}

/// The client's resolver: it looks nothing up, and knows only what was judged.
#[derive(Debug)]
struct Judged;

#[derive(Debug, thiserror::Error)]
#[error("this name was not judged")]
struct NotJudged;

impl reqwest::dns::Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let judged = TARGET
            .try_with(|target| (target.host == name.as_str()).then(|| target.addresses.clone()))
            .ok()
            .flatten();
        Box::pin(async move {
            let addresses = judged.ok_or(NotJudged)?;
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// From here on something may have been sent.
fn connected<C>(connection: C) -> C {
    // A connection that no request has asked for is one that none is told of.
    if TARGET.try_with(|target| target.is_connected.store(true, Ordering::Relaxed)).is_err() {
        debug_assert!(false, "connections are made by the task that sends");
    }
    connection
}

impl Exchange {
    pub(crate) fn new(resolver: Arc<dyn Resolve>, allowed: AllowedHosts) -> Self {
        let client = Client::builder()
            .dns_resolver(Arc::new(Judged))
            .connector_layer(MapResponseLayer::new(connected))
            // Where one leads has to be judged first.
            .redirect(Policy::none())
            // Whether a request is made again others decide.
            .retry(reqwest::retry::never())
            // A proxy would look the name up by itself.
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            // Connections are not kept: the next one is judged anew.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("Interflow/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("these options fit each other");
        Self { client, resolver, allowed: Arc::new(allowed) }
    }

    /// Until the answer's head is there.
    pub(crate) async fn send(
        &self,
        request: reqwest::Request,
        deadline: Instant,
    ) -> Result<reqwest::Response, Failure> {
        let addresses = self.judge(request.url(), deadline).await?;
        let is_connected = Arc::new(AtomicBool::new(false));
        let target = Target {
            host: request.url().host_str().unwrap_or_default().to_owned(),
            addresses,
            is_connected: is_connected.clone(),
        };
        let sent = timeout_at(deadline, TARGET.scope(target, self.client.execute(request))).await;
        let is_connected = is_connected.load(Ordering::Relaxed);
        match sent {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_connected => Err(Failure::Broken(nameless(error))),
            Ok(Err(error)) => Err(Failure::Unreachable(Some(nameless(error)))),
            Err(_) if is_connected => Err(Failure::Late),
            Err(_) => Err(Failure::Unreachable(None)),
        }
    }

    /// The addresses of a host that may be called, of which there is one at least.
    async fn judge(&self, url: &Url, deadline: Instant) -> Result<Vec<IpAddr>, Failure> {
        let port = url.port_or_known_default().unwrap_or_default();
        let (name, found) = match url.host() {
            None => return Err(Failure::Refused),
            Some(Host::Ipv4(address)) => (None, vec![address.into()]),
            Some(Host::Ipv6(address)) => (None, vec![address.into()]),
            Some(Host::Domain(name)) => {
                let deadline = deadline.min(Instant::now() + CONNECT_WITHIN);
                let found = match timeout_at(deadline, self.resolver.resolve(name)).await {
                    Ok(Ok(found)) if !found.is_empty() => found,
                    Ok(Err(error)) => return Err(Failure::Unreachable(Some(error.into()))),
                    Ok(Ok(_)) | Err(_) => return Err(Failure::Unreachable(None)),
                };
                (Some(name), found)
            }
        };
        let may_call = |address: &IpAddr| is_public(*address) || self.allowed.allow(name, *address, port);
        let addresses: Vec<IpAddr> = found.into_iter().filter(may_call).collect();
        if addresses.is_empty() { Err(Failure::Refused) } else { Ok(addresses) }
    }
}

/// The address of a request may hold a secret, and its errors are logged.
pub(crate) fn nameless(error: reqwest::Error) -> BoxError {
    error.without_url().into()
}
