use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use url::Url;

use super::FetchError;
use crate::headers::{OF_ONE_ORIGIN, refused};

/// Servers take no longer ones.
const URL_BYTES_MAX: usize = 8_192;
/// Nobody waits longer for an answer.
const WITHIN_MAX: Duration = Duration::from_secs(3_600);

/// A request that can be sent. `Debug` shows neither what its address asks for nor its values.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    within: Duration,
    /// A part of the address's query that is for its origin only.
    secret_pair: Option<(String, String)>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("origin", &self.url.origin().ascii_serialization())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request that has to be answered within this time, redirects and all; an hour at most.
    ///
    /// # Errors
    /// [`FetchError::Invalid`].
    pub fn new(method: &str, url: &str, within: Duration) -> Result<Self, FetchError> {
        let method = match Method::from_bytes(method.as_bytes()) {
            Ok(method) if !["CONNECT", "TRACE", "TRACK"].contains(&method.as_str()) => method,
            _ => return Err(FetchError::Invalid("this is no method of requests".to_owned())),
        };
        let url = Url::parse(url).map_err(|_| "this is no address of a web service");
        let url = url.and_then(|url| check(&url).map(|()| url)).map_err(invalid)?;
        let within = within.min(WITHIN_MAX);
        Ok(Self { method, url, headers: HeaderMap::new(), body: None, within, secret_pair: None })
    }

    /// Adds a header, beside others of its name.
    ///
    /// # Errors
    /// [`FetchError::Invalid`], which names the header and not its value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, FetchError> {
        let (name, value) = header(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets a header unless it is there.
    ///
    /// # Errors
    /// [`FetchError::Invalid`].
    pub fn default_header(mut self, name: &str, value: &str) -> Result<Self, FetchError> {
        let (name, value) = header(name, value)?;
        self.headers.entry(name).or_insert(value);
        Ok(self)
    }

    /// Sets a header that is for this origin only, in place of others of its name.
    ///
    /// # Errors
    /// [`FetchError::Invalid`], which names the header and not its value.
    pub fn secret_header(mut self, name: &str, value: &str) -> Result<Self, FetchError> {
        let (name, mut value) = header(name, value)?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Adds to the address's query what is for this origin only.
    ///
    /// # Errors
    /// [`FetchError::Invalid`] when the address becomes too long.
    pub fn secret_query(mut self, name: &str, value: &str) -> Result<Self, FetchError> {
        self.url.query_pairs_mut().append_pair(name, value);
        check(&self.url).map_err(invalid)?;
        self.secret_pair = Some((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(super) const fn within(&self) -> Duration {
        self.within
    }

    pub(super) fn to_send(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = self.body.clone().map(Into::into);
        request
    }

    /// Becomes the request that follows an answer, as browsers do it (the Fetch standard,
    /// "HTTP-redirect fetch").
    pub(super) fn follow(&mut self, status: u16, location: &HeaderValue) -> Result<(), &'static str> {
        let location = str::from_utf8(location.as_bytes()).ok();
        let next = location.and_then(|location| self.url.join(location).ok());
        let mut next = next.ok_or("the service redirects to something that is no address")?;
        check(&next).map_err(|_| "the service redirects to an address that must not be called")?;
        let is_get = match status {
            301 | 302 => self.method == Method::POST,
            303 => self.method != Method::GET && self.method != Method::HEAD,
            _ => false,
        };
        if is_get {
            self.method = Method::GET;
            self.body = None;
            for name in [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE] {
                self.headers.remove(name);
            }
        }
        if next.origin() != self.url.origin() {
            self.forget_who_asks(&mut next);
        }
        self.url = next;
        Ok(())
    }

    /// Leaves out what is for one origin only; it does not come back.
    fn forget_who_asks(&mut self, next: &mut Url) {
        let headers = self.headers.iter();
        let secret =
            headers.filter(|(name, value)| value.is_sensitive() || OF_ONE_ORIGIN.contains(&name.as_str()));
        let secret: Vec<HeaderName> = secret.map(|(name, _)| name.clone()).collect();
        for name in secret {
            self.headers.remove(name);
        }
        // Services hand on the query that they were asked with.
        let Some((secret_name, secret)) = &self.secret_pair else { return };
        let is_secret = |name: &str, value: &str| name == secret_name || value.contains(secret.as_str());
        if next.query_pairs().any(|(name, value)| is_secret(&name, &value)) {
            let pairs: Vec<_> = next.query_pairs().into_owned().collect();
            let mut rest = pairs.iter().filter(|(name, value)| !is_secret(name, value)).peekable();
            if rest.peek().is_some() {
                next.query_pairs_mut().clear().extend_pairs(rest);
            } else {
                next.set_query(None);
            }
        }
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), FetchError> {
    let named = |why: &str| {
        let name: String = name.chars().take(64).collect();
        FetchError::Invalid(format!("the header {name:?} {why}"))
    };
    let parsed: HeaderName = name.parse().map_err(|_| named("has a name that cannot be sent"))?;
    let value =
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| named("has a value that cannot be sent"))?;
    match refused(&parsed, &value) {
        Some(why) => Err(named(why)),
        None => Ok((parsed, value)),
    }
}

fn check(url: &Url) -> Result<(), &'static str> {
    if url.as_str().len() > URL_BYTES_MAX {
        return Err("the address has more than 8,192 bytes");
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the address has to begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address has a name or a password in it");
    }
    Ok(())
}

fn invalid(why: &'static str) -> FetchError {
    FetchError::Invalid(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str) -> Request {
        Request::new(method, url, Duration::from_secs(1)).unwrap()
    }

    fn follow(request: &mut Request, status: u16, location: &str) -> Result<String, &'static str> {
        request.follow(status, &HeaderValue::from_str(location).unwrap())?;
        Ok(format!("{} {}", request.method, request.url))
    }

    #[test]
    fn methods_change_as_in_browsers() {
        for (status, method, expected) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (301, "PUT", "PUT"),
            (302, "DELETE", "DELETE"),
            (303, "PUT", "GET"),
            (303, "DELETE", "GET"),
            (303, "HEAD", "HEAD"),
            (301, "HEAD", "HEAD"),
            (307, "GET", "GET"),
        ] {
            let mut request = request(method, "https://a.example/x");
            request = request.header("Content-Type", "text/plain").unwrap().header("Accept", "*/*").unwrap();
            request = request.body("body");
            assert_eq!(follow(&mut request, status, "y").unwrap(), format!("{expected} https://a.example/y"));
            let is_kept = method == expected;
            assert_eq!(request.body.is_some(), is_kept, "{status} {method}");
            assert_eq!(request.headers.contains_key("content-type"), is_kept, "{status} {method}");
            assert!(request.headers.contains_key("accept"));
        }
    }

    #[test]
    fn who_asks_is_not_told_to_another_origin_and_stays_untold() {
        for (next, is_told) in [
            ("/y", true),
            ("https://a.example:443/y", true),
            ("https://b.example/y", false),
            ("http://a.example/y", false),
            ("https://a.example:444/y", false),
            ("https://a.example.b.example/y", false),
        ] {
            let mut request = request("GET", "https://a.example/x")
                .header("Authorization", "by hand")
                .and_then(|request| request.header("Cookie", "a=b"))
                .and_then(|request| request.secret_header("X-Key", "secret"))
                .and_then(|request| request.header("X-Other", "kept"))
                .unwrap();
            follow(&mut request, 302, next).unwrap();
            let told = ["authorization", "cookie", "x-key"].map(|name| request.headers.contains_key(name));
            assert_eq!(told, [is_told; 3], "{next}");
            assert!(request.headers.contains_key("x-other"));
            follow(&mut request, 302, "https://a.example/").unwrap();
            assert_eq!(request.headers.contains_key("x-key"), is_told, "{next}, and back");
        }
    }

    #[test]
    fn the_query_s_secret_is_not_handed_on() {
        let asked = || request("GET", "https://a.example/x?q=1").secret_query("key", "s3 cret").unwrap();
        assert_eq!(asked().url.as_str(), "https://a.example/x?q=1&key=s3+cret");
        for (next, expected) in [
            ("https://b.example/?q=1&key=s3+cret", "GET https://b.example/?q=1"),
            ("https://b.example/?key=s3%20cret", "GET https://b.example/"),
            (
                "https://b.example/?back=https%3A%2F%2Fa%2F%3Fkey%3Ds3%20cret&x=y",
                "GET https://b.example/?x=y",
            ),
            ("https://b.example/?q=%20", "GET https://b.example/?q=%20"),
            ("/y?key=s3+cret", "GET https://a.example/y?key=s3+cret"),
        ] {
            assert_eq!(follow(&mut asked(), 302, next).unwrap(), expected);
        }
        let mut request = asked();
        follow(&mut request, 302, "/y?key=s3+cret").unwrap();
        assert_eq!(follow(&mut request, 302, "//b.example?key=s3+cret").unwrap(), "GET https://b.example/");
    }

    #[test]
    fn redirects_lead_to_web_addresses_only() {
        for next in [
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:1",
            "data:,x",
            "https://",
            "http://u:p@a.example/",
        ] {
            assert!(follow(&mut request("GET", "https://a.example/"), 302, next).is_err(), "{next}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_its_value() {
        for (method, url) in [
            ("G T", "https://a.example"),
            ("CONNECT", "https://a.example"),
            ("TRACE", "https://a.example"),
            ("GET", "ftp://a.example"),
            ("GET", "/x"),
            ("GET", "https://ann:s3cret@a.example"),
            ("GET", "https://[::1"),
            ("GET", "https://1.2.3.4.5/"),
        ] {
            let error = Request::new(method, url, Duration::ZERO).unwrap_err();
            assert!(matches!(error, FetchError::Invalid(_)) && !error.to_string().contains("s3cret"));
        }
        let long = format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX));
        assert!(Request::new("GET", &long, Duration::ZERO).is_err());
        for (name, value) in [
            ("a b", "s3cret"),
            ("X-A", "s3cret\r\nX-B: 1"),
            ("X-A", "s3cret\0"),
            ("Host", "s3cret"),
            ("", "s3cret"),
        ] {
            for set in [Request::header, Request::secret_header, Request::default_header] {
                let error = set(request("GET", "https://a.example"), name, value).unwrap_err();
                assert!(matches!(error, FetchError::Invalid(_)) && !error.to_string().contains("s3cret"));
            }
        }
    }

    #[test]
    fn debug_shows_no_secrets() {
        let request = request("GET", "https://a.example/x").secret_query("key", "s3cret").unwrap();
        let request = request.secret_header("X-Key", "s3cret").unwrap();
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
