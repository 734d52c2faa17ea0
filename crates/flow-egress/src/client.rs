use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::exchange::{BoxError, Exchange, Failure};
use crate::{AllowedHosts, SystemResolver, is_public};

/// An address has no more characters.
const URL_BYTES_MAX: usize = 2_048;

#[derive(Debug, Clone, Copy)]
pub struct EgressOptions {
    /// Whether addresses of one's own network may be called, too, and `http:` be used.
    pub allow_private: bool,
    /// For the whole of a request, from its name to the last byte that is read.
    pub within: Duration,
    /// Of an answer's body; the rest is not read.
    pub answer_bytes: usize,
}

/// Why a request came to nothing. The messages may be shown to whoever chose the address:
/// they tell nothing of the network that the server is in.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    #[error("{0}")]
    Url(&'static str),
    #[error("the name has no address that may be called")]
    NotPublic,
    #[error("there was no answer in time")]
    Late,
    #[error("could not connect")]
    Connect(#[source] Option<BoxError>),
    #[error("the connection ended before there was an answer")]
    Broken(#[source] BoxError),
}

/// What was answered, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

/// A client for requests that are made to tell somebody something: whatever is answered is an
/// answer, a redirect too. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Egress {
    exchange: Exchange,
    options: EgressOptions,
}

/// Whether an address can be called at all: what is wrong with it that does not depend on
/// where its name leads.
///
/// # Errors
/// [`EgressError::Url`], and [`EgressError::NotPublic`] for the number of such an address.
pub fn check_url(url: &str, allow_private: bool) -> Result<Url, EgressError> {
    if url.len() > URL_BYTES_MAX {
        return Err(EgressError::Url("the address has more than 2,048 bytes"));
    }
    let url = Url::parse(url).map_err(|_| EgressError::Url("this is no address of a web page"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err(EgressError::Url("the address has to begin with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::Url("the address has a name or a password in it"));
    }
    // A number is never looked up, so it is judged here.
    let literal = match url.host() {
        None => return Err(EgressError::Url("the address names no host")),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
    };
    if literal.is_some_and(|address| !allow_private && !is_public(address)) {
        return Err(EgressError::NotPublic);
    }
    Ok(url)
}

impl Egress {
    /// # Panics
    /// When the system's cryptography cannot be used, in which case nothing can be.
    #[must_use]
    pub fn new(options: EgressOptions) -> Self {
        let allowed =
            if options.allow_private { AllowedHosts::everything() } else { AllowedHosts::default() };
        Self { exchange: Exchange::new(Arc::new(SystemResolver), allowed), options }
    }

    /// Makes one request.
    ///
    /// # Errors
    /// [`EgressError`], before or after it had an effect.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, EgressError> {
        let url = check_url(url, self.options.allow_private)?;
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let deadline = Instant::now() + self.options.within;
        let mut response = self.exchange.send(request, deadline).await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() < self.options.answer_bytes {
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let room = self.options.answer_bytes - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                // What there is of it tells as much as it can.
                Ok(Ok(None) | Err(_)) | Err(_) => break,
            }
        }
        Ok(Answer { status, body: body.into() })
    }
}

impl From<Failure> for EgressError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused => Self::NotPublic,
            Failure::Unreachable(source) => Self::Connect(source),
            Failure::Late => Self::Late,
            Failure::Broken(source) => Self::Broken(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const OPTIONS: EgressOptions =
        EgressOptions { allow_private: false, within: Duration::from_secs(2), answer_bytes: 100 };
    const PRIVATE: EgressOptions = EgressOptions { allow_private: true, ..OPTIONS };

    async fn get(options: EgressOptions, url: &str) -> Result<Answer, EgressError> {
        Egress::new(options).send(Method::GET, url, HeaderMap::new(), Bytes::new()).await
    }

    /// Answers every connection with this; counts them.
    async fn server(answer: &'static str) -> (String, tokio::sync::watch::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (count, counted) = tokio::sync::watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let mut asked = [0; 1_024];
                if socket.read(&mut asked).await.is_ok() {
                    drop(socket.write_all(answer.as_bytes()).await);
                    if answer.is_empty() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        });
        (format!("127.0.0.1:{port}"), counted)
    }

    #[tokio::test]
    async fn an_answer_is_read_as_far_as_is_wanted() {
        let (host, _) = server("HTTP/1.1 418 No\r\nContent-Length: 5\r\n\r\nhello").await;
        let answer = get(PRIVATE, &format!("http://{host}/x")).await.unwrap();
        assert_eq!(answer, Answer { status: 418, body: Bytes::from_static(b"hello") });
        let (host, _) = server(concat!("HTTP/1.1 200 OK\r\n\r\n", "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789more")).await;
        assert_eq!(get(PRIVATE, &format!("http://{host}")).await.unwrap().body.len(), 100);
    }

    #[tokio::test]
    async fn nobody_near_is_called_by_number_or_by_name() {
        let (host, calls) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let port = host.rsplit_once(':').unwrap().1;
        for host in
            ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"]
        {
            let called = get(OPTIONS, &format!("https://{host}:{port}/")).await;
            assert!(matches!(called, Err(EgressError::NotPublic)), "{host}: {called:?}");
        }
        assert_eq!(*calls.borrow(), 0);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let (host, calls) =
            server("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n").await;
        let answer = get(PRIVATE, &format!("http://{host}/")).await.unwrap();
        assert_eq!((answer.status, *calls.borrow()), (302, 1));
    }

    #[tokio::test]
    async fn who_does_not_answer_is_given_up() {
        let (host, _) = server("").await;
        let options = EgressOptions { within: Duration::from_millis(200), ..PRIVATE };
        let called = get(options, &format!("http://{host}/")).await;
        assert!(matches!(called, Err(EgressError::Late)), "{called:?}");
        let (host, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await;
        let port: u16 = host.rsplit_once(':').unwrap().1.parse().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert_ne!(closed, port);
        let called = get(PRIVATE, &format!("http://127.0.0.1:{closed}/")).await;
        assert!(matches!(called, Err(EgressError::Connect(_))), "{called:?}");
    }

    #[test]
    fn only_web_addresses_without_passwords_are_taken() {
        for url in ["ftp://example.org", "file:///etc/passwd", "http://example.org", "https://", "nonsense"] {
            assert!(matches!(check_url(url, false), Err(EgressError::Url(_))), "{url}");
        }
        assert!(matches!(check_url("https://ann:secret@example.org", true), Err(EgressError::Url(_))));
        let long = format!("https://example.org/{}", "x".repeat(URL_BYTES_MAX));
        assert!(matches!(check_url(&long, false), Err(EgressError::Url(_))));
        assert!(check_url("https://example.org/hook?x=1", false).is_ok());
        assert!(check_url("http://10.0.0.1/hook", true).is_ok());
        assert!(matches!(check_url("https://10.0.0.1/hook", false), Err(EgressError::NotPublic)));
    }
}
