//! What an input node takes for an answer: each kind reads the reply, and says what does not
//! fit.

mod choices;
mod contact;
mod dates;
mod files;
mod numbers;

use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use choices::{Choices, OptionView, Options};
pub use files::FileRef;

use crate::language::{EvalError, Names, Scope, Template};
use crate::plan::{Broken, Fields};
use crate::value::{DateTime, Value};

/// How an input node asks, and what it takes.
#[derive(Debug)]
pub enum InputKind {
    Text { min: Option<u64>, max: Option<u64>, pattern: Option<Regex>, multiline: bool },
    Number { min: Option<f64>, max: Option<f64>, step: Option<f64>, integer: bool },
    Email,
    Url,
    Phone { country: Option<phonenumber::country::Id> },
    Date { min: Option<DateTime>, max: Option<DateTime>, with_time: bool },
    Choice(Choices),
    Rating { max: i64 },
    Confirm { yes: Option<Template>, no: Option<Template> },
    File { types: Vec<String>, bytes_max: u64, files_max: usize },
}

/// What somebody has answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// As it was typed.
    Text(String),
    /// As a program gives it.
    Value(Json),
    /// Ids of options.
    Choice(Vec<String>),
    Files(Vec<FileRef>),
}

/// An answer that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    pub value: Value,
    /// The output of the option that was chosen, if it has one of its own.
    pub port: Option<Arc<str>>,
}

/// Why an answer does not fit; the text may be shown to whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

/// A refusal, or an error of the flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Eval(#[from] EvalError),
}

fn refuse(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

impl Answer {
    /// The answer as text, as it is kept beside the value.
    #[must_use]
    pub fn raw(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Value(Json::String(text)) => text.clone(),
            Self::Value(value) => value.to_string(),
            Self::Choice(ids) => ids.join(", "),
            Self::Files(files) => files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "),
        }
    }

    /// The files that it is.
    #[must_use]
    pub fn files(&self) -> &[FileRef] {
        if let Self::Files(files) = self { files } else { &[] }
    }

    /// What was typed, or would have been.
    fn text(&self) -> String {
        self.raw()
    }
}

pub(crate) fn compile(fields: &Fields<'_>, names: &mut Names) -> Result<InputKind, Broken> {
    Ok(match fields.choice("kind")? {
        "number" => InputKind::Number {
            min: fields.number("min"),
            max: fields.number("max"),
            step: fields.number("step").filter(|step| *step > 0.0),
            integer: fields.bool("integer"),
        },
        "email" => InputKind::Email,
        "url" => InputKind::Url,
        "phone" => {
            let country = fields.text("default_country").map(|text| {
                let country = text.to_uppercase().parse();
                country.map_err(|_| fields.broken("default_country", format!("{text:?} is no country")))
            });
            InputKind::Phone { country: country.transpose()? }
        }
        "date" => {
            let bound = |name: &str| {
                let read = |text| DateTime::parse(text).ok_or_else(|| fields.broken(name, "it is no date"));
                fields.text(name).map(read).transpose()
            };
            InputKind::Date {
                min: bound("min_date")?,
                max: bound("max_date")?,
                with_time: fields.bool("with_time"),
            }
        }
        "choice" => InputKind::Choice(choices::compile(fields, names)?),
        "rating" => InputKind::Rating { max: fields.int("rating_max").unwrap_or(5) },
        "confirm" => InputKind::Confirm {
            yes: fields.template("yes_label", names)?,
            no: fields.template("no_label", names)?,
        },
        "file" => InputKind::File {
            types: fields.texts("file_types"),
            bytes_max: fields.count("file_bytes_max").unwrap_or(10 << 20),
            files_max: fields.count("files_max").and_then(|max| usize::try_from(max).ok()).unwrap_or(1),
        },
        _ => {
            // The whole reply matches.
            let whole =
                fields.text("pattern").map(|source| fields.pattern("pattern", &format!("^(?:{source})$")));
            InputKind::Text {
                min: fields.count("min_length"),
                max: fields.count("max_length"),
                pattern: whole.transpose()?,
                multiline: fields.bool("multiline"),
            }
        }
    })
}

