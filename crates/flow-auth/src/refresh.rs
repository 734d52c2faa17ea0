use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flow_base::Secret;
use sha2::{Digest as _, Sha256};

use crate::TokenError;

/// 256 bits: beyond guessing, so a plain hash of it is safe to store.
const BYTES: usize = 32;

/// The secret with which a sign-in gets its next access token. Used once; the
/// store keeps only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken(Secret<[u8; BYTES]>);

impl RefreshToken {
    /// A fresh one, from the operating system's seeded generator.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(rand::random()))
    }

    /// # Errors
    /// [`TokenError::Invalid`] for a text that [`Self::to_text`] never makes.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Invalid)?;
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| TokenError::Invalid)?;
        Ok(Self(Secret::new(bytes)))
    }

    /// As its owner is given it: base64url without padding.
    #[must_use]
    pub fn to_text(&self) -> Secret<String> {
        Secret::new(BASE64_URL_SAFE_NO_PAD.encode(self.0.expose()))
    }

    /// SHA-256, as it is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_from_its_text() {
        let token = RefreshToken::generate();
        let text = token.to_text();
        assert_eq!(text.expose().len(), 43);
        assert_eq!(RefreshToken::parse(text.expose()), Ok(token));
    }

    #[test]
    fn tokens_and_their_hashes_differ() {
        let (one, two) = (RefreshToken::generate(), RefreshToken::generate());
        assert_ne!(one, two);
        assert_ne!(one.hash(), two.hash());
        assert_eq!(one.hash(), one.clone().hash());
    }

    #[test]
    fn a_text_of_another_form_is_no_token() {
        let text = RefreshToken::generate().to_text().into_inner();
        for other in ["", "x", &text[1..], &format!("{text}="), &format!("{text}AAAA"), &format!(" {text}")] {
            assert_eq!(RefreshToken::parse(other), Err(TokenError::Invalid), "{other:?}");
        }
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = RefreshToken::parse(&"A".repeat(43)).unwrap();
        assert_eq!(format!("{token:?}"), "RefreshToken(Secret(…))");
    }
}
