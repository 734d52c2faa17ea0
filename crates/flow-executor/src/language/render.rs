use super::PLACEHOLDER;
use super::error::EvalError;
use super::fuel::{Fuel, TOTAL_BYTES_MAX};
use super::operators::{json_bytes, shown};
use crate::value::Value;

/// Where a text goes. What is put into a template is written so that it cannot end what it
/// is part of; what the author wrote stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    Text,
    /// Part of an address. What stands at its beginning is an address itself.
    Url,
    /// Texts are written as the inside of a JSON string, everything else as JSON.
    Json,
    /// A header's value.
    Header,
    Html,
}

/// Gathers what is rendered.
#[derive(Debug)]
pub(super) struct Writer {
    sink: Sink,
    text: String,
    /// Values of their own, in place of which there are placeholders.
    apart: Option<Vec<String>>,
}

impl Writer {
    pub(super) const fn new(sink: Sink) -> Self {
        Self { sink, text: String::new(), apart: None }
    }

    pub(super) const fn apart() -> Self {
        Self { sink: Sink::Text, text: String::new(), apart: Some(Vec::new()) }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn finish_apart(self) -> (String, Vec<String>) {
        (self.text, self.apart.unwrap_or_default())
    }

    /// What the author wrote.
    pub(super) fn literal(&mut self, fuel: &mut Fuel, text: &str) -> Result<(), EvalError> {
        self.grow(fuel, text.len())?;
        if self.apart.is_some() {
            self.text.extend(text.chars().filter(|c| !is_placeholder(*c)));
        } else {
            self.text.push_str(text);
        }
        Ok(())
    }

    /// What is put in.
    pub(super) fn value(&mut self, fuel: &mut Fuel, value: &Value, is_json: bool) -> Result<(), EvalError> {
        if self.sink == Sink::Json && !is_json && !matches!(value, Value::Text(_)) {
            fuel.build(json_bytes(value))?;
            let json = value.to_json().to_string();
            self.text.push_str(&json);
            return Ok(());
        }
        let shown = shown(fuel, value)?;
        if let Some(apart) = &mut self.apart {
            use std::fmt::Write as _;
            self.text.reserve(8);
            write!(self.text, "{}{}{}", PLACEHOLDER.0, apart.len(), PLACEHOLDER.1)
                .expect("writing to a String cannot fail");
            apart.push(shown.chars().filter(|c| !is_placeholder(*c)).collect());
            return fuel.build(shown.len() + 8);
        }
        let most = match self.sink {
            Sink::Text | Sink::Header => shown.len(),
            // `%E2`, `\u001f`, `&quot;`.
            Sink::Url => shown.len() * 3,
            Sink::Json | Sink::Html => shown.len() * 6,
        };
        self.grow(fuel, most)?;
        match self.sink {
            Sink::Text => self.text.push_str(&shown),
            Sink::Header if shown.contains(['\r', '\n', '\0']) => return Err(EvalError::LineBreak),
            Sink::Header => self.text.push_str(&shown),
            Sink::Url if self.text.is_empty() => self.text.push_str(&shown),
            Sink::Url => percent_encode(&mut self.text, &shown),
            Sink::Json if is_json => self.text.push_str(&shown),
            Sink::Json => {
                let quoted = serde_json::Value::from(&*shown).to_string();
                self.text.push_str(&quoted[1..quoted.len() - 1]);
            }
            Sink::Html => escape_html(&mut self.text, &shown),
        }
        Ok(())
    }

    /// Rendering is bounded as a whole, not by each piece that is added.
    fn grow(&self, fuel: &mut Fuel, bytes: usize) -> Result<(), EvalError> {
        if self.text.len() + bytes > TOTAL_BYTES_MAX {
            return Err(EvalError::TooMuch(TOTAL_BYTES_MAX));
        }
        fuel.build(bytes)
    }
}

const fn is_placeholder(c: char) -> bool {
    c == PLACEHOLDER.0 || c == PLACEHOLDER.1
}

/// All but the unreserved characters of RFC 3986, section 2.3.
pub(super) fn percent_encode(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
}

fn escape_html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}
