use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flow_base::Secret;
use sha2::{Digest as _, Sha256};

use crate::TokenError;

/// 256 bits: beyond guessing, so a plain hash of it is safe to store.
const RANDOM_BYTES: usize = 32;
/// Of a mistyped or cut one the store is not asked, and a scanner that has found one knows
/// that it is none by chance.
const CHECK_BYTES: usize = 4;
const BYTES: usize = RANDOM_BYTES + CHECK_BYTES;

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Secret<String>);

        impl $name {
            /// So that people and secret scanners see what it is.
            const PREFIX: &str = $prefix;

            /// A fresh one, from the operating system's seeded generator.
            #[must_use]
            pub fn generate() -> Self {
                Self(Secret::new(generate(Self::PREFIX)))
            }

            /// Whether a text means to be one.
            #[must_use]
            pub fn is_meant_by(text: &str) -> bool {
                text.starts_with(Self::PREFIX)
            }

            /// # Errors
            /// [`TokenError::Invalid`] for a text that [`Self::generate`] never makes.
            pub fn parse(text: &str) -> Result<Self, TokenError> {
                verify(Self::PREFIX, text)?;
                Ok(Self(Secret::new(text.to_owned())))
            }

            /// As it is given out.
            #[must_use]
            pub fn to_text(&self) -> Secret<String> {
                self.0.clone()
            }

            /// SHA-256 of the text, as it is stored and looked up.
            #[must_use]
            pub fn hash(&self) -> [u8; 32] {
                Sha256::digest(self.0.expose()).into()
            }
        }
    )*};
}

tokens! {
    /// The secret with which a program acts for its owner. Shown once; the store keeps only
    /// its hash.
    ApiKey = "ifk_";
    /// With it anybody may do with a flow what the share link says. Shown once.
    LinkToken = "ifl_";
    /// With it whoever has an account may join a workspace. Shown once.
    InvitationToken = "ifi_";
}

fn generate(prefix: &str) -> String {
    let random: [u8; RANDOM_BYTES] = rand::random();
    let mut bytes = [0; BYTES];
    bytes[..RANDOM_BYTES].copy_from_slice(&random);
    bytes[RANDOM_BYTES..].copy_from_slice(&check(&random));
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn verify(prefix: &str, text: &str) -> Result<(), TokenError> {
    let encoded = text.strip_prefix(prefix).ok_or(TokenError::Invalid)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Invalid)?;
    let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| TokenError::Invalid)?;
    let (random, checked) = bytes.split_at(RANDOM_BYTES);
    if check(random) == *checked { Ok(()) } else { Err(TokenError::Invalid) }
}

fn check(random: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::digest(random).into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text() {
        let key = ApiKey::generate();
        let text = key.to_text();
        assert_eq!(text.expose().len(), 52);
        assert!(ApiKey::is_meant_by(text.expose()));
        assert_eq!(ApiKey::parse(text.expose()).as_ref(), Ok(&key));
        assert_eq!(ApiKey::parse(text.expose()).unwrap().hash(), key.hash());
    }

    #[test]
    fn keys_and_their_hashes_differ() {
        let (one, two) = (ApiKey::generate(), ApiKey::generate());
        assert_ne!(one, two);
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn a_mistyped_or_cut_key_is_none() {
        let text = ApiKey::generate().to_text().into_inner();
        for place in ApiKey::PREFIX.len()..text.len() {
            let other = if &text[place..=place] == "A" { "B" } else { "A" };
            let mistyped = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            assert_eq!(ApiKey::parse(&mistyped), Err(TokenError::Invalid), "{place}");
        }
        for other in ["", "ifk_", &text[4..], &text[..51], &format!("{text}="), &text.to_uppercase()] {
            assert_eq!(ApiKey::parse(other), Err(TokenError::Invalid), "{other:?}");
        }
    }

    #[test]
    fn one_kind_is_not_another() {
        let link = LinkToken::generate().to_text().into_inner();
        assert!(LinkToken::parse(&link).is_ok());
        assert!(LinkToken::is_meant_by(&link) && !ApiKey::is_meant_by(&link));
        assert_eq!(ApiKey::parse(&link), Err(TokenError::Invalid));
        assert_eq!(InvitationToken::parse(&link), Err(TokenError::Invalid));
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", ApiKey::generate()), "ApiKey(Secret(…))");
    }
}
