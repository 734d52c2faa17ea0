use crate::CredentialError;

/// What SMTP can carry (RFC 5321, 4.5.3.1.3, without the brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
/// RFC 5321, 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// RFC 1035, 2.3.4.
const LABEL_BYTES_MAX: usize = 63;
/// Room for any real name, and still a label beside a cursor.
pub const NAME_CHARS_MAX: usize = 80;

/// An address in the one spelling under which it is stored and compared.
///
/// ASCII only, so that no two addresses look alike; a domain in other letters
/// has an ASCII form, which is accepted. Whether mail arrives there, only a
/// mail can tell.
///
/// # Errors
/// [`CredentialError::EmailMalformed`], [`CredentialError::EmailTooLong`].
pub fn normalise_email(text: &str) -> Result<String, CredentialError> {
    let text = text.trim();
    if text.len() > EMAIL_BYTES_MAX {
        return Err(CredentialError::EmailTooLong);
    }
    match text.split_once('@') {
        Some((local, domain)) if is_local_part(local) && is_domain(domain) => Ok(text.to_ascii_lowercase()),
        _ => Err(CredentialError::EmailMalformed),
    }
}

/// A person's name as others will see it.
///
/// # Errors
/// [`CredentialError::NameEmpty`], [`CredentialError::NameTooLong`], and
/// [`CredentialError::NameInvisible`] for characters with which one name can
/// pass for another or reverse the text around it.
pub fn display_name(text: &str) -> Result<String, CredentialError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialError::NameEmpty);
    }
    if text.chars().count() > NAME_CHARS_MAX {
        return Err(CredentialError::NameTooLong);
    }
    if text.chars().any(is_invisible) {
        return Err(CredentialError::NameInvisible);
    }
    Ok(text.to_owned())
}

/// The dot-atom of RFC 5322, 3.2.3. Its quoted form is legal and unused.
fn is_local_part(text: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    text.len() <= LOCAL_BYTES_MAX && text.split('.').all(is_atom)
}

/// Two labels at least: a bare host name is more often a typo than a domain.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(is_label)
}

/// Control characters, and the formatting ones that show nothing themselves.
/// The joiners U+200C and U+200D are not among them: Persian names and emoji
/// are spelt with them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for text in ["ann@example.org", " Ann@Example.ORG ", "ANN@EXAMPLE.ORG\n"] {
            assert_eq!(normalise_email(text).as_deref(), Ok("ann@example.org"));
        }
        assert_eq!(
            normalise_email("a.b+c@xn--bcher-kva.example").as_deref(),
            Ok("a.b+c@xn--bcher-kva.example")
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "b".repeat(64));
        for text in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.org",
            "ann@localhost",
            "a@b@example.org",
            "a b@example.org",
            "ann@exa mple.org",
            ".ann@example.org",
            "ann.@example.org",
            "a..b@example.org",
            "ann@example..org",
            "ann@.org",
            "ann@-example.org",
            "ann@example-.org",
            "ann@example.org.",
            "änn@example.org",
            "ann@exämple.org",
            "ann\0@example.org",
            "<ann@example.org>",
            "\"ann\"@example.org",
            "ann@[127.0.0.1]",
            &long_local,
            &long_label,
        ] {
            assert_eq!(normalise_email(text), Err(CredentialError::EmailMalformed), "{text:?}");
        }
        let long = format!("a@{}org", "label.".repeat(50));
        assert_eq!(normalise_email(&long), Err(CredentialError::EmailTooLong));
    }

    #[test]
    fn names_of_any_script_are_accepted() {
        for name in ["Ann", "Ann O'Neil-Sørensen", "田中 さくら", "می\u{200c}نا", "👩\u{200d}🚀 Jo"]
        {
            assert_eq!(display_name(&format!("  {name} ")).as_deref(), Ok(name));
        }
        let longest = "ß".repeat(NAME_CHARS_MAX);
        assert_eq!(display_name(&longest).as_deref(), Ok(&*longest));
    }

    #[test]
    fn names_that_hide_something_are_refused() {
        assert_eq!(display_name(" \t "), Err(CredentialError::NameEmpty));
        assert_eq!(display_name(&"n".repeat(NAME_CHARS_MAX + 1)), Err(CredentialError::NameTooLong));
        for name in ["Ann\nBen", "Ann\u{202e}neB", "Ann\u{200b}", "\u{2066}Ann", "A\u{0}n", "Ann\u{feff}Ben"]
        {
            assert_eq!(display_name(name), Err(CredentialError::NameInvisible), "{name:?}");
        }
    }
}
