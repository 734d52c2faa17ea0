//! Each request has an id, by which it is found in the logs.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// What is longer is replaced: it would be repeated in every line of the log.
pub(crate) const CHARS_MAX: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of a request, in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Takes the id that the caller or a proxy has given, or draws one, and answers with it.
pub(crate) async fn identify(mut request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let value = HeaderValue::from_str(&id).expect("letters, digits and dashes may be a header");
    let mut response = CURRENT.scope(id, next.run(request)).await;
    response.headers_mut().insert(HEADER, value);
    response
}

/// The id of the request that is being answered; empty outside of one.
pub(crate) fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// One that may stand in a log as it is.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((1..=CHARS_MAX).contains(&id.len()) && id.bytes().all(fits)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_disturb_a_log_is_not_taken() {
        let given =
            |id: &[u8]| given(&HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(id).unwrap())]));
        assert_eq!(given(b"a-B_3.x"), Some("a-B_3.x".to_owned()));
        assert_eq!(given(&b"x".repeat(CHARS_MAX)), Some("x".repeat(CHARS_MAX)));
        for bad in [&b""[..], b"two words", b"a=b", b"\"", b"caf\xe9", &b"x".repeat(CHARS_MAX + 1)] {
            assert_eq!(given(bad), None, "{bad:?}");
        }
        assert_eq!(super::given(&HeaderMap::new()), None);
    }
}
