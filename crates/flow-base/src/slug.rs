use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A name that a flow has in addresses, in place of its id: small letters, digits and single
/// hyphens between them. No two flows of an installation have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

/// Why a text is no slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    #[error("has 3 to 64 characters")]
    Length,
    #[error("has only small letters (a to z), digits, and single hyphens between them")]
    Form,
    /// It would be taken for an id.
    #[error("looks like an id")]
    Id,
    #[error("is reserved")]
    Reserved,
}

/// Names that addresses have, or may come to have, for something else, and those that people
/// would take for the installation's own word.
const RESERVED: &str = "about account admin administrator api app assets auth billing bot bots chat chats contact \
     current docs embed export flow flows health help import index interflow join legal login logout metrics new \
     null official preview privacy public register root security settings sign-in sign-up static status support \
     sync system terms test undefined webhook webhooks widget workspace workspaces www";

impl Slug {
    pub const CHARS_MIN: usize = 3;
    pub const CHARS_MAX: usize = 64;
    /// What its form is to ECMAScript; which are reserved it does not say.
    pub const PATTERN: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As somebody has typed an address: capitals are taken for small letters.
    ///
    /// # Errors
    /// [`SlugError`].
    pub fn typed(text: &str) -> Result<Self, SlugError> {
        text.to_ascii_lowercase().parse()
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        // All that may be in it is ASCII, so that bytes are characters.
        if !(Self::CHARS_MIN..=Self::CHARS_MAX).contains(&text.len()) {
            return Err(SlugError::Length);
        }
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
        };
        if !text.split('-').all(is_word) {
            return Err(SlugError::Form);
        }
        if Uuid::try_parse(text).is_ok() {
            return Err(SlugError::Id);
        }
        if RESERVED.split(' ').any(|reserved| reserved == text) {
            return Err(SlugError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_words_between_hyphens() {
        let longest = "a".repeat(64);
        for text in ["abc", "a-b", "123", "order-status-2", "0a1", &longest] {
            assert_eq!(text.parse::<Slug>().map(|slug| slug.to_string()), Ok(text.to_owned()));
        }
        let too_long = "a".repeat(65);
        for (text, why) in [
            ("", SlugError::Length),
            ("ab", SlugError::Length),
            (&*too_long, SlugError::Length),
            ("Abc", SlugError::Form),
            ("a b", SlugError::Form),
            ("a_b", SlugError::Form),
            ("-ab", SlugError::Form),
            ("ab-", SlugError::Form),
            ("a--b", SlugError::Form),
            ("größe", SlugError::Form),
            ("a/b", SlugError::Form),
            ("a.b", SlugError::Form),
            ("abc\n", SlugError::Form),
            ("01890a5d-ac96-774b-bcce-b302099a8057", SlugError::Id),
            ("01890a5dac96774bbcceb302099a8057", SlugError::Id),
            ("api", SlugError::Reserved),
            ("new", SlugError::Reserved),
        ] {
            assert_eq!(text.parse::<Slug>(), Err(why), "{text:?}");
        }
    }

    /// Otherwise nothing would ever meet them.
    #[test]
    fn what_is_reserved_would_be_a_slug_and_is_in_order() {
        assert!(RESERVED.split(' ').is_sorted());
        for text in RESERVED.split(' ') {
            assert_eq!(text.parse::<Slug>(), Err(SlugError::Reserved), "{text}");
        }
    }

    #[test]
    fn in_addresses_capitals_are_small_letters() {
        assert_eq!(Slug::typed("Order-Status"), "order-status".parse());
        assert_eq!(Slug::typed("API"), Err(SlugError::Reserved));
    }
}
