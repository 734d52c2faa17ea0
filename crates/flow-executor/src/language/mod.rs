//! The language of templates and conditions: Jinja's syntax, as minijinja parses it, and
//! our own evaluator, which no template can make use more than it is given.
//!
//! Start with [`Template`] and [`Expression`]. Both are compiled once, against the
//! [`Names`] of a flow's variables, and evaluated against a [`Scope`] that has their values.

mod ast;
mod compile;
mod error;
mod eval;
mod filters;
mod fuel;
mod names;
mod operators;
mod predicates;
mod render;

pub use error::{EvalError, ParseError};
pub use fuel::{Fuel, STEPS_MAX, TOTAL_BYTES_MAX, VALUE_BYTES_MAX};
pub use names::{Names, Scope, Slot};
pub use render::Sink;

use crate::value::Value;
use ast::{Expr, Part};
use eval::{Evaluator, Unknown};

/// Text with `{{ … }}`, `{% if … %}` and `{% for … %}` in it.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

/// One bare expression.
#[derive(Debug, Clone)]
pub struct Expression {
    expr: Expr,
}

impl Template {
    /// # Errors
    /// [`ParseError`].
    pub fn parse(source: &str, names: &mut Names) -> Result<Self, ParseError> {
        Ok(Self { parts: compile::template(source, names)? })
    }

    /// The text, what is put in written as the sink needs it. Unknown variables are empty.
    ///
    /// # Errors
    /// [`EvalError`].
    pub fn render(&self, scope: &dyn Scope, sink: Sink) -> Result<String, EvalError> {
        let mut fuel = Fuel::default();
        let mut out = render::Writer::new(sink);
        Evaluator::new(scope, &mut fuel, Unknown::IsEmpty).render(&self.parts, &mut out)?;
        Ok(out.finish())
    }

    /// The text, with a placeholder for each value that is put in, and the values: for
    /// languages like Markdown, in which a value must not become markup.
    ///
    /// # Errors
    /// [`EvalError`].
    pub fn render_apart(&self, scope: &dyn Scope) -> Result<(String, Vec<String>), EvalError> {
        let mut fuel = Fuel::default();
        let mut out = render::Writer::apart();
        Evaluator::new(scope, &mut fuel, Unknown::IsEmpty).render(&self.parts, &mut out)?;
        Ok(out.finish_apart())
    }

    /// The text, if nothing is ever put into it.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

impl Expression {
    /// # Errors
    /// [`ParseError`].
    pub fn parse(source: &str, names: &mut Names) -> Result<Self, ParseError> {
        Ok(Self { expr: compile::expression(source, names)? })
    }

    /// # Errors
    /// [`EvalError`]; unknown variables are one.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        let mut fuel = Fuel::default();
        Evaluator::new(scope, &mut fuel, Unknown::IsError).value(&self.expr)
    }
}

/// A placeholder of [`Template::render_apart`]: the number of the value, between these.
pub const PLACEHOLDER: (char, char) = ('\u{e000}', '\u{e001}');

#[cfg(test)]
mod tests;
