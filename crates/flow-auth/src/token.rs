use std::fmt;
use std::time::Duration;

use flow_base::{Secret, SessionId, Timestamp, UserId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{KeyError, TokenError};

/// As many as HMAC-SHA256 puts out (RFC 7518, 3.2).
pub(crate) const KEY_BYTES_MIN: usize = 32;
/// Short, because a token that leaked works until then on plain requests; open
/// sockets follow the sign-in itself.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How far the clocks of two nodes may be apart.
const LEEWAY: Duration = Duration::from_secs(10);
/// Type and audience say what the token is for, so that no other text signed
/// with the same key passes for one (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";
const AUDIENCE: &str = "interflow";

/// What an access token says, once it has been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    pub user: UserId,
    pub session: SessionId,
    pub expires_at: Timestamp,
}

/// Signs and verifies access tokens: JWT with HMAC-SHA256.
#[derive(Clone)]
pub struct TokenKeys {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    /// For what else depends on the key.
    secret: Secret<Vec<u8>>,
}

impl TokenKeys {
    /// # Errors
    /// [`KeyError::TooShort`] below 32 bytes.
    pub fn new(key: &Secret<Vec<u8>>) -> Result<Self, KeyError> {
        if key.expose().len() < KEY_BYTES_MIN {
            return Err(KeyError::TooShort);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["aud", "exp", "sub"]);
        // That would read the machine's clock; `verify` is given the time.
        validation.validate_exp = false;
        Ok(Self {
            signing: EncodingKey::from_secret(key.expose()),
            verifying: DecodingKey::from_secret(key.expose()),
            validation,
            secret: key.clone(),
        })
    }

    /// What nobody can compute who has not the key, the same for all servers that have it:
    /// HMAC-SHA256 of a purpose, so that no two purposes meet, and the data.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn keyed_hash(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.expose()).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        mac.finalize().into_bytes().into()
    }

    /// A fresh key, for a server that was given none.
    #[must_use]
    pub fn generate_key() -> Secret<Vec<u8>> {
        Secret::new(rand::random::<[u8; KEY_BYTES_MIN]>().to_vec())
    }

    /// How long a token is valid, for the clients to know when to refresh.
    #[must_use]
    pub const fn lifetime() -> Duration {
        LIFETIME
    }

    #[must_use]
    pub fn issue(&self, user: UserId, session: SessionId, now: Timestamp) -> Secret<String> {
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let claims = WireClaims {
            sub: user,
            sid: session,
            aud: AUDIENCE.to_owned(),
            iat: now.as_second(),
            exp: now.as_second().saturating_add(LIFETIME.as_secs().cast_signed()),
        };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing);
        Secret::new(token.expect("ids and numbers serialise, and HMAC takes keys of any length"))
    }

    /// # Errors
    /// [`TokenError::Expired`] for a token that was good until 15 minutes after
    /// its issue; [`TokenError::Invalid`] for everything else.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let token = jsonwebtoken::decode::<WireClaims>(token, &self.verifying, &self.validation)
            .map_err(|_| TokenError::Invalid)?;
        if token.header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::Invalid);
        }
        let expires_at = Timestamp::from_second(token.claims.exp).map_err(|_| TokenError::Invalid)?;
        if now.duration_since(expires_at) >= LEEWAY.try_into().expect("a leeway of seconds") {
            return Err(TokenError::Expired);
        }
        Ok(Claims { user: token.claims.sub, session: token.claims.sid, expires_at })
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

#[derive(Serialize, Deserialize)]
struct WireClaims {
    sub: UserId,
    sid: SessionId,
    aud: String,
    iat: i64,
    exp: i64,
}

#[cfg(test)]
mod tests;
