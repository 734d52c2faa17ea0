/// Why a request to the server did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered, with an error of its own.
    #[error("{message} ({status} {code})")]
    Refused { status: u16, code: String, message: String },
    /// No answer, or none that can be read.
    #[error("could not reach the server")]
    Transport(#[source] reqwest::Error),
    /// An event of a stream that has another form than this client knows.
    #[error("could not read what the server told")]
    Unreadable(#[source] serde_json::Error),
    #[error("{0:?} is not an address of a server")]
    BadUrl(String),
    /// What the server sent could not be written where it was to go.
    #[error("could not write what the server sent")]
    Write(#[source] std::io::Error),
    #[error("sign in first")]
    SignedOut,
}
