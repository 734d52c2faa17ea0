/// Why a request to the server did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered, with an error of its own.
    #[error("{message} ({status} {code})")]
    Refused { status: u16, code: String, message: String },
    /// No answer, or none that can be read.
    #[error("could not reach the server")]
    Transport(#[source] reqwest::Error),
    #[error("{0:?} is not an address of a server")]
    BadUrl(String),
    #[error("sign in first")]
    SignedOut,
}
