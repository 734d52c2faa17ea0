use serde_json::Value as Json;

use super::{Answer, Refusal, refuse};
use crate::value::Value;

/// How far a number may be from a multiple of the step, in steps: decimal fractions are not
/// exact.
const STEP_TOLERANCE: f64 = 1e-6;

pub(super) fn check(
    answer: &Answer,
    min: Option<f64>,
    max: Option<f64>,
    step: Option<f64>,
    integer: bool,
) -> Result<Value, Refusal> {
    let value = number(answer)?;
    let number = value.as_f64().ok_or_else(|| refuse("no_number", "Please give a number."))?;
    if integer && number.fract() != 0.0 {
        return Err(refuse("not_whole", "Please give a whole number."));
    }
    if let Some(min) = min.filter(|min| number < *min) {
        return Err(refuse("too_small", format!("Please give a number of at least {min}.")));
    }
    if let Some(max) = max.filter(|max| number > *max) {
        return Err(refuse("too_large", format!("Please give a number of at most {max}.")));
    }
    if let Some(step) = step {
        let steps = (number - min.unwrap_or(0.0)) / step;
        if (steps - steps.round()).abs() > STEP_TOLERANCE {
            return Err(refuse("step", format!("Please give a number in steps of {step}.")));
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    let whole = (integer && number.abs() < 9e15).then_some(number as i64);
    Ok(whole.map_or(value, Value::Int))
}

pub(super) fn rating(answer: &Answer, max: i64) -> Result<Value, Refusal> {
    let refused = || refuse("rating", format!("Please give a whole number from 1 to {max}."));
    match check(answer, None, None, None, true).map_err(|_| refused())? {
        Value::Int(number) if (1..=max).contains(&number) => Ok(Value::Int(number)),
        _ => Err(refused()),
    }
}

fn number(answer: &Answer) -> Result<Value, Refusal> {
    if let Answer::Value(value @ Json::Number(_)) = answer {
        return Ok(Value::from(value));
    }
    let text = answer.text();
    read(&text).ok_or_else(|| refuse("no_number", "Please give a number."))
}

/// A number as people write it: spaces, apostrophes and underscores between its digits do not
/// count, and a comma is a decimal one, unless it may as well divide thousands.
fn read(text: &str) -> Option<Value> {
    let plain: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’' | '_'))
        .collect();
    let plain = plain.replace('−', "-");
    let comma = plain.matches(',').count();
    let dot = plain.matches('.').count();
    let plain = match (comma, dot) {
        (0, _) => plain,
        // 1,234.5 and 1.234,5.
        (_, 1) if plain.rfind('.') > plain.rfind(',') => grouped(&plain, ',')?,
        (1, _) if dot > 0 => grouped(&plain, '.')?.replace(',', "."),
        (1, 0) => {
            let (whole, fraction) = plain.split_once(',')?;
            let ambiguous = fraction.len() == 3 && !matches!(whole.trim_start_matches('-'), "" | "0");
            if ambiguous {
                return None;
            }
            plain.replace(',', ".")
        }
        _ => grouped(&plain, ',')?,
    };
    let digits = plain.trim_start_matches(['-', '+']);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || digits.contains(['n', 'N', 'x']) {
        return None;
    }
    if let Ok(number) = plain.parse() {
        return Some(Value::Int(number));
    }
    plain.parse().ok().and_then(Value::number)
}

/// Without what divides it into thousands, if all of it does.
fn grouped(text: &str, separator: char) -> Option<String> {
    let whole = text.split(['.', ',']).count();
    let (head, _) = text.split_at(text.find(if separator == ',' { '.' } else { ',' }).unwrap_or(text.len()));
    let mut groups = head.trim_start_matches('-').split(separator);
    let first = groups.next()?;
    let fits = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    (fits && whole > 1).then(|| text.replace(separator, ""))
}
