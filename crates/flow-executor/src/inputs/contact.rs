use super::{Refusal, refuse};
use crate::value::Value;

/// RFC 5321, section 4.5.3.1.
const EMAIL_BYTES_MAX: usize = 254;
const URL_BYTES_MAX: usize = 2_048;

pub(super) fn email(text: &str) -> Result<Value, Refusal> {
    let text = text.trim();
    if !is_email(text) {
        return Err(refuse("no_email", "This does not look like an e-mail address."));
    }
    // Only the domain is the same in small and large letters.
    let (local, domain) = text.rsplit_once('@').expect("it was just seen");
    Ok(Value::text(format!("{local}@{}", domain.to_lowercase())))
}

/// As browsers judge it (HTML, section 4.10.5.1.5), and with a dot in the domain.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_local = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= EMAIL_BYTES_MAX
        && (1..=64).contains(&local.len())
        && local.chars().all(is_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

pub(super) fn url(text: &str) -> Result<Value, Refusal> {
    let text = text.trim();
    let refused = || refuse("no_url", "This does not look like a web address.");
    if text.len() > URL_BYTES_MAX || text.contains(char::is_whitespace) {
        return Err(refused());
    }
    // As people write it: without what every address begins with.
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&with_scheme).map_err(|_| refused())?;
    let is_named =
        url.host_str().is_some_and(|host| host.contains('.') || host == "localhost" || host.contains(':'));
    if !matches!(url.scheme(), "http" | "https") || !is_named {
        return Err(refused());
    }
    Ok(Value::text(url.to_string()))
}

/// Stored as E.164.
pub(super) fn phone(text: &str, country: Option<phonenumber::country::Id>) -> Result<Value, Refusal> {
    let refused = || {
        let hint = if country.is_none() { " Begin it with + and the country's code." } else { "" };
        refuse("no_phone", format!("This does not look like a phone number.{hint}"))
    };
    let text = text.trim();
    // The library looks for a number inside of a text; here the whole reply is one.
    let is_written = |c: char| c.is_ascii_digit() || "+()-./ \u{a0}".contains(c);
    if text.len() > 40 || !text.chars().all(is_written) {
        return Err(refused());
    }
    let number = phonenumber::parse(country, text).map_err(|_| refused())?;
    if !number.is_valid() {
        return Err(refused());
    }
    Ok(Value::text(number.format().mode(phonenumber::Mode::E164).to_string()))
}
