//! What pages of anybody may ask: to send files to a chat, and to read them.
//!
//! A chat with a share link's token may be opened from any page, and over its socket no browser
//! asks the server whether that is allowed. Files come by requests, for which it does. Nothing
//! goes with these by itself: whoever has no token is told nothing, and of those who have one
//! the handlers say from where they may come.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET,POST");
const SENT: HeaderValue = HeaderValue::from_static("authorization,content-type,x-request-id,x-resume-token");
const SHOWN: HeaderValue = HeaderValue::from_static("content-disposition,retry-after,x-request-id");
/// How long a browser need not ask again, in seconds.
const PREFLIGHT_LASTS: HeaderValue = HeaderValue::from_static("3600");

/// Answers to pages of others, about runs' files. Goes before what is allowed to some.
pub(crate) async fn allow(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::ORIGIN) || !is_of_files(request.uri().path()) {
        return next.run(request).await;
    }
    if is_preflight(request.method(), request.headers()) {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_LASTS),
        ];
        return (StatusCode::NO_CONTENT, allowed).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
    response
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// `/api/runs/{id}/files`, and what is below.
fn is_of_files(path: &str) -> bool {
    let mut parts = path.strip_prefix("/api/runs/").into_iter().flat_map(|rest| rest.split('/'));
    let (run, files) = (parts.next(), parts.next());
    run.is_some_and(|run| !run.is_empty()) && files == Some("files") && parts.count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_files_is_open_to_any_page() {
        for path in ["/api/runs/a/files", "/api/runs/a/files/b"] {
            assert!(is_of_files(path), "{path}");
        }
        for path in [
            "/api/runs",
            "/api/runs/a",
            "/api/runs/a/events",
            "/api/runs//files",
            "/api/runs/a/files/b/c",
            "/api/flows/a/files",
            "/runs/a/files",
            "/api/runs/a/filesystem",
        ] {
            assert!(!is_of_files(path), "{path}");
        }
    }
}
