use jiff::civil::Date;

use super::{Refusal, refuse};
use crate::value::{DateTime, Value};

/// A date is stored as ISO 8601 has it, and with a time as a moment.
pub(super) fn check(
    text: &str,
    min: Option<&DateTime>,
    max: Option<&DateTime>,
    with_time: bool,
) -> Result<Value, Refusal> {
    let text = text.trim();
    let read =
        if with_time { moment(text) } else { date(text).map(|date| (date.to_string(), date)).and_then(day) };
    let Some((value, moment)) = read else {
        let form = if with_time { "2026-11-26 15:30" } else { "2026-11-26" };
        return Err(refuse("no_date", format!("Please give a date like {form}.")));
    };
    if let Some(min) = min.filter(|min| moment.timestamp() < min.timestamp()) {
        return Err(refuse("too_early", format!("Please give a date from {} on.", shown(min, with_time))));
    }
    if let Some(max) = max.filter(|max| moment.timestamp() > max.timestamp()) {
        return Err(refuse("too_late", format!("Please give a date up to {}.", shown(max, with_time))));
    }
    Ok(value)
}

fn shown(moment: &DateTime, with_time: bool) -> String {
    let format = if with_time { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d" };
    moment.format(format).unwrap_or_default()
}

fn day((text, _): (String, Date)) -> Option<(Value, DateTime)> {
    let moment = DateTime::parse(&text)?;
    Some((Value::text(text), moment))
}

/// `2026-11-26`, or as most of the world writes it, `26.11.2026`.
fn date(text: &str) -> Option<Date> {
    // With a time behind it, it would be read as well.
    if text.len() == 10
        && let Ok(date) = text.parse()
    {
        return Some(date);
    }
    let mut parts = text.split('.').map(str::trim);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn moment(text: &str) -> Option<(Value, DateTime)> {
    // A day alone has no time.
    if date(text).is_some() {
        return None;
    }
    let moment = DateTime::parse(text).or_else(|| {
        let (day, time) = text.split_once(|c: char| c.is_whitespace() || c == 'T')?;
        DateTime::parse(&format!("{}T{}", date(day)?, time.trim()))
    })?;
    Some((Value::DateTime(moment), moment))
}
