//! The calls of `api` nodes, made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flow_base::Secret;
use flow_egress::{FetchError, Fetcher, HeaderMap, Request};
use tokio::time::Instant;

use crate::machine::{CallAuth, CallError, CallFailure, CallRequest, Response};

#[cfg(test)]
mod tests;

/// Of the body of a response. More is an error, since half of one makes no sense.
pub const RESPONSE_BYTES_MAX: usize = 10 << 20;

/// Secrets by name, of those who may use them.
pub trait Secrets: std::fmt::Debug + Send + Sync {
    fn get(&self, name: &str) -> Option<Secret<String>>;
}

impl Secrets for BTreeMap<String, Secret<String>> {
    fn get(&self, name: &str) -> Option<Secret<String>> {
        self.get(name).cloned()
    }
}

/// Makes calls, each once: whether one is made again the machine decides. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    fetcher: Fetcher,
    secrets: Arc<dyn Secrets>,
}

impl Caller {
    /// The fetcher says which hosts may be called, and how large a response may be:
    /// [`RESPONSE_BYTES_MAX`].
    #[must_use]
    pub fn new(fetcher: Fetcher, secrets: Arc<dyn Secrets>) -> Self {
        Self { fetcher, secrets }
    }

    /// Makes a call.
    ///
    /// Not cancel safe: dropped, it may have been made ([`CallFailure::UnknownOutcome`]).
    ///
    /// # Errors
    /// [`CallError`], which holds no secret, and nothing of the server's network.
    pub async fn call(&self, call: &CallRequest) -> Result<Response, CallError> {
        let began = Instant::now();
        let answer = match self.request(call) {
            Ok(request) => self.fetcher.fetch(request).await,
            Err(error) => Err(error),
        };
        let answer = answer.map_err(|error| {
            let failure = failure(&error);
            let message = error.to_string();
            // The whole of it is for who runs the server, and not for who made the flow.
            let error = &error as &dyn std::error::Error;
            let (visit, attempt) = (call.visit, call.attempt);
            tracing::debug!(error, node = call.node, visit, attempt, "a call has failed");
            CallError { failure, message }
        })?;
        Ok(Response {
            status: answer.status,
            headers: headers(&answer.headers),
            body: text(answer.body.into()),
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn request(&self, call: &CallRequest) -> Result<Request, FetchError> {
        let within = Duration::from_millis(call.timeout_ms);
        let mut request = Request::new(&call.method, &call.url, within)?;
        for (name, value) in &call.headers {
            request = request.header(name, value)?;
        }
        // A flow that sets its own, of an order, say, knows better what is the same.
        request = request.default_header("idempotency-key", &call.idempotency_key)?;
        request = self.authorized(request, &call.auth)?;
        Ok(match &call.body {
            Some(body) => request.body(body.clone()),
            None => request,
        })
    }

    fn authorized(&self, request: Request, auth: &CallAuth) -> Result<Request, FetchError> {
        let find = |name: &str| {
            let missing = || FetchError::Invalid(format!("there is no secret {name:?}"));
            self.secrets.get(name).ok_or_else(missing)
        };
        match auth {
            CallAuth::None => Ok(request),
            CallAuth::Basic { user, .. } if user.contains(':') => {
                // RFC 7617, section 2: what is after the colon would be the password.
                Err(FetchError::Invalid("the name of basic authorization has a colon in it".to_owned()))
            }
            CallAuth::Basic { user, secret } => {
                let pair = format!("{user}:{}", find(secret)?.expose());
                request.secret_header("authorization", &format!("Basic {}", BASE64_STANDARD.encode(pair)))
            }
            CallAuth::Bearer { secret } => {
                request.secret_header("authorization", &format!("Bearer {}", find(secret)?.expose()))
            }
            CallAuth::Header { name, secret } => request.secret_header(name, find(secret)?.expose()),
            CallAuth::Query { name, secret } => request.secret_query(name, find(secret)?.expose()),
        }
    }
}

fn failure(error: &FetchError) -> CallFailure {
    match error {
        FetchError::Invalid(_) => CallFailure::Invalid,
        FetchError::Refused(_) => CallFailure::Refused,
        FetchError::Unreachable(_) => CallFailure::Unreachable,
        FetchError::Late => CallFailure::Timeout,
        FetchError::Broken(_) | FetchError::Astray(_) => CallFailure::Broken,
        FetchError::TooLarge(_) => CallFailure::TooLarge,
    }
}

/// Names of headers are in small letters already; of several of one name the last is taken.
fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let pairs = headers.iter();
    pairs.map(|(name, value)| (name.to_string(), text(value.as_bytes().to_vec()))).collect()
}

/// Without the mark that some put in front of UTF-8, which is no JSON.
fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
