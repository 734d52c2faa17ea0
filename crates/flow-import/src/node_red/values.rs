//! Where values are kept there, and how they are named here.

use serde_json::Value;

use super::Importer;
use crate::note::NoteCode;
use crate::text::{Piece, literal, pieces};

/// One side of a comparison or an assignment.
pub(super) enum Operand {
    Value(Value),
    Expression(String),
}

impl Importer {
    /// The variable for a property of the message, the flow or all flows; declared
    /// when it is first met.
    pub(super) fn variable(&mut self, place: &str, name: &str) -> String {
        let theirs = format!("{place}.{name}");
        if let Some(ours) = self.variables.get(&theirs) {
            return ours.to_owned();
        }
        let wanted = if place == "msg" { name.to_owned() } else { format!("{place}_{name}") };
        // Names are given once per place: `flow.x` and `msg.flow_x` stay apart.
        let ours = self.variables.fresh(&wanted);
        self.variables.set(&theirs, &ours);
        self.draft.declare(&ours, "any", None);
        self.draft.note(None, NoteCode::VariableAdded, format!("{theirs} is the variable {ours}"));
        ours
    }

    /// A path such as `payload.users[0].name` as an expression; nothing for what is
    /// no plain path.
    pub(super) fn path(&mut self, place: &str, path: &str) -> Option<String> {
        let (name, mut rest) = split_name(path)?;
        let mut steps = String::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let (name, after) = split_name(after)?;
                steps.push('.');
                steps += name;
                rest = after;
            } else {
                let inside = rest.strip_prefix('[')?;
                let end = inside.find(']')?;
                inside[..end].parse::<u32>().ok()?;
                steps += &rest[..end + 2];
                rest = &inside[end + 1..];
            }
        }
        // Far longer than any path that a person wrote, and no work for a parser.
        if steps.len() > 500 {
            return None;
        }
        Some(self.variable(place, name) + &steps)
    }

    /// The variable that is all of a path.
    pub(super) fn whole(&mut self, place: &str, path: &str) -> Option<String> {
        let (name, rest) = split_name(path)?;
        rest.is_empty().then(|| self.variable(place, name))
    }

    /// A value with its type, as nodes keep them; nothing for what has to be computed.
    pub(super) fn operand(&mut self, kind: &str, value: &Value) -> Option<Operand> {
        let text = value.as_str();
        Some(match kind {
            "str" | "re" | "" => Operand::Value(match text {
                Some(text) => text.into(),
                None => value.clone(),
            })
            .checked()?,
            "num" => {
                let number = value.as_f64().or_else(|| text?.trim().parse().ok())?;
                Operand::Value(serde_json::Number::from_f64(number).map(Value::Number)?)
            }
            "bool" => Operand::Value((value == &Value::Bool(true) || text == Some("true")).into()),
            "json" => Operand::Value(match text {
                Some(text) => serde_json::from_str(text).ok()?,
                None => value.clone(),
            })
            .checked()?,
            "date" => Operand::Expression("now".into()),
            "msg" | "flow" | "global" => Operand::Expression(self.path(kind, text?)?),
            _ => return None,
        })
    }

    /// A Mustache template as one of ours; nothing where it has sections.
    pub(super) fn mustache(&mut self, text: &str) -> Option<String> {
        let text = text.replace("{{{", "{{").replace("}}}", "}}");
        let mut out = String::with_capacity(text.len());
        for piece in pieces(&text) {
            match piece {
                Piece::Literal(text) => out += &literal(text),
                Piece::Braces(path) => {
                    let path = path.strip_prefix('&').unwrap_or(path).trim();
                    let (place, path) = match path.split_once('.') {
                        Some((place @ ("flow" | "global"), path)) => (place, path),
                        _ => ("msg", path),
                    };
                    let expression = self.path(place, path)?;
                    out += "{{ ";
                    out += &expression;
                    out += " }}";
                }
            }
        }
        Some(out)
    }
}

impl Operand {
    fn checked(self) -> Option<Self> {
        match &self {
            Self::Value(value) if !crate::bounds::fits(value) => None,
            _ => Some(self),
        }
    }
}

/// The name that a path begins with, and the rest of it.
fn split_name(path: &str) -> Option<(&str, &str)> {
    let end = path.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    flow_model::is_variable_name(name).then_some((name, rest))
}
