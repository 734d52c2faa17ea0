//! The `order` of items: fractional keys, so that an item is put between two
//! others without touching either.
//!
//! A key is a text over `0-9A-Za-z` that does not end in `0`; keys compare as
//! texts. The midpoint follows David Greenspan's "Implementing Fractional
//! Indexing"; at the ends we step by one digit, so that lists which only grow
//! there keep short keys. The editor's table carries the same function.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const MIDDLE: usize = 31;

/// A key between two others; `None` stands for the end of the list. Answers
/// nothing where no key fits: a neighbour is no key, or they are not in order.
#[must_use]
pub fn order_between(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let before = before.map_or(Some(Vec::new()), digits)?;
    let after = after.map(digits).map_or(Some(None), |key| key.map(Some))?;
    if after.as_ref().is_some_and(|after| before >= *after) {
        return None;
    }
    let key = between(&before, after.as_deref());
    Some(key.into_iter().map(|digit| char::from(DIGITS[digit])).collect())
}

/// Whether a text is such a key.
pub(crate) fn is_order(key: &str) -> bool {
    digits(key).is_some()
}

/// Keys for `count` items in a row.
pub(crate) fn orders(count: usize) -> Vec<String> {
    // As many digits as the count needs, behind a leading digit in the middle so
    // that there is room at both ends.
    let mut width = 1;
    let mut reach = DIGITS.len() - 1;
    while reach < count {
        width += 1;
        reach = reach.saturating_mul(DIGITS.len());
    }
    let mut keys = Vec::with_capacity(count);
    let mut number = 0;
    while keys.len() < count {
        number += 1;
        let (mut rest, mut tail) = (number, vec![0; width]);
        for digit in tail.iter_mut().rev() {
            (*digit, rest) = (rest % DIGITS.len(), rest / DIGITS.len());
        }
        if tail.last() != Some(&0) {
            let text = tail.into_iter().map(|digit| char::from(DIGITS[digit]));
            keys.push(std::iter::once(char::from(DIGITS[MIDDLE])).chain(text).collect());
        }
    }
    keys
}

fn digits(key: &str) -> Option<Vec<usize>> {
    let digits: Option<Vec<_>> =
        key.bytes().map(|byte| DIGITS.iter().position(|digit| *digit == byte)).collect();
    digits.filter(|digits| digits.last().is_some_and(|last| *last != 0))
}

fn between(before: &[usize], after: Option<&[usize]>) -> Vec<usize> {
    let low = before.first().copied();
    let Some(after) = after else {
        return match low {
            None => vec![MIDDLE],
            Some(low) if low + 1 < DIGITS.len() => vec![low + 1],
            Some(low) => prefixed(&[low], between(&before[1..], None)),
        };
    };
    let same = after
        .iter()
        .enumerate()
        .take_while(|(at, digit)| before.get(*at).copied().unwrap_or(0) == **digit)
        .count();
    if same > 0 {
        let rest = before.get(same..).unwrap_or(&[]);
        return prefixed(&after[..same], between(rest, Some(&after[same..])));
    }
    let high = after[0];
    match low {
        None if high > 1 => vec![high - 1],
        _ if high - low.unwrap_or(0) > 1 => vec![usize::midpoint(low.unwrap_or(0), high)],
        _ if after.len() > 1 => vec![high],
        _ => prefixed(&[low.unwrap_or(0)], between(before.get(1..).unwrap_or(&[]), None)),
    }
}

fn prefixed(prefix: &[usize], mut rest: Vec<usize>) -> Vec<usize> {
    let mut key = prefix.to_vec();
    key.append(&mut rest);
    key
}

/// The same function for the editor. The test of the goldens below is repeated
/// there.
pub(crate) const TYPESCRIPT: &str = r"
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const MIDDLE = 31;

/**
 * A key for `order` between two others; null stands for the end of the list.
 * Answers null where no key fits: a neighbour is no key, or they are not in order.
 */
export function orderBetween(before: string | null, after: string | null): string | null {
  const isKey = (key: string) => /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(key);
  if ((before !== null && !isKey(before)) || (after !== null && !isKey(after))) return null;
  if (after !== null && (before ?? '') >= after) return null;
  return between(before ?? '', after);
}

function between(before: string, after: string | null): string {
  const low = before === '' ? -1 : DIGITS.indexOf(before[0]!);
  if (after === null) {
    if (low < 0) return DIGITS[MIDDLE]!;
    if (low + 1 < DIGITS.length) return DIGITS[low + 1]!;
    return before[0]! + between(before.slice(1), null);
  }
  let same = 0;
  while (same < after.length && (before[same] ?? '0') === after[same]) same += 1;
  if (same > 0) return after.slice(0, same) + between(before.slice(same), after.slice(same));
  const high = DIGITS.indexOf(after[0]!);
  if (low < 0 && high > 1) return DIGITS[high - 1]!;
  const floor = Math.max(low, 0);
  if (high - floor > 1) return DIGITS[Math.floor((floor + high) / 2)]!;
  if (after.length > 1) return after[0]!;
  return DIGITS[floor]! + between(before.slice(1), null);
}
";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_those_the_editor_makes() {
        for (before, after, key) in [
            (None, None, Some("V")),
            (Some("V"), None, Some("W")),
            (Some("z"), None, Some("zV")),
            (None, Some("V"), Some("U")),
            (None, Some("1"), Some("0V")),
            (None, Some("0V"), Some("0U")),
            (Some("V"), Some("W"), Some("VV")),
            (Some("V"), Some("X"), Some("W")),
            (Some("V"), Some("W1"), Some("W")),
            (Some("VV"), Some("VW"), Some("VVV")),
            (Some("W"), Some("V"), None),
            (Some("V"), Some("V"), None),
            (Some("é"), None, None),
            (Some(""), None, None),
            (None, Some("V0"), None),
        ] {
            assert_eq!(order_between(before, after).as_deref(), key, "{before:?} {after:?}");
        }
    }

    #[test]
    fn many_items_get_short_keys_in_order() {
        for count in [0, 1, 61, 62, 5_000] {
            let keys = orders(count);
            assert_eq!(keys.len(), count);
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{count}");
            assert!(keys.iter().all(|key| key.len() <= 4 && digits(key).is_some()), "{count}");
        }
    }

    #[test]
    fn a_list_that_grows_at_one_end_keeps_short_keys() {
        let (mut first, mut last) = ("V".to_owned(), "V".to_owned());
        for _ in 0..200 {
            first = order_between(None, Some(&first)).expect("there is room before");
            last = order_between(Some(&last), None).expect("there is room after");
        }
        assert!(first.len() <= 8 && last.len() <= 8, "{first} {last}");
    }

    proptest! {
        #[test]
        fn there_is_always_room_between_two_items(places in proptest::collection::vec(0usize..100, 1..150)) {
            let mut keys = vec!["V".to_owned()];
            for place in places {
                let place = place % (keys.len() + 1);
                let before = place.checked_sub(1).map(|at| keys[at].as_str());
                let key = order_between(before, keys.get(place).map(String::as_str)).expect("keys are in order");
                prop_assert!(digits(&key).is_some());
                keys.insert(place, key);
                prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
            }
        }
    }
}
