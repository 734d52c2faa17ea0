//! What may name a node, an edge, an item or a key of the document.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ID_LENGTH_MAX;

/// Whether a text may be an id or a key: 1 to 64 characters, no control
/// characters, no `/` (it separates the parts of a field's path), and not
/// `__proto__`, which would change what JavaScript objects keyed by it are.
#[must_use]
pub fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text != "__proto__"
        && text.chars().all(|char| !char.is_control() && char != '/')
        && text.chars().nth(ID_LENGTH_MAX).is_none()
}

/// Whether a text may name a variable: what an expression can name.
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
        && is_key(text)
}

/// The id of an edge, which its ends decide, so that two people who draw the
/// same edge draw one: base64url without padding of the first 16 bytes of SHA-256
/// of `JSON.stringify([source, sourceHandle ?? "", target, targetHandle ?? ""])`.
#[must_use]
pub fn edge_id(
    source: &str,
    source_handle: Option<&str>,
    target: &str,
    target_handle: Option<&str>,
) -> String {
    let ends = [source, source_handle.unwrap_or(""), target, target_handle.unwrap_or("")];
    // serde_json escapes texts exactly as JSON.stringify does.
    let text = serde_json::to_string(&ends).expect("an array of texts is JSON");
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16])
}

/// A fresh id for a node or an item: short, and random enough that two people
/// never draw the same in one flow.
pub(crate) fn random_id() -> String {
    let bytes = Uuid::new_v4().into_bytes();
    // Bytes 6 and 8 of a UUID are not all random.
    URL_SAFE_NO_PAD
        .encode([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[9], bytes[10], bytes[11]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_ids_are_those_javascript_computes() {
        // From node: createHash('sha256').update(JSON.stringify([…])).digest()
        //   .subarray(0, 16).toString('base64url')
        for (source, source_handle, target, target_handle, id) in [
            ("a", None, "b", None, "pKXZh2KaEuUVKaPPcETmmQ"),
            ("start-1", Some("out"), "ask", None, "V6YSEn6Gv_pGkk9vcWXhoQ"),
            ("q\u{22}uote", Some("else"), "back\u{5c}slash", Some("in"), "Nr2QWSI1zUAkJtzlk-bs_w"),
            ("größe", Some("ja"), "日本", Some("🙂"), "5lp9awi-Hs0DjBNan3sgFw"),
            (
                "line\u{2028}sep",
                Some("tab\u{9}here"),
                "\u{1}\u{8}\u{c}\u{a}\u{d}",
                Some("\u{7f}"),
                "64Fa6QZME-4Q2kOightxew",
            ),
        ] {
            assert_eq!(edge_id(source, source_handle, target, target_handle), id);
        }
    }

    #[test]
    fn keys_that_would_harm_a_reader_are_refused() {
        for key in ["", "__proto__", "a/b", "a\nb", "\u{0}", "\u{85}", &"x".repeat(65)] {
            assert!(!is_key(key), "{key:?}");
        }
        for key in ["a", "start-1", "ünï", "node 1", "🙂", &"x".repeat(64)] {
            assert!(is_key(key), "{key:?}");
        }
    }

    #[test]
    fn variables_have_names_an_expression_can_use() {
        for name in ["a", "_x", "order_2"] {
            assert!(is_variable_name(name), "{name}");
        }
        for name in ["", "2a", "a-b", "ä", "a b"] {
            assert!(!is_variable_name(name), "{name}");
        }
    }
}
