//! How much a flow's words about itself may be, where programs give them.

use flow_model::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, TAGS_MAX};

use crate::error::ApiError;

pub(super) fn check_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    match name.chars().count() {
        0 => Err(ApiError::invalid("name", "is empty")),
        1..=NAME_CHARS_MAX => Ok(name.to_owned()),
        _ => Err(ApiError::invalid("name", format!("has more than {NAME_CHARS_MAX} characters"))),
    }
}

pub(super) fn check_description(description: Option<&str>) -> Result<(), ApiError> {
    let too_long = |text: &str| text.chars().nth(DESCRIPTION_CHARS_MAX).is_some();
    if description.is_some_and(too_long) {
        let message = format!("has more than {DESCRIPTION_CHARS_MAX} characters");
        return Err(ApiError::invalid("description", message));
    }
    Ok(())
}

pub(super) fn check_tags(tags: Option<&[String]>) -> Result<(), ApiError> {
    if tags.is_some_and(|tags| tags.len() > TAGS_MAX) {
        return Err(ApiError::invalid("tags", format!("has more than {TAGS_MAX} tags")));
    }
    Ok(())
}
