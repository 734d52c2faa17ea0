//! Dates as ISO 8601 writes them, without a calendar of time zones.

/// `2026-11-21`, or with a time `2026-11-21T09:30`, with seconds, a fraction, and
/// `Z` or an offset as one likes.
pub(crate) fn is_date(text: &str) -> bool {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    is_day(date) && time.is_none_or(is_time)
}

fn is_day(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn is_time(text: &str) -> bool {
    let (clock, offset) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, "Z"),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<_> = clock.split(':').collect();
    let clock = match parts[..] {
        [hour, minute] => below(hour, 24) && below(minute, 60),
        [hour, minute, second] => below(hour, 24) && below(minute, 60) && below(second, 60),
        _ => false,
    };
    let offset = offset == "Z"
        || offset[1..].split_once(':').is_some_and(|(hour, minute)| below(hour, 24) && below(minute, 60));
    clock && offset && !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn below(text: &str, bound: u32) -> bool {
    digits(text, 2).is_some_and(|number| number < bound)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_from_what_only_looks_like_one() {
        for good in [
            "2026-11-21",
            "2024-02-29",
            "2026-11-21T09:30",
            "2026-11-21T09:30:00.5Z",
            "2026-11-21T09:30:00+02:00",
        ] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "T",
            "2026-13-01",
            "2026-02-29",
            "26-11-21",
            "2026-11-21T",
            "2026-11-21T24:00",
            "2026-11-21T09:30+2",
            "2026-11-21T09:30é",
            "2026-11-21T09:30-",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
