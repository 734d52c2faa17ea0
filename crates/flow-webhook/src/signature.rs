use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flow_base::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// So that people and secret scanners see what it is.
const PREFIX: &str = "ifwhs_";

/// A webhook's secret as its owner gets it. This text, as it is, is the key of the signature.
#[must_use]
pub fn secret_text(secret: &Secret<[u8; 32]>) -> Secret<String> {
    Secret::new(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(secret.expose())))
}

/// `t=…,v1=…`: the moment in seconds since 1970, and HMAC-SHA256 of that, a dot and the body,
/// in hex. With the moment in it, whoever records a delivery cannot replay it later.
#[must_use]
pub fn sign(secret: &Secret<[u8; 32]>, at_seconds: i64, body: &[u8]) -> String {
    let key = secret_text(secret);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes any key");
    mac.update(format!("{at_seconds}.").as_bytes());
    mac.update(body);
    let sum = mac.finalize().into_bytes();
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python's hmac module.
    #[test]
    fn the_signature_is_what_others_compute() {
        let secret = Secret::new([7; 32]);
        assert_eq!(secret_text(&secret).expose(), "ifwhs_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        let signed = sign(&secret, 1_767_225_600, br#"{"type":"ping"}"#);
        assert_eq!(
            signed,
            "t=1767225600,v1=aac394d60e8be97fc519693c31783c905046f6c55a0a8888e8db5343eecace02"
        );
    }

    #[test]
    fn another_moment_body_or_secret_is_another_signature() {
        let sum = |secret: u8, at, body: &str| {
            let signed = sign(&Secret::new([secret; 32]), at, body.as_bytes());
            signed.split_once(",v1=").unwrap().1.to_owned()
        };
        let one = sum(1, 10, "x");
        for other in [sum(2, 10, "x"), sum(1, 11, "x"), sum(1, 10, "y"), sum(1, 1, "0.x")] {
            assert_ne!(one, other);
        }
    }
}
