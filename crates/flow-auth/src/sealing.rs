use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use flow_base::Secret;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::KeyError;
use crate::token::KEY_BYTES_MIN;

/// Of the layout below.
const LAYOUT: u8 = 1;
/// By these bytes a key is known again. They tell nothing of it.
const KEY_ID_BYTES: usize = 8;
/// XChaCha20's: long enough to be drawn for each text.
const NONCE_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES;

/// Seals what is stored and must not be read from the database alone, with XChaCha20-Poly1305.
///
/// Sealed is a text as `1`, the key's id (8 bytes), the nonce (24 bytes), and what the cipher
/// makes of it. Bound to it are the first two of these and the place it is for: nothing opens at
/// another place than its own, or as another key's.
pub struct Sealing {
    current: Key,
    /// Those that came before: what they sealed opens, and nothing is sealed with them.
    earlier: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// Why something does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Its key is none of ours: another installation's, or one that was taken out of the
    /// configuration too early.
    #[error("it was sealed with a key that is not here")]
    UnknownKey,
    /// It was changed, or put where it does not belong.
    #[error("it is not as it was sealed, or was sealed for another place")]
    Changed,
}

impl Sealing {
    /// From keys of any form; what seals is derived from them, so that a key that also signs
    /// tokens can be one.
    ///
    /// # Errors
    /// [`KeyError::TooShort`] below 32 bytes.
    pub fn new(current: &Secret<Vec<u8>>, earlier: &[Secret<Vec<u8>>]) -> Result<Self, KeyError> {
        let earlier = earlier.iter().map(Key::of).collect::<Result<_, _>>()?;
        Ok(Self { current: Key::of(current)?, earlier })
    }

    /// # Panics
    /// Never: no text that fits memory is too long for the cipher.
    #[must_use]
    pub fn seal(&self, place: &[u8], text: &Secret<String>) -> Vec<u8> {
        let Key { id, cipher } = &self.current;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let mut sealed = vec![LAYOUT];
        sealed.extend_from_slice(id);
        let bound = bound(&sealed, place);
        let payload = Payload { msg: text.expose().as_bytes(), aad: &bound };
        let encrypted = cipher.encrypt(&XNonce::from(nonce), payload);
        sealed.extend_from_slice(&nonce);
        sealed.extend(encrypted.expect("no text that fits memory is too long for the cipher"));
        sealed
    }

    /// # Errors
    /// [`UnsealError`].
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Secret<String>, UnsealError> {
        let key = self.key_of(sealed).ok_or(UnsealError::UnknownKey)?;
        let (head, rest) = sealed.split_at(HEAD_BYTES);
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(UnsealError::Changed)?;
        let payload = Payload { msg: encrypted, aad: &bound(head, place) };
        let opened = key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| UnsealError::Changed)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| UnsealError::Changed)
    }

    /// Whether what it was sealed with is the key that seals now.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        self.key_of(sealed).is_some_and(|key| key.id == self.current.id)
    }

    fn key_of(&self, sealed: &[u8]) -> Option<&Key> {
        let (layout, rest) = sealed.split_first()?;
        let id = rest.first_chunk::<KEY_ID_BYTES>().filter(|_| *layout == LAYOUT)?;
        std::iter::once(&self.current).chain(&self.earlier).find(|key| key.id == *id)
    }
}

impl Key {
    fn of(key: &Secret<Vec<u8>>) -> Result<Self, KeyError> {
        if key.expose().len() < KEY_BYTES_MIN {
            return Err(KeyError::TooShort);
        }
        let derived = |purpose: &[u8]| -> [u8; 32] {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
            mac.update(purpose);
            mac.finalize().into_bytes().into()
        };
        // Neither is a purpose of `TokenKeys::keyed_hash`, which has a zero byte in what it hashes.
        let cipher = XChaCha20Poly1305::new(&derived(b"interflow seals with this").into());
        let id = derived(b"interflow knows the sealing key by this");
        Ok(Self { id: *id.first_chunk().expect("a digest is longer than an id"), cipher })
    }
}

/// The head has a fixed length, so that no two pairs are one.
fn bound(head: &[u8], place: &[u8]) -> Vec<u8> {
    [head, place].concat()
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealing(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Secret<Vec<u8>> {
        Secret::new(vec![byte; 32])
    }

    fn sealing(current: u8, earlier: &[u8]) -> Sealing {
        let earlier: Vec<_> = earlier.iter().copied().map(key).collect();
        Sealing::new(&key(current), &earlier).unwrap()
    }

    fn text(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn what_was_sealed_opens_at_its_place_and_nowhere_else() {
        let sealing = sealing(1, &[]);
        for secret in ["", "s3cret", "größe 🔑", &"x".repeat(100_000)] {
            let sealed = sealing.seal(b"here", &text(secret));
            assert_eq!(sealing.open(b"here", &sealed).unwrap().expose(), secret);
            for place in [&b"there"[..], b"", b"her", b"here "] {
                assert_eq!(sealing.open(place, &sealed), Err(UnsealError::Changed));
            }
            assert!(secret.is_empty() || !String::from_utf8_lossy(&sealed).contains(secret));
        }
        let again = sealing.seal(b"here", &text("s3cret"));
        assert_ne!(again, sealing.seal(b"here", &text("s3cret")), "nobody sees that two are alike");
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealing = sealing(1, &[]);
        let sealed = sealing.seal(b"here", &text("s3cret"));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let expected = if at < HEAD_BYTES { UnsealError::UnknownKey } else { UnsealError::Changed };
            assert_eq!(sealing.open(b"here", &changed), Err(expected), "byte {at}");
            assert!(sealing.open(b"here", &sealed[..at]).is_err(), "the first {at}");
        }
        assert_eq!(sealing.open(b"here", &[&sealed[..], &[0]].concat()), Err(UnsealError::Changed));
    }

    #[test]
    fn what_an_earlier_key_sealed_opens_and_the_present_one_seals() {
        let sealed = sealing(1, &[]).seal(b"here", &text("s3cret"));
        let both = sealing(2, &[1]);
        assert_eq!(both.open(b"here", &sealed).unwrap().expose(), "s3cret");
        assert!(!both.is_current(&sealed));
        let anew = both.seal(b"here", &text("s3cret"));
        assert!(both.is_current(&anew));
        assert_eq!(sealing(2, &[]).open(b"here", &anew).unwrap().expose(), "s3cret");
        assert_eq!(sealing(2, &[]).open(b"here", &sealed), Err(UnsealError::UnknownKey));
    }

    #[test]
    fn a_short_key_seals_nothing() {
        let short = Secret::new(vec![1; 31]);
        assert_eq!(Sealing::new(&short, &[]).unwrap_err(), KeyError::TooShort);
        assert_eq!(Sealing::new(&key(1), &[short]).unwrap_err(), KeyError::TooShort);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", sealing(1, &[])), "Sealing(…)");
    }
}
