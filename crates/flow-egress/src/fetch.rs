use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{HeaderMap, LOCATION};
use tokio::time::{Instant, timeout_at};

use crate::exchange::{BoxError, Exchange, Failure, nameless};
use crate::{AllowedHosts, Resolve};

mod request;
#[cfg(test)]
mod tests;

pub use request::Request;

/// More is a loop, or as good as one.
pub const REDIRECTS_MAX: u32 = 5;

/// Why there is no answer. The messages may be shown to whoever chose the address: they tell
/// nothing of the network that the server is in, and hold no secret; nor do their sources, which
/// are for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It cannot be sent as it is, and was not.
    #[error("{0}")]
    Invalid(String),
    /// The address must not be called, or one to which the answer redirects.
    #[error("{0}")]
    Refused(&'static str),
    /// Nothing was sent.
    #[error("the host could not be reached")]
    Unreachable(#[source] Option<BoxError>),
    /// It was sent.
    #[error("there was no whole answer in time")]
    Late,
    /// It was sent.
    #[error("the connection ended before there was a whole answer")]
    Broken(#[source] BoxError),
    /// It was sent and answered, but where the answer leads nobody could be reached.
    #[error("the host that the answer redirects to could not be reached")]
    Astray(#[source] Option<BoxError>),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// What was answered, all of it.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A client for requests that are made to be answered. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    exchange: Exchange,
    answer_bytes_max: usize,
}

impl Fetcher {
    /// Of hosts that are near it calls the ones that are allowed, and takes answers whose body
    /// has at most so many bytes.
    ///
    /// # Panics
    /// When the system's cryptography cannot be used, in which case nothing can be.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolve>, allowed: AllowedHosts, answer_bytes_max: usize) -> Self {
        Self { exchange: Exchange::new(resolver, allowed), answer_bytes_max }
    }

    /// Makes a request, and those to which it is redirected.
    ///
    /// Not cancel safe: dropped, it may have been sent.
    ///
    /// # Errors
    /// [`FetchError`], of which [`FetchError::Unreachable`] says that nothing was sent.
    pub async fn fetch(&self, mut request: Request) -> Result<Response, FetchError> {
        let deadline = Instant::now() + request.within();
        let mut redirects = 0;
        loop {
            let sent = self.exchange.send(request.to_send(), deadline).await;
            let response = sent.map_err(|failure| failed(failure, redirects > 0))?;
            let status = response.status().as_u16();
            let location = response.headers().get(LOCATION);
            let Some(location) = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
                return self.read(response, deadline).await;
            };
            if redirects == REDIRECTS_MAX {
                return Err(FetchError::Refused("the service redirects more than 5 times"));
            }
            request.follow(status, location).map_err(FetchError::Refused)?;
            redirects += 1;
        }
    }

    async fn read(&self, mut response: reqwest::Response, deadline: Instant) -> Result<Response, FetchError> {
        let max = self.answer_bytes_max;
        // What it says of itself, so that nothing is read in vain. It need not say anything.
        if response.content_length().is_some_and(|length| length > max as u64) {
            return Err(FetchError::TooLarge(max));
        }
        let mut body = Vec::new();
        loop {
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) if chunk.len() > max - body.len() => {
                    return Err(FetchError::TooLarge(max));
                }
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(FetchError::Broken(nameless(error))),
                Err(_) => return Err(FetchError::Late),
            }
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Response { status: response.status().as_u16(), headers, body: body.into() })
    }
}

fn failed(failure: Failure, is_redirected: bool) -> FetchError {
    match failure {
        Failure::Refused if is_redirected => {
            FetchError::Refused("the service redirects to an address that must not be called")
        }
        Failure::Refused => FetchError::Refused("the host has no address that may be called"),
        // What led there was sent.
        Failure::Unreachable(source) if is_redirected => FetchError::Astray(source),
        Failure::Unreachable(source) => FetchError::Unreachable(source),
        Failure::Late => FetchError::Late,
        Failure::Broken(source) => FetchError::Broken(source),
    }
}
