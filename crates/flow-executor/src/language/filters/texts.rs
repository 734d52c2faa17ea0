use super::{Arguments, Filter};
use crate::language::error::EvalError;
use crate::language::eval::whole;
use crate::language::fuel::Fuel;
use crate::language::operators::{list, shown, text};
use crate::language::render::percent_encode;
use crate::value::Value;

pub(super) fn apply(
    fuel: &mut Fuel,
    filter: Filter,
    input: &Value,
    arguments: &Arguments,
) -> Result<Value, EvalError> {
    let of = shown(fuel, input)?;
    fuel.look(of.len())?;
    match filter {
        // Some letters grow by a factor of three at most when their case changes.
        Filter::Lower => {
            fuel.build(of.len())?;
            text(fuel, of.to_lowercase())
        }
        Filter::Upper => {
            fuel.build(of.len())?;
            text(fuel, of.to_uppercase())
        }
        Filter::Capitalize => {
            fuel.build(of.len())?;
            text(fuel, capitalized(&of))
        }
        Filter::Title => {
            fuel.build(of.len())?;
            text(fuel, titled(&of))
        }
        Filter::Trim => text(fuel, of.trim().to_owned()),
        Filter::Replace => replace(fuel, &of, arguments),
        Filter::Split => split(fuel, &of, arguments),
        Filter::Truncate => truncate(fuel, &of, arguments),
        Filter::UrlEncode => {
            fuel.build(of.len() * 3)?;
            let mut out = String::new();
            percent_encode(&mut out, &of);
            Ok(Value::text(out))
        }
        Filter::WordCount => Ok(Value::Int(i64::try_from(of.split_whitespace().count()).unwrap_or(i64::MAX))),
        _ => unreachable!("only these are given here"),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect()
    })
}

fn titled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        // An apostrophe does not begin a word: It's.
        begins = !c.is_alphanumeric() && c != '\'' && c != '’';
    }
    out
}

fn replace(fuel: &mut Fuel, of: &str, arguments: &Arguments) -> Result<Value, EvalError> {
    let old = arguments.text(0, "old")?.unwrap_or_default();
    let new = arguments.text(1, "new")?.unwrap_or_default();
    if old.is_empty() {
        return Err(EvalError::Type("there is nothing to replace".to_owned()));
    }
    // What it comes to is known before it is built: a few replacements of replacements
    // would otherwise fill the memory.
    let found = of.matches(old).count();
    let bytes = of.len() - found * old.len() + found.saturating_mul(new.len());
    fuel.build(bytes)?;
    Ok(Value::text(of.replace(old, new)))
}

fn split(fuel: &mut Fuel, of: &str, arguments: &Arguments) -> Result<Value, EvalError> {
    let mut items = Vec::new();
    let mut push = |fuel: &mut Fuel, piece: &str| {
        fuel.steps(1)?;
        items.push(text(fuel, piece.to_owned())?);
        Ok::<(), EvalError>(())
    };
    match arguments.text(0, "separator")? {
        None => of.split_whitespace().try_for_each(|piece| push(fuel, piece))?,
        Some("") => return Err(EvalError::Type("an empty separator separates nothing".to_owned())),
        Some(separator) => of.split(separator).try_for_each(|piece| push(fuel, piece))?,
    }
    list(fuel, items)
}

fn truncate(fuel: &mut Fuel, of: &str, arguments: &Arguments) -> Result<Value, EvalError> {
    let length = arguments.get(0, "length").map(whole).transpose()?.unwrap_or(255);
    let length = usize::try_from(length).unwrap_or(0);
    let end = arguments.text(1, "end")?.unwrap_or("…");
    let Some((cut, _)) = of.char_indices().nth(length) else { return text(fuel, of.to_owned()) };
    let kept = length.saturating_sub(end.chars().count());
    let cut = of.char_indices().nth(kept).map_or(cut, |(at, _)| at);
    fuel.build(cut + end.len())?;
    Ok(Value::text(format!("{}{end}", &of[..cut])))
}