impl InputKind {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Number { .. } => "number",
            Self::Email => "email",
            Self::Url => "url",
            Self::Phone { .. } => "phone",
            Self::Date { .. } => "date",
            Self::Choice(_) => "choice",
            Self::Rating { .. } => "rating",
            Self::Confirm { .. } => "confirm",
            Self::File { .. } => "file",
        }
    }

    /// The value of an answer, if it fits.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn check(&self, answer: &Answer, scope: &dyn Scope) -> Result<Accepted, CheckError> {
        let plain = |value: Result<Value, Refusal>| Ok(Accepted { value: value?, port: None });
        match self {
            Self::Choice(choices) => choices.check(answer, scope),
            Self::Confirm { yes, no } => plain(confirm(answer, &labels(yes, no, scope)?)),
            Self::File { types, bytes_max, files_max } => {
                plain(files::check(answer, types, *bytes_max, *files_max))
            }
            Self::Text { min, max, pattern, multiline } => {
                plain(text(&answer.text(), *min, *max, pattern.as_ref(), *multiline))
            }
            Self::Number { min, max, step, integer } => {
                plain(numbers::check(answer, *min, *max, *step, *integer))
            }
            Self::Rating { max } => plain(numbers::rating(answer, *max)),
            Self::Email => plain(contact::email(&answer.text())),
            Self::Url => plain(contact::url(&answer.text())),
            Self::Phone { country } => plain(contact::phone(&answer.text(), *country)),
            Self::Date { min, max, with_time } => {
                plain(dates::check(&answer.text(), min.as_ref(), max.as_ref(), *with_time))
            }
        }
    }
}

fn text(
    reply: &str,
    min: Option<u64>,
    max: Option<u64>,
    pattern: Option<&Regex>,
    multiline: bool,
) -> Result<Value, Refusal> {
    let reply = if multiline { reply.to_owned() } else { reply.replace(['\r', '\n'], " ").trim().to_owned() };
    let length = reply.chars().count() as u64;
    // Nothing is no answer, unless the flow says that it is one.
    if length == 0 && min != Some(0) {
        return Err(refuse("empty", "Please write something."));
    }
    if let Some(min) = min.filter(|min| length < *min) {
        return Err(refuse("too_short", format!("Please write at least {min} characters.")));
    }
    if let Some(max) = max.filter(|max| length > *max) {
        return Err(refuse("too_long", format!("Please write at most {max} characters.")));
    }
    if pattern.is_some_and(|pattern| !pattern.is_match(&reply)) {
        return Err(refuse("pattern", "This does not have the form that is asked for."));
    }
    Ok(Value::text(reply))
}

/// What the two answers of a confirmation say.
///
/// # Errors
/// [`EvalError`].
pub fn labels(
    yes: &Option<Template>,
    no: &Option<Template>,
    scope: &dyn Scope,
) -> Result<(String, String), EvalError> {
    let render = |label: &Option<Template>, default: &str| match label {
        Some(label) => label.render(scope, crate::language::Sink::Text),
        None => Ok(default.to_owned()),
    };
    Ok((render(yes, "Yes")?, render(no, "No")?))
}

fn confirm(answer: &Answer, (yes, no): &(String, String)) -> Result<Value, Refusal> {
    if let Answer::Value(Json::Bool(value)) = answer {
        return Ok(Value::Bool(*value));
    }
    let text = answer.text().trim().to_lowercase();
    if text == yes.to_lowercase() || matches!(&*text, "yes" | "y" | "true" | "1" | "ok") {
        return Ok(Value::Bool(true));
    }
    if text == no.to_lowercase() || matches!(&*text, "no" | "n" | "false" | "0") {
        return Ok(Value::Bool(false));
    }
    Err(refuse("not_yes_or_no", format!("Please answer {yes} or {no}.")))
}

#[cfg(test)]
mod tests;
