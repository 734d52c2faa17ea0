//! A flow, as addresses that people see name it: by its id or its slug.

use std::str::FromStr;

use flow_base::{FlowId, Slug, SlugError};
use utoipa::openapi::{RefOr, Schema};

use crate::app::App;
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::Named;

/// The text of a segment that names a flow.
#[derive(Debug, Clone)]
pub(crate) enum FlowName {
    Id(FlowId),
    Slug(Slug),
}

impl FromStr for FlowName {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        match text.parse() {
            Ok(flow) => Ok(Self::Id(flow)),
            Err(_) => Slug::typed(text).map(Self::Slug),
        }
    }
}

impl Named for FlowName {
    const NAME: &'static str = "flow_id";
    const KIND: &'static str = "flow";
    const DESCRIPTION: &'static str = "The flow: its id, or its slug.";

    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(fields::flow_address()))
    }
}

impl FlowName {
    /// Whether the caller may know of it is still to be asked.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] when no flow is called so; as of the store.
    pub(crate) async fn flow(self, app: &App) -> Result<FlowId, ApiError> {
        match self {
            Self::Id(flow) => Ok(flow),
            Self::Slug(slug) => app.store().flow_called(&slug).await?.ok_or(ApiError::NotFound("flow")),
        }
    }
}
