//! What extractors read, as parameters.

use axum_extra::headers::{Header, IfMatch, IfNoneMatch};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema};

use crate::caller::{FlowPath, WorkspacePath};
use crate::routes::graph::Condition;
use crate::segment::{Named, Segment};

impl<T: Named> IntoParams for Segment<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            ParameterBuilder::new()
                .name(T::NAME)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(T::DESCRIPTION))
                .schema(Some(T::schema()))
                .build(),
        ]
    }
}

impl IntoParams for FlowPath {
    fn into_params(within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Segment::<flow_base::FlowId>::into_params(within)
    }
}

impl IntoParams for WorkspacePath {
    fn into_params(within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Segment::<flow_base::WorkspaceId>::into_params(within)
    }
}

/// A conditional header.
trait Conditional: Header {
    const DESCRIPTION: &'static str;
}

impl Conditional for IfMatch {
    const DESCRIPTION: &'static str = "The ETag that the flow has to have for the change to be made.";
}

impl Conditional for IfNoneMatch {
    const DESCRIPTION: &'static str = "ETags of what the caller has already.";
}

impl<H: Conditional> IntoParams for Condition<H> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            ParameterBuilder::new()
                .name(H::name().as_str())
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(H::DESCRIPTION))
                .schema(Some(String::schema()))
                .build(),
        ]
    }
}
