//! Passwords are hashed and tried here and nowhere else, a few at a time.

use std::net::IpAddr;

use flow_auth::password;
use flow_base::Secret;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::error::ApiError;
use crate::measures;

/// Each takes tens of milliseconds of computing and 19 MiB; more at once would
/// only be slower, and a flood of sign-ins would take all memory. Others wait.
static HASHING: Semaphore = Semaphore::const_new(4);

/// A password that somebody gives for an account.
#[derive(Debug)]
pub(crate) struct Proof<'a> {
    /// As it was given, or as the account has it.
    pub(crate) email: &'a str,
    /// `None` when there is no such account.
    pub(crate) password_hash: Option<Secret<String>>,
    pub(crate) password: Secret<String>,
    pub(crate) from: IpAddr,
}

impl Proof<'_> {
    /// Whether it is the account's password. For an account that does not exist this
    /// takes as long, and wrong tries are bounded in the same way.
    ///
    /// # Errors
    /// [`ApiError::TooManyAttempts`].
    pub(crate) async fn verify(self, app: &App) -> Result<bool, ApiError> {
        let Self { email, password_hash, password, from } = self;
        let throttled = |wait| {
            measures::sign_in_throttled();
            ApiError::TooManyAttempts(wait)
        };
        let attempt = app.throttle().attempt(email, from);
        // Who is refused anyway does not wait in line.
        app.throttle().look(attempt, app.now()).map_err(throttled)?;
        let turn = turn().await?;
        app.throttle().count(attempt, app.now()).await.map_err(throttled)?;
        let work = move || match password_hash {
            Some(hash) => password::verify(password.expose(), &hash),
            None => {
                password::verify_dummy(password.expose());
                false
            }
        };
        // Forgiven where it is found out, which nobody may be waiting for any more.
        let app = app.clone();
        let found_out = async move {
            let is_right = off_thread(turn, work).await?;
            if is_right {
                app.throttle().forgive(attempt).await;
            }
            Ok(is_right)
        };
        tokio::spawn(found_out).await.map_err(ApiError::internal)?
    }
}

/// A new password, hashed.
///
/// # Errors
/// [`ApiError::Invalid`] of this field when it is too short or too long.
pub(crate) async fn hash(field: &'static str, new: Secret<String>) -> Result<Secret<String>, ApiError> {
    password::check(new.expose()).map_err(|error| ApiError::invalid(field, error))?;
    let turn = turn().await?;
    Ok(off_thread(turn, move || password::hash(new.expose())).await??)
}

async fn turn() -> Result<SemaphorePermit<'static>, ApiError> {
    HASHING.acquire().await.map_err(ApiError::internal)
}

/// The turn goes along: work that nobody waits for any more goes on to its end.
async fn off_thread<T: Send + 'static>(
    turn: SemaphorePermit<'static>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let work = move || {
        let done = work();
        drop(turn);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
