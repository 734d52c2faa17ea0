//! What a file is, judged by what is in it.
//!
//! Text is told from everything else first: a text that begins with `BM` is no picture. Of text a
//! few kinds show in what it says; others (CSV, Markdown) only in the name, which may choose
//! among texts and nothing else. What is no text is what its first bytes say, or unknown.

use std::borrow::Cow;
use std::path::Path;

use serde::de::IgnoredAny;

const UNKNOWN: &str = "application/octet-stream";

/// By the end of the name, of what is text and nothing else that shows.
const TEXTS: [(&str, &str); 14] = [
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("eml", "message/rfc822"),
    ("ics", "text/calendar"),
    ("js", "text/javascript"),
    ("markdown", "text/markdown"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("sh", "text/x-shellscript"),
    ("tab", "text/tab-separated-values"),
    ("tsv", "text/tab-separated-values"),
    ("vcf", "text/vcard"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
];

/// What is written as text and has a signature of its own.
const SIGNED_TEXTS: [&str; 4] =
    ["application/pdf", "application/postscript", "application/rtf", "text/x-shellscript"];

/// Under the names that browsers and IANA have for them.
const NAMES: [(&str, &str); 5] = [
    ("audio/m4a", "audio/mp4"),
    ("audio/x-aiff", "audio/aiff"),
    ("audio/x-flac", "audio/flac"),
    ("audio/x-wav", "audio/wav"),
    ("video/x-m4v", "video/mp4"),
];

/// The media type, without parameters.
pub(super) fn media_type(content: &[u8], name: &str) -> Cow<'static, str> {
    let signed = infer::get(content).map(|kind| kind.mime_type());
    if is_text(content) {
        let signed = signed.filter(|kind| SIGNED_TEXTS.contains(kind));
        return signed.unwrap_or_else(|| text_type(content, name)).into();
    }
    let Some(signed) = signed else { return UNKNOWN.into() };
    // Markup that is no text, as a whole, is nothing that anybody should take for markup.
    if signed.starts_with("text/") {
        return UNKNOWN.into();
    }
    NAMES.iter().find(|(known, _)| *known == signed).map_or(signed, |(_, name)| name).into()
}

/// No byte of it is one that no text has. In which encoding it is does not matter: tables are
/// still exported in those of old.
fn is_text(content: &[u8]) -> bool {
    if has_utf16_mark(content) {
        return content.len().is_multiple_of(2);
    }
    // Tabs, line ends, form feeds and, of terminals, escapes.
    let is_control = |byte: &u8| (*byte < 0x20 && !b"\t\n\x0c\r\x1b".contains(byte)) || *byte == 0x7f;
    !content.iter().any(is_control) && (str::from_utf8(content).is_ok() || infer::get(content).is_none())
}

fn has_utf16_mark(content: &[u8]) -> bool {
    content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff])
}

fn text_type(content: &[u8], name: &str) -> &'static str {
    let Ok(text) = str::from_utf8(content) else { return by_name(name) };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return "application/json";
    }
    if infer::text::is_html(text.as_bytes()) && !text.starts_with("<!--") {
        return "text/html";
    }
    match root(text) {
        Some("svg") => "image/svg+xml",
        Some("html") => "text/html",
        Some(_) if text.starts_with("<?xml") => "application/xml",
        _ => by_name(name),
    }
}

fn by_name(name: &str) -> &'static str {
    let end = Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default();
    let known = TEXTS.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    known.map_or("text/plain", |(_, kind)| kind)
}

/// The local name of the first element, behind what may stand before it.
fn root(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.get(..9).is_some_and(|begins| begins.eq_ignore_ascii_case("<!doctype")) {
            // One that declares something ends behind its declarations.
            let declares = rest.find('[').is_some_and(|at| rest.find('>').is_none_or(|end| at < end));
            if declares { "]>" } else { ">" }
        } else {
            break;
        };
        rest = &rest[rest.find(end)? + end.len()..];
    }
    let inside = rest.strip_prefix('<')?;
    let name = inside.split(|c: char| c.is_whitespace() || "/>".contains(c)).next()?;
    let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    begins.then(|| name.rsplit(':').next().unwrap_or(name))
}

#[cfg(test)]
mod tests;
