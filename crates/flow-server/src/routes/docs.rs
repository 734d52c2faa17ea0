use std::sync::{Arc, LazyLock};

use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::Config;

use crate::error::ApiError;
use crate::segment::{Named, Segment};

const INDEX: &str = "/api/docs/index.html";

/// A file of the page.
#[derive(Debug)]
pub(crate) struct DocsFile(String);

impl std::str::FromStr for DocsFile {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl Named for DocsFile {
    const NAME: &'static str = "file";
    const KIND: &'static str = "page";
    const DESCRIPTION: &'static str = "A file of the page, which begins at `index.html`.";

    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        <String as utoipa::PartialSchema>::schema()
    }
}

/// `GET /api/docs`: leads to the page that shows this document.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "getDocs",
    tag = "server",
    responses((status = 303, headers(("Location" = String, description = "Of the page.")))),
    security(())
)]
pub(crate) async fn index() -> Redirect {
    Redirect::to(INDEX)
}

/// `GET /api/docs/{file}`: the page that shows this document, and its parts.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "getDocsFile",
    tag = "server",
    params(Segment<DocsFile>),
    responses((status = 200, content_type = "*/*", body = String)),
    security(())
)]
pub(crate) async fn file(Segment(DocsFile(name)): Segment<DocsFile>) -> Result<Response, ApiError> {
    // Nothing is fetched from elsewhere: without this the page would ask a service whether
    // the document is right.
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        Arc::new(Config::from("/api/openapi.json").validator_url("none").display_operation_id(true))
    });
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG));
    let file = file.map_err(|error| ApiError::internal(Unserved(error.to_string())))?;
    let file = file.ok_or(ApiError::NotFound(DocsFile::KIND))?;
    let headers = [(header::CONTENT_TYPE, file.content_type), (header::CACHE_CONTROL, "no-cache".to_owned())];
    Ok((headers, file.bytes.into_owned()).into_response())
}

/// The page could not be put together.
#[derive(Debug, thiserror::Error)]
#[error("the page of the API's document cannot be served: {0}")]
struct Unserved(String);
