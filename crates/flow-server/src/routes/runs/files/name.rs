//! What files are called.

use std::fmt::Write as _;

use axum::http::HeaderValue;

use crate::error::ApiError;

pub(super) const NAME_CHARS_MAX: usize = 255;

/// The name without the folders before it, and without what would make it look like another.
///
/// # Errors
/// [`ApiError::Invalid`] where nothing is left of it, or it is too long.
pub(super) fn read(given: &str) -> Result<String, ApiError> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let name = name.trim();
    if name.is_empty() || [".", ".."].contains(&name) {
        return Err(ApiError::invalid("name", "says what the file is called"));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(ApiError::invalid("name", format!("has at most {NAME_CHARS_MAX} characters")));
    }
    Ok(name.to_owned())
}

/// Turns the direction of what follows, or is not seen: with it `photognp.exe` can be read as
/// `photoexe.png`.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// To be saved under this name, also by clients that know no other than ASCII (RFC 6266).
pub(super) fn disposition(name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_alphanumeric() || " !#$&+-.^_`|~()[]{}@=,".contains(c);
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut whole = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            whole.push(char::from(byte));
        } else {
            write!(whole, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    HeaderValue::try_from(whole).expect("it is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_last_part_and_all_of_it_is_seen() {
        for (given, name) in [
            ("photo.png", "photo.png"),
            (r"C:\Users\Ann\größe 1.pdf", "größe 1.pdf"),
            ("../../etc/passwd", "passwd"),
            ("photo\u{202e}gnp.exe", "photognp.exe"),
            ("a\r\nSet-Cookie: b\0.txt", "aSet-Cookie: b.txt"),
            (" 雪.txt ", "雪.txt"),
        ] {
            assert_eq!(read(given).unwrap(), name, "{given:?}");
        }
        for nothing in ["", " ", "/", "a/", "..", ".", "\u{200b}", "\n"] {
            assert!(read(nothing).is_err(), "{nothing:?}");
        }
        assert!(read(&"ä".repeat(NAME_CHARS_MAX)).is_ok());
        assert!(read(&"a".repeat(NAME_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn any_name_can_be_said_in_a_header() {
        assert_eq!(
            disposition("a \"b\"; größe.pdf"),
            "attachment; filename=\"a _b__ gr__e.pdf\"; filename*=UTF-8''a%20%22b%22%3B%20gr%C3%B6%C3%9Fe.pdf"
        );
        assert_eq!(disposition("雪"), "attachment; filename=\"_\"; filename*=UTF-8''%E9%9B%AA");
        assert_eq!(disposition("100%.txt"), "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt");
    }
}
