//! The calls of `api` nodes, made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flow_base::{Secret, WorkspaceId};
use flow_egress::{FetchError, Fetcher, HeaderMap, Request};
use flow_store::BoxError;
use tokio::time::Instant;

use crate::machine::{CallAuth, CallError, CallFailure, CallRequest, Response};

#[cfg(test)]
mod tests;

/// Of the body of a response. More is an error, since half of one makes no sense.
pub const RESPONSE_BYTES_MAX: usize = 10 << 20;

/// Where secrets are found, by those who may use them.
#[async_trait]
pub trait Secrets: std::fmt::Debug + Send + Sync {
    /// The secret that flows of this workspace call by this name, to be sent to this address.
    ///
    /// # Errors
    /// [`NoSecret`].
    async fn secret(&self, workspace: WorkspaceId, name: &str, url: &str)
    -> Result<Secret<String>, NoSecret>;
}

/// Why there is no secret for a call, which is not made then.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// None that the workspace may use.
    #[error("there is no such secret")]
    Unknown,
    #[error("the secret is not for this address")]
    OtherHost,
    /// Nobody can read it any more.
    #[error("the secret cannot be read")]
    Unreadable,
    /// It could not be asked for, which may pass.
    #[error("the secret could not be asked for")]
    Away(#[source] BoxError),
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
    pub async fn call(&self, workspace: WorkspaceId, call: &CallRequest) -> Result<Response, CallError> {
        let began = Instant::now();
        let secret = match call.auth.secret() {
            Some(name) => Some(self.secret(workspace, name, call).await?),
            None => None,
        };
        let answer = match request(call, secret.as_ref()) {
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

    async fn secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        call: &CallRequest,
    ) -> Result<Secret<String>, CallError> {
        self.secrets.secret(workspace, name, &call.url).await.map_err(|why| {
            let error = &why as &dyn std::error::Error;
            tracing::debug!(error, node = call.node, name, "there is no secret for a call");
            let (failure, message) = match why {
                NoSecret::Unknown => (CallFailure::Invalid, format!("there is no secret {name:?}")),
                NoSecret::OtherHost => {
                    (CallFailure::Invalid, format!("the secret {name:?} may not be sent to this address"))
                }
                NoSecret::Unreadable => (
                    CallFailure::Invalid,
                    format!("the secret {name:?} cannot be read: it has to be set anew"),
                ),
                // Nothing was sent, and it may pass.
                NoSecret::Away(_) => {
                    (CallFailure::Unreachable, format!("the secret {name:?} could not be asked for"))
                }
            };
            CallError { failure, message }
        })
    }
}

fn request(call: &CallRequest, secret: Option<&Secret<String>>) -> Result<Request, FetchError> {
    let within = Duration::from_millis(call.timeout_ms);
    let mut request = Request::new(&call.method, &call.url, within)?;
    for (name, value) in &call.headers {
        request = request.header(name, value)?;
    }
    // A flow that sets its own, of an order, say, knows better what is the same.
    request = request.default_header("idempotency-key", &call.idempotency_key)?;
    if let Some(secret) = secret {
        request = authorized(request, &call.auth, secret.expose())?;
    }
    Ok(match &call.body {
        Some(body) => request.body(body.clone()),
        None => request,
    })
}

fn authorized(request: Request, auth: &CallAuth, secret: &str) -> Result<Request, FetchError> {
    match auth {
        CallAuth::None => Ok(request),
        CallAuth::Basic { user, .. } if user.contains(':') => {
            // RFC 7617, section 2: what is after the colon would be the password.
            Err(FetchError::Invalid("the name of basic authorization has a colon in it".to_owned()))
        }
        CallAuth::Basic { user, .. } => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{secret}"));
            request.secret_header("authorization", &format!("Basic {pair}"))
        }
        CallAuth::Bearer { .. } => request.secret_header("authorization", &format!("Bearer {secret}")),
        CallAuth::Header { name, .. } => request.secret_header(name, secret),
        CallAuth::Query { name, .. } => request.secret_query(name, secret),
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
