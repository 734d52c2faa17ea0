//! Requests, and what is answered.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Api;
use crate::ClientError;

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    code: String,
    message: String,
}

impl Api {
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        self.answered(method, path, body, None).await?.json().await.map_err(ClientError::Transport)
    }

    /// A success, whatever it says; signs in anew once if the access token has expired.
    pub(super) async fn answered(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        if_match: Option<&str>,
    ) -> Result<Response, ClientError> {
        let request = || {
            let mut request = self.request(method.clone(), path);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(etag) = if_match {
                request = request.header(reqwest::header::IF_MATCH, etag);
            }
            request
        };
        self.answered_to(request, |_| false).await
    }

    /// As [`Api::answered`]; of these failures, too, it is the answer that counts.
    pub(crate) async fn answered_to(
        &self,
        request: impl Fn() -> RequestBuilder,
        counts: impl Fn(StatusCode) -> bool,
    ) -> Result<Response, ClientError> {
        match check(request(), &counts).await {
            Err(error) if self.may_refresh(&error) => {
                self.refresh().await?;
                check(request(), &counts).await
            }
            answered => answered,
        }
    }

    /// Writes what is answered as it comes; answers how many bytes that were.
    pub(super) async fn download(
        &self,
        path: &str,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, ClientError> {
        let mut answer = self.answered(Method::GET, path, None::<&()>, None).await?;
        let mut bytes = 0;
        while let Some(chunk) = answer.chunk().await.map_err(ClientError::Transport)? {
            to.write_all(&chunk).await.map_err(ClientError::Write)?;
            bytes += chunk.len() as u64;
        }
        to.flush().await.map_err(ClientError::Write)?;
        Ok(bytes)
    }

    pub(super) async fn send_empty(&self, method: Method, path: &str) -> Result<(), ClientError> {
        self.send_for_nothing(|| self.request(method.clone(), path)).await
    }

    pub(super) async fn post_for_nothing(&self, path: &str, body: &Value) -> Result<(), ClientError> {
        self.send_for_nothing(|| self.request(Method::POST, path).json(body)).await
    }

    /// What is answered without a body.
    pub(super) async fn send_for_nothing(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<(), ClientError> {
        self.answered_to(request, |_| false).await.map(drop)
    }

    fn may_refresh(&self, error: &ClientError) -> bool {
        let expired = matches!(error, ClientError::Refused { status: 401, .. });
        expired && self.tokens().is_some_and(|tokens| tokens.refresh.is_some())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match self.token() {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }
}

pub(super) async fn decode<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    check(request, |_| false).await?.json().await.map_err(ClientError::Transport)
}

async fn check(
    request: RequestBuilder,
    counts: impl Fn(StatusCode) -> bool,
) -> Result<Response, ClientError> {
    let response = request.send().await.map_err(ClientError::Transport)?;
    let status = response.status();
    if status.is_success() || counts(status) {
        return Ok(response);
    }
    Err(refusal(status, response.json().await.ok()))
}

/// A proxy on the way may answer without our form.
pub(super) fn refusal(status: StatusCode, body: Option<ErrorBody>) -> ClientError {
    let unknown = || ErrorDetail {
        code: "unknown".into(),
        message: status.canonical_reason().unwrap_or("refused").into(),
    };
    let ErrorDetail { code, message } = body.map_or_else(unknown, |body| body.error);
    ClientError::Refused { status: status.as_u16(), code, message }
}
