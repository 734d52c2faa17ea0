use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{FlowId, Slug};

use crate::{Origin, StoreError};

/// What flows are called in addresses. A slug stays its flow's while that is deleted and may
/// be restored, so that no address comes to lead elsewhere meanwhile, and is free when the
/// flow is purged.
#[async_trait]
pub trait SlugStore: Debug + Send + Sync + 'static {
    /// Gives the flow this slug in place of the one it has, or takes that away; answers whether
    /// anything changed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another flow has it; [`StoreError::UnknownFlow`], also when
    /// the flow is deleted; [`StoreError::Backend`].
    async fn set_slug(&self, flow: FlowId, slug: Option<&Slug>, by: &Origin) -> Result<bool, StoreError>;

    /// The flow that is called so; none while it is deleted. Whether the caller may know of it is
    /// for the caller to ask.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flow_called(&self, slug: &Slug) -> Result<Option<FlowId>, StoreError>;
}
