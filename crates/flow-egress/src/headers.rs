use reqwest::header::{HeaderName, HeaderValue};

/// What the client or the connection decides, and nobody else (RFC 9110, sections 7.2 and 7.6.1).
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// By these the services of clouds know that a request is meant for them, and not made by a
/// server that was tricked: Azure's, Google's and IBM's, and that of Azure's app services.
const OF_METADATA: &[&str] =
    &["metadata", "metadata-flavor", "x-google-metadata-request", "x-identity-header"];
/// The tokens of AWS, Alibaba, Huawei and Linode are all named alike.
const METADATA_TOKEN: &str = "metadata-token";

/// Headers by which one shows who one is: they are for one origin only.
pub(crate) const OF_ONE_ORIGIN: &[&str] =
    &["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];

/// Why a header must not be sent, if it must not.
pub(crate) fn refused(name: &HeaderName, value: &HeaderValue) -> Option<&'static str> {
    let name = name.as_str();
    if OF_THE_CONNECTION.contains(&name) || name.starts_with("proxy-") {
        return Some("is for the connection, and cannot be set");
    }
    // Oracle's service asks for these words.
    let is_oracle =
        || name == "authorization" && value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"bearer oracle");
    if OF_METADATA.contains(&name) || name.contains(METADATA_TOKEN) || is_oracle() {
        return Some("is for metadata services of clouds, and must not be sent");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(name: &str, value: &'static str) -> bool {
        refused(&name.parse().unwrap(), &HeaderValue::from_static(value)).is_some()
    }

    #[test]
    fn headers_of_connections_and_of_metadata_services_are_refused() {
        for name in [
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Upgrade",
            "Expect",
            "HTTP2-Settings",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Proxy-Anything",
            "Metadata",
            "Metadata-Flavor",
            "X-Google-Metadata-Request",
            "X-aws-ec2-metadata-token",
            "X-aws-ec2-metadata-token-ttl-seconds",
            "X-aliyun-ecs-metadata-token",
            "X-aliyun-ecs-metadata-token-ttl-seconds",
            "X-Metadata-Token",
            "Metadata-Token",
            "Metadata-Token-Expiry-Seconds",
            "X-IDENTITY-HEADER",
        ] {
            assert!(is_refused(name, "x"), "{name}");
        }
        assert!(is_refused("Authorization", "Bearer Oracle"));
        for (name, value) in [
            ("Authorization", "Bearer x"),
            ("Accept", "*/*"),
            ("X-Api-Key", "x"),
            ("X-Amz-Metadata-Directive", "COPY"),
            ("Idempotency-Key", "x"),
            ("Cookie", "a=b"),
        ] {
            assert!(!is_refused(name, value), "{name}");
        }
    }
}
