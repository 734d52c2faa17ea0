//! Reading fields of nodes, with what the field table says a missing one means.

use flow_model::fields::{DefaultValue, FieldKind, FieldSpec, ItemSpec};
use serde_json::Value as Json;

use super::Broken;
use super::patterns::Patterns;
use crate::language::{Expression, Names, Slot, Template};

type ValueOf<'f> = Box<dyn Fn(&str) -> Option<&'f Json> + 'f>;

/// The fields of a node, or of an item of a list in one.
pub(crate) struct Fields<'f> {
    specs: &'static [FieldSpec],
    value_of: ValueOf<'f>,
    /// Where in the node this is.
    path: String,
    patterns: &'f Patterns,
}

impl<'f> Fields<'f> {
    pub(super) fn of_node(
        node: &'f flow_model::graph::Node,
        specs: &'static [FieldSpec],
        patterns: &'f Patterns,
    ) -> Self {
        Self { specs, value_of: Box::new(|name| node.data.get(name)), path: String::new(), patterns }
    }

    fn of_item(&self, item: &'f Json, spec: &'static ItemSpec, path: String) -> Self {
        let patterns = self.patterns;
        Self { specs: spec.fields, value_of: Box::new(move |name| item.get(name)), path, patterns }
    }

    fn spec(&self, name: &str) -> &'static FieldSpec {
        let found = self.specs.iter().find(|field| field.name == name);
        found.unwrap_or_else(|| unreachable!("the field table has no {name}"))
    }

    pub(crate) fn broken(&self, name: &str, message: impl std::fmt::Display) -> Broken {
        Broken { field: self.path_of(name), message: message.to_string() }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    /// The value, `null` being none.
    pub(crate) fn json(&self, name: &str) -> Option<&'f Json> {
        (self.value_of)(name).filter(|value| !value.is_null())
    }

    pub(crate) fn id(&self) -> &'f str {
        (self.value_of)("id").and_then(Json::as_str).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'f str> {
        self.json(name).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    /// One of an enumeration's values.
    pub(crate) fn choice(&self, name: &str) -> Result<&'static str, Broken> {
        let spec = self.spec(name);
        let FieldKind::Enum(choices) = spec.kind else { unreachable!("{name} is no enumeration") };
        let default = match spec.default {
            Some(DefaultValue::Text(text)) => Some(text),
            _ => None,
        };
        let given = self.text(name).or(default).ok_or_else(|| self.missing(name))?;
        let known = choices.iter().find(|choice| choice.value == given);
        known.map(|choice| choice.value).ok_or_else(|| self.broken(name, format!("{given:?} is no choice")))
    }

    pub(crate) fn bool(&self, name: &str) -> bool {
        let default = matches!(self.spec(name).default, Some(DefaultValue::Bool(true)));
        self.json(name).and_then(Json::as_bool).unwrap_or(default)
    }

    /// A whole number or a duration.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        let default = match self.spec(name).default {
            Some(DefaultValue::Int(number)) => Some(number),
            _ => None,
        };
        let whole = |value: &Json| {
            value.as_i64().or_else(|| {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
                value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|n| n as i64)
            })
        };
        self.json(name).and_then(whole).or(default)
    }

    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.int(name).and_then(|number| u64::try_from(number).ok())
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let default = match self.spec(name).default {
            #[expect(clippy::cast_precision_loss, reason = "defaults are small")]
            Some(DefaultValue::Int(number)) => Some(number as f64),
            _ => None,
        };
        self.json(name).and_then(Json::as_f64).or(default)
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.json(name).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    /// The items of a list, in order.
    pub(crate) fn list(&self, name: &str) -> Vec<Fields<'f>> {
        let FieldKind::List(item) = self.spec(name).kind else { unreachable!("{name} is no list") };
        let items = self.json(name).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let path = self.path_of(name);
        let of_item = |value: &'f Json| {
            let id = value.get("id").and_then(Json::as_str).unwrap_or_default();
            self.of_item(value, item, format!("{path}/{id}"))
        };
        items.iter().map(of_item).collect()
    }

    /// The fields of an object, if it is there.
    pub(crate) fn object(&self, name: &str) -> Option<Fields<'f>> {
        let FieldKind::Object(item) = self.spec(name).kind else { unreachable!("{name} is no object") };
        let value = self.json(name).filter(|value| value.is_object())?;
        Some(self.of_item(value, item, self.path_of(name)))
    }

    pub(crate) fn missing(&self, name: &str) -> Broken {
        self.broken(name, "it is not set")
    }

    pub(crate) fn template(&self, name: &str, names: &mut Names) -> Result<Option<Template>, Broken> {
        let parse = |text| Template::parse(text, names).map_err(|error| self.broken(name, error));
        self.text(name).map(parse).transpose()
    }

    pub(crate) fn template_or_missing(&self, name: &str, names: &mut Names) -> Result<Template, Broken> {
        self.template(name, names)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn expression(&self, name: &str, names: &mut Names) -> Result<Expression, Broken> {
        let text = self.text(name).ok_or_else(|| self.missing(name))?;
        Expression::parse(text, names).map_err(|error| self.broken(name, error))
    }

    /// What the field's text matches with.
    pub(crate) fn pattern(&self, name: &str, source: &str) -> Result<regex::Regex, Broken> {
        self.patterns.compile(source).map_err(|error| self.broken(name, error))
    }

    pub(crate) fn variable(&self, name: &str, names: &mut Names) -> Result<Slot, Broken> {
        let variable = self.text(name).ok_or_else(|| self.missing(name))?;
        if super::BUILT_IN.contains(&variable) {
            return Err(self.broken(name, format!("{variable} cannot be changed")));
        }
        Ok(names.slot(variable))
    }
}
