/// What can go wrong with a document's bytes.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The bytes are not what they should be; nothing was changed.
    #[error("the {what} is malformed")]
    Malformed {
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The update holds work of a client, but not what that client did before it;
    /// nothing was changed.
    #[error("the work of client {client} is missing from clock {clock} on")]
    Gap { client: u64, clock: u32 },
    /// The update failed half-way: the document is not to be trusted any more
    /// and must be built anew.
    #[error("the document broke while an update was applied")]
    Broken {
        #[source]
        source: yrs::error::UpdateError,
    },
}
