//! Replacing a text by the smallest edit, in UTF-16 units.

use yrs::{GetString as _, ReadTxn, Text as _, TextRef, TransactionMut};

/// Makes the text say `new` by one deletion and one insertion between what both
/// have in common at the start and at the end, so that somebody who types
/// elsewhere in it meanwhile keeps their words. Answers whether anything changed.
pub(crate) fn replace_text(txn: &mut TransactionMut<'_>, text: &TextRef, new: &str) -> bool {
    let old = text.get_string(txn);
    let (start, delete, insert) = difference(&old, new);
    if delete == 0 && insert.is_empty() {
        return false;
    }
    // A text with embedded objects counts them too, but not in its string;
    // positions behind one would be off. Replace such a text whole.
    let length = text.len(txn);
    if length != utf16(&old) {
        text.remove_range(txn, 0, length);
        text.insert(txn, 0, new);
        return true;
    }
    if delete > 0 {
        text.remove_range(txn, start, delete);
    }
    text.insert(txn, start, insert);
    true
}

/// Deletes and inserts at a position counted in UTF-16 units. Answers `false`, and
/// changes nothing, where the text is not long enough.
pub(crate) fn cut(
    txn: &mut TransactionMut<'_>,
    text: &TextRef,
    index: u32,
    delete: u32,
    insert: &str,
) -> bool {
    if u64::from(index) + u64::from(delete) > u64::from(length(txn, text)) {
        return false;
    }
    if delete > 0 {
        text.remove_range(txn, index, delete);
    }
    text.insert(txn, index, insert);
    true
}

fn length<T: ReadTxn>(txn: &T, text: &TextRef) -> u32 {
    text.len(txn)
}

/// Where `new` differs from `old`: the position and the length deleted in UTF-16
/// units, and what is inserted. Characters are never torn.
fn difference<'n>(old: &str, new: &'n str) -> (u32, u32, &'n str) {
    let prefix: usize = common(old.chars(), new.chars());
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix: usize = common(old_rest.chars().rev(), new_rest.chars().rev());
    let deleted = &old_rest[..old_rest.len() - suffix];
    (utf16(&old[..prefix]), utf16(deleted), &new_rest[..new_rest.len() - suffix])
}

/// Bytes of the characters that both begin with.
fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).map(|(char, _)| char.len_utf8()).sum()
}

pub(crate) fn utf16(text: &str) -> u32 {
    // Documents are far smaller than 4 Gi units.
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_touches_only_what_differs() {
        for (old, new, expected) in [
            ("", "abc", (0, 0, "abc")),
            ("abc", "", (0, 3, "")),
            ("abc", "abc", (3, 0, "")),
            ("hello world", "hello there world", (6, 0, "there ")),
            ("aaa", "aaaa", (3, 0, "a")),
            ("a🙂c", "a🙃c", (1, 2, "🙃")),
            ("🙂🙂", "🙂", (2, 2, "")),
            ("x🙂", "x🙂y", (3, 0, "y")),
        ] {
            assert_eq!(difference(old, new), expected, "{old:?} {new:?}");
        }
    }
}
