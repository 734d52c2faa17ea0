//! How often somebody may ask: people, guests, the programs behind API keys, and whoever
//! does not say who they are, by where they come from.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use flow_base::{Credential, UserId};
use flow_cluster::Rates;
use uuid::Uuid;

use crate::app::ServerLimits;
use crate::error::ApiError;
use crate::measures;
use crate::rate::Rate;
use crate::throttle::{digest, neighbourhood};

const WINDOW: Duration = Duration::from_secs(60);

/// A kind of those who ask, with what each may.
#[derive(Debug)]
struct Kind {
    /// As the shared count calls it.
    name: &'static str,
    most: Option<NonZeroU32>,
    own: Rate,
}

impl Kind {
    fn new(name: &'static str, most: Option<NonZeroU32>) -> Self {
        Self { name, most, own: Rate::per_minute(most) }
    }
}

/// Counts requests, and opens of sockets: on this node, and with all others where something counts for all.
#[derive(Debug)]
pub(crate) struct Requests {
    users: Kind,
    keys: Kind,
    addresses: Kind,
    /// Sockets and streams that people open.
    opens: Kind,
    shared: Option<Arc<dyn Rates>>,
}

impl Requests {
    pub(crate) fn new(limits: &ServerLimits, shared: Option<Arc<dyn Rates>>) -> Self {
        Self {
            users: Kind::new("user", limits.requests_per_user),
            keys: Kind::new("key", limits.requests_per_key),
            addresses: Kind::new("address", limits.requests_per_user),
            opens: Kind::new("open", limits.opens_per_user),
            shared,
        }
    }

    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub(crate) async fn count(&self, user: UserId, credential: Credential) -> Result<(), ApiError> {
        match credential {
            Credential::Key(key) => self.take(&self.keys, key.as_uuid()).await,
            Credential::Session(_) | Credential::Link(_) => self.take(&self.users, user.as_uuid()).await,
        }
    }

    /// Of somebody who does not say who they are, or is not who they say.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub(crate) async fn count_address(&self, address: IpAddr) -> Result<(), ApiError> {
        self.take(&self.addresses, digest(&neighbourhood(address).to_string())).await
    }

    /// Counts an open. Last of all checks: one that was refused costs nothing.
    ///
    /// # Errors
    /// [`ApiError::TooManyOpens`].
    pub(crate) async fn count_open(&self, user: UserId) -> Result<(), ApiError> {
        self.taken(&self.opens, user.as_uuid()).await.map_err(ApiError::TooManyOpens)
    }

    async fn take(&self, kind: &Kind, who: Uuid) -> Result<(), ApiError> {
        self.taken(kind, who).await.map_err(|wait| {
            measures::request_limited();
            ApiError::TooManyRequests(wait)
        })
    }

    /// First of the own rate: who is too quick for one node is not asked about.
    async fn taken(&self, kind: &Kind, who: Uuid) -> Result<(), Duration> {
        let Some(most) = kind.most else { return Ok(()) };
        kind.own.take(who, NonZeroU32::MIN)?;
        let Some(shared) = &self.shared else { return Ok(()) };
        match shared.take(&format!("{}:{who}", kind.name), most, WINDOW).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => Err(wait),
            Err(error) => {
                // The own count has let it through, and Redis is said to be away elsewhere.
                tracing::debug!(error = &error as &dyn std::error::Error, "they are counted by this node");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_base::{KeyId, SessionId};

    use super::*;

    fn requests(per_user: u32, per_key: u32) -> Requests {
        let limits = ServerLimits {
            requests_per_user: NonZeroU32::new(per_user),
            requests_per_key: NonZeroU32::new(per_key),
            ..crate::app::tests::LIMITS
        };
        Requests::new(&limits, None)
    }

    #[tokio::test]
    async fn people_and_keys_are_counted_each_for_themselves() {
        let requests = requests(2, 3);
        let (ann, key) = (UserId::generate(), Credential::Key(KeyId::generate()));
        let session = || Credential::Session(SessionId::generate());
        for _ in 0..2 {
            requests.count(ann, session()).await.expect("two are let through");
        }
        assert!(requests.count(ann, session()).await.is_err(), "however often she signs in");
        for _ in 0..3 {
            requests.count(ann, key).await.expect("her program has its own");
        }
        assert!(requests.count(ann, key).await.is_err());
        requests.count(UserId::generate(), session()).await.expect("others have theirs");
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_address() {
        let requests = requests(1, 1);
        let from = |text: &str| text.parse().expect("an address");
        requests.count_address(from("2001:db8::1")).await.expect("it is let through");
        assert!(requests.count_address(from("2001:db8::2")).await.is_err());
        requests.count_address(from("2001:db8:0:1::1")).await.expect("another network");
    }
}
