//! Passwords, hashed with Argon2id.
//!
//! [`hash`], [`verify`] and [`verify_dummy`] each take tens of milliseconds and
//! 19 MiB on purpose: call them off the async threads (`spawn_blocking`), and
//! bound how many run at a time.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use flow_base::Secret;

use crate::CredentialError;

/// NIST SP 800-63B, 3.1.1.2; what a person chose is judged by length alone.
pub const CHARS_MIN: usize = 8;
/// Enough for any passphrase; longer texts are refused before any work is done.
pub const CHARS_MAX: usize = 256;

/// The work of one hash, as OWASP's password storage sheet has it for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// A hash made with the parameters above, of no password.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether the password may be used.
///
/// # Errors
/// [`CredentialError::PasswordTooShort`], [`CredentialError::PasswordTooLong`].
pub fn check(password: &str) -> Result<(), CredentialError> {
    // Bytes first, so that a huge text is not counted through.
    if password.len() > CHARS_MAX * 4 {
        return Err(CredentialError::PasswordTooLong);
    }
    match password.chars().count() {
        ..CHARS_MIN => Err(CredentialError::PasswordTooShort),
        CHARS_MIN..=CHARS_MAX => Ok(()),
        _ => Err(CredentialError::PasswordTooLong),
    }
}

/// The password as a PHC string, with a fresh salt. Slow, see the module.
///
/// # Errors
/// As [`check`]; [`CredentialError::Hash`].
pub fn hash(password: &str) -> Result<Secret<String>, CredentialError> {
    check(password)?;
    let hash = hasher().hash_password(password.as_bytes()).map_err(CredentialError::Hash)?;
    Ok(Secret::new(hash.to_string()))
}

/// Whether this is the password that was hashed. Slow, see the module.
///
/// A stored hash that cannot be read belongs to no password: its owner is
/// locked out, and nobody is let in.
#[must_use]
pub fn verify(password: &str, hash: &Secret<String>) -> bool {
    // What was never accepted need not be hashed; so long texts cost nothing.
    check(password).is_ok() && hasher().verify_password(password.as_bytes(), hash.expose().as_str()).is_ok()
}

/// Takes as long as [`verify`] and tells nothing: for accounts that do not
/// exist, so that the answer's time does not say which do.
pub fn verify_dummy(password: &str) {
    std::hint::black_box(verify(password, &Secret::new(DUMMY.to_owned())));
}

fn hasher() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, ITERATIONS, LANES, None).expect("the parameters are in Argon2's range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_that_was_hashed_verifies() {
        let hashed = hash("correct horse").unwrap();
        assert!(verify("correct horse", &hashed));
        for other in ["correct horsf", "Correct horse", "correct horse ", "", "correct\0horse"] {
            assert!(!verify(other, &hashed), "{other:?}");
        }
    }

    #[test]
    fn each_hash_has_its_own_salt() {
        assert_ne!(hash("correct horse").unwrap(), hash("correct horse").unwrap());
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check("1234567"), Err(CredentialError::PasswordTooShort));
        assert_eq!(check("äöüßäöü"), Err(CredentialError::PasswordTooShort));
        assert_eq!(check("12345678"), Ok(()));
        assert_eq!(check(&"🚀".repeat(CHARS_MAX)), Ok(()));
        assert_eq!(check(&"a".repeat(CHARS_MAX + 1)), Err(CredentialError::PasswordTooLong));
        assert_eq!(check(&"🚀".repeat(CHARS_MAX + 1)), Err(CredentialError::PasswordTooLong));
    }

    #[test]
    fn an_unreadable_hash_lets_nobody_in() {
        for stored in ["", "hunter22", "$argon2id$v=19$m=19456,t=2,p=1$AAAA", DUMMY] {
            assert!(!verify("hunter22", &Secret::new(stored.to_owned())), "{stored}");
        }
    }

    /// The dummy costs what a real hash costs only while both have these parameters.
    #[test]
    fn the_dummy_is_a_hash_like_those_we_make() {
        let real = hash("correct horse").unwrap();
        let shape = |phc: &str| {
            let parsed = argon2::PasswordHash::new(phc).unwrap();
            let lengths = (parsed.salt.unwrap().as_ref().len(), parsed.hash.unwrap().len());
            (parsed.algorithm, parsed.version, parsed.params.to_string(), lengths)
        };
        assert_eq!(shape(DUMMY), shape(real.expose()));
        verify_dummy("correct horse");
    }
}
