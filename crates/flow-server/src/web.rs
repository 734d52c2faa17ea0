use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::error::ApiError;

/// The built editor. Empty when the server was built without it.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// Nothing from elsewhere, no inline script. Inline styles stay allowed: the
/// canvas positions nodes with style attributes.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: https:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

const INDEX: &str = "index.html";

/// A page of somebody else's that takes a script of ours may be encoded otherwise.
fn content_type(mimetype: &str) -> HeaderValue {
    let is_text = mimetype.starts_with("text/");
    let whole = if is_text { format!("{mimetype}; charset=utf-8") } else { mimetype.to_owned() };
    HeaderValue::try_from(whole).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// A file of the editor; any other path is a page of it, which it routes itself.
pub(crate) async fn file(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if ["api", "sync", "chat"].contains(&path.split('/').next().unwrap_or_default()) {
        return ApiError::NotFound("route").into_response();
    }
    if ![Method::GET, Method::HEAD].contains(&method) {
        return ([(header::ALLOW, "GET,HEAD")], ApiError::MethodNotAllowed).into_response();
    }
    match Files::get(path).map(|file| (path, file)).or_else(|| Files::get(INDEX).map(|file| (INDEX, file))) {
        Some((path, file)) => {
            // Names of built assets contain their hash.
            let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
            let headers = [
                (header::CONTENT_TYPE, content_type(file.metadata.mimetype())),
                (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
            ];
            (headers, Body::from(file.data.into_owned())).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            "This server was built without the editor. Build it with `cargo xtask up`, or use the API under /api.\n",
        )
            .into_response(),
    }
}
