/// The relay or the cache did not do what it was asked. Nothing is lost by it:
/// log it and go on with the store.
#[derive(Debug, thiserror::Error)]
#[error("could not {what}")]
pub struct ClusterError {
    pub what: &'static str,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
