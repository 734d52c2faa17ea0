use crate::identity::{EMAIL_BYTES_MAX, NAME_CHARS_MAX};
use crate::password::{CHARS_MAX, CHARS_MIN};
use crate::token::KEY_BYTES_MIN;

/// Why what somebody gave at registration cannot be used. The texts are meant
/// for that person, and repeat nothing of what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("a password has at least {CHARS_MIN} characters")]
    PasswordTooShort,
    #[error("a password has at most {CHARS_MAX} characters")]
    PasswordTooLong,
    #[error("an e-mail address looks like name@example.org, in plain ASCII letters")]
    EmailMalformed,
    #[error("an e-mail address has at most {EMAIL_BYTES_MAX} characters")]
    EmailTooLong,
    #[error("a name has at least one character")]
    NameEmpty,
    #[error("a name has at most {NAME_CHARS_MAX} characters")]
    NameTooLong,
    #[error("a name has no invisible or control characters")]
    NameInvisible,
    /// The machine has no randomness or no memory to hash with.
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
}

/// Why an access or refresh token is refused. Without a source: a parser's
/// error may quote the token, and tokens never reach a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good until a moment ago: refresh it.
    #[error("the token has expired")]
    Expired,
    /// It is none of ours: sign in.
    #[error("the token is not valid")]
    Invalid,
}

/// Why a key cannot sign tokens, or seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key has at least {KEY_BYTES_MIN} bytes")]
    TooShort,
}
