//! Texts with variables, as templates and as expressions.

use serde_json::Value;

use super::Importer;
use crate::note::NoteCode;
use crate::text::{Piece, literal, markdown, pieces, quoted};

impl<'v> Importer<'v> {
    /// Our name of the variable with this id.
    pub(super) fn variable(&self, id: Option<&str>) -> Option<String> {
        let name = self.by_id.get(id?)?;
        self.variables.get(name).map(str::to_owned)
    }

    /// The variable an input stores its reply in; one is declared where the export
    /// keeps the reply in no variable.
    pub(super) fn variable_or_new(&mut self, id: Option<&str>, node: &str, hint: &str) -> String {
        if let Some(name) = self.variable(id) {
            return name;
        }
        let name = self.variables.fresh(hint);
        self.draft.declare(&name, "any", None);
        let message = format!("the reply goes into the new variable {name}");
        self.draft.note(Some(node), NoteCode::VariableAdded, message);
        name
    }

    /// A text as a template.
    pub(super) fn template(&mut self, node: &str, text: &str, units_max: usize) -> String {
        let out = self.converted(node, text, literal);
        self.draft.fit(node, &out, units_max)
    }

    /// A plain text as Markdown with variables.
    pub(super) fn prose(&mut self, node: &str, text: &str) -> String {
        let out = self.markdown_of(node, text);
        self.draft.fit(node, &out, 50_000)
    }

    pub(super) fn markdown_of(&mut self, node: &str, text: &str) -> String {
        self.converted(node, text, |text| literal(&markdown(text)))
    }

    fn converted(&mut self, node: &str, text: &str, plain: impl Fn(&str) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Literal(text) => out += &plain(text),
                Piece::Braces(name) => match self.variables.get(name) {
                    Some(ours) => {
                        out += "{{ ";
                        out += ours;
                        out += " }}";
                    }
                    None => {
                        self.unknown(node, name);
                        out += &plain(&format!("{{{{{name}}}}}"));
                    }
                },
            }
        }
        out
    }

    fn unknown(&mut self, node: &str, name: &str) {
        let short = crate::text::cut(name, 80).0;
        if name.starts_with('=') {
            self.draft.note(
                Some(node),
                NoteCode::Changed,
                format!("the code {short:?} in a text is shown and not run"),
            );
        } else {
            let message = format!("no variable {short:?} is declared; the text is shown as it is");
            self.draft.note(Some(node), NoteCode::Changed, message);
        }
    }

    /// A text as an expression that yields it: one variable itself, everything else
    /// joined as text.
    pub(super) fn expression(&mut self, node: &str, text: &str) -> String {
        let mut terms = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Literal(text) => terms.push(quoted(text)),
                Piece::Braces(name) => match self.variables.get(name) {
                    Some(ours) => terms.push(ours.to_owned()),
                    None => {
                        self.unknown(node, name);
                        terms.push(quoted(&format!("{{{{{name}}}}}")));
                    }
                },
            }
        }
        if terms.is_empty() { quoted("") } else { terms.join(" ~ ") }
    }

    /// The variable that is all of a text.
    pub(super) fn only_variable(&self, text: &str) -> Option<String> {
        match pieces(text.trim())[..] {
            [Piece::Braces(name)] => self.variables.get(name).map(str::to_owned),
            _ => None,
        }
    }

    /// A text of numbers, variables and signs as arithmetic; nothing for any other.
    pub(super) fn arithmetic(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut depth = 0_usize;
        // Whether a value may come next, and not a sign between two.
        let mut value_next = true;
        for piece in pieces(text) {
            match piece {
                Piece::Braces(name) => {
                    if !value_next {
                        return None;
                    }
                    out += self.variables.get(name)?;
                    value_next = false;
                }
                Piece::Literal(text) => arithmetic_part(text, &mut out, &mut depth, &mut value_next)?,
            }
        }
        (depth == 0 && !value_next).then_some(out)
    }
}

fn arithmetic_part(text: &str, out: &mut String, depth: &mut usize, value_next: &mut bool) -> Option<()> {
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let length = match char {
            ' ' => 1,
            '(' if *value_next => {
                *depth += 1;
                // Far less than a parser's stack holds.
                if *depth > 16 {
                    return None;
                }
                1
            }
            ')' if !*value_next => {
                *depth = depth.checked_sub(1)?;
                1
            }
            '+' | '-' | '*' | '/' | '%' if !*value_next => {
                *value_next = true;
                1
            }
            '0'..='9' if *value_next => {
                let digits =
                    rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
                rest[..digits].parse::<f64>().ok()?;
                *value_next = false;
                digits
            }
            _ => return None,
        };
        let part = &rest[..length];
        match part {
            " " => {}
            "+" | "-" | "*" | "/" | "%" => {
                out.push(' ');
                out.push_str(part);
                out.push(' ');
            }
            _ => out.push_str(part),
        }
        rest = &rest[length..];
    }
    Some(())
}

/// A number as JSON writes it: whole where it is.
pub(super) fn number(number: f64) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Value::from(number as i64);
    }
    Value::from(number)
}
