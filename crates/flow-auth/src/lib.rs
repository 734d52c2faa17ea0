//! Who somebody is, and what they may do.
//!
//! This crate owns passwords, tokens, what is sealed, and the one table that maps roles to
//! permissions. It refuses to know HTTP, sockets and storage: it is given texts
//! and moments, and answers with values.
//!
//! Start with [`Permission`], which every handler and every socket asks; then
//! [`TokenKeys`] and [`RefreshToken`] for how a sign-in lives on, and [`ApiKey`] for programs.

mod error;
mod identity;
mod key;
pub mod password;
mod permission;
mod refresh;
mod sealing;
mod token;

pub use error::{CredentialError, KeyError, TokenError};
pub use identity::{EMAIL_BYTES_MAX, NAME_CHARS_MAX, display_name, normalise_email};
pub use key::{ApiKey, InvitationToken, LinkToken};
pub use password::{CHARS_MAX as PASSWORD_CHARS_MAX, CHARS_MIN as PASSWORD_CHARS_MIN};
pub use permission::Permission;
pub use refresh::RefreshToken;
pub use sealing::{Sealing, UnsealError};
pub use token::{Claims, TokenKeys};
