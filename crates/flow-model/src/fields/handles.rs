use serde_json::Value;

use super::{
    DEFAULT_OUTPUT, DefaultValue, ERROR_HANDLE, FieldKind, FieldSpec, NodeSpec, ON_ERROR, When, WhenTest,
    find,
};
use crate::graph::Node;

/// One output of a node, or one per item of a list.
#[derive(Debug)]
pub enum HandleSpec {
    /// A handle of that name, where `when` holds.
    Fixed { id: &'static str, label: &'static str, doc: &'static str, when: Option<When> },
    /// One handle per item of the list `field`, named by the item's id, labelled
    /// by its field `label`; only for items in which the field `only_if` is true.
    PerItem { field: &'static str, label: &'static str, only_if: Option<&'static str>, when: Option<When> },
}

pub(super) const fn out(label: &'static str, doc: &'static str) -> HandleSpec {
    HandleSpec::Fixed { id: DEFAULT_OUTPUT, label, doc, when: None }
}

pub(super) const fn on_error_handle() -> HandleSpec {
    HandleSpec::Fixed {
        id: ERROR_HANDLE,
        label: "Error",
        doc: "The node failed.",
        when: Some(When { field: ON_ERROR, test: WhenTest::Is(&["port"]) }),
    }
}

/// The outputs one node has, given its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handles(Vec<String>);

impl Handles {
    #[must_use]
    pub fn of(node: &Node) -> Option<Self> {
        let spec = node.spec()?;
        let mut ids = Vec::new();
        for handle in spec.handles {
            match handle {
                HandleSpec::Fixed { id, when, .. } if holds(*when, spec, node) => ids.push((*id).to_owned()),
                HandleSpec::PerItem { field, only_if, when, .. } if holds(*when, spec, node) => {
                    let items =
                        node.data.get(*field).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    let open = items.iter().filter(|item| only_if.is_none_or(|name| item[name] == true));
                    ids.extend(open.filter_map(|item| item["id"].as_str()).map(str::to_owned));
                }
                HandleSpec::Fixed { .. } | HandleSpec::PerItem { .. } => {}
            }
        }
        Some(Self(ids))
    }

    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.iter().any(|handle| handle == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether a field applies, given its siblings.
pub(crate) fn applies<'v>(
    field: &FieldSpec,
    fields: &'static [FieldSpec],
    value_of: &dyn Fn(&str) -> Option<&'v Value>,
) -> bool {
    test(field.when, fields, value_of)
}

fn holds(when: Option<When>, spec: &NodeSpec, node: &Node) -> bool {
    test(when, spec.fields, &|name| node.data.get(name))
}

fn test<'v>(
    when: Option<When>,
    fields: &'static [FieldSpec],
    value_of: &dyn Fn(&str) -> Option<&'v Value>,
) -> bool {
    let Some(when) = when else { return true };
    // The tables' conditions form a tree (a test sees to it), so this ends.
    let Some(field) = find(fields, when.field) else { return false };
    if !test(field.when, fields, value_of) {
        return false;
    }
    let value = value_of(when.field);
    match when.test {
        WhenTest::Set => value.is_some() || field.default.is_some(),
        WhenTest::True => match (value, field.default) {
            (Some(value), _) => *value == Value::Bool(true),
            (None, default) => matches!(default, Some(DefaultValue::Bool(true))),
        },
        WhenTest::Is(values) => match (value.and_then(Value::as_str), field.default) {
            (Some(text), _) => values.contains(&text),
            (None, Some(DefaultValue::Text(text))) if value.is_none() => values.contains(&text),
            _ => false,
        },
    }
}

impl FieldKind {
    /// Whether several people edit the value's parts at once, so that it is a
    /// shared type in the document and not one plain value.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Prose { .. } | Self::List(_) | Self::Expressions)
    }

    /// The kind's name in messages and in the editor's table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Prose { .. } => "prose",
            Self::Template { .. } => "template",
            Self::Expression => "expression",
            Self::Bool => "bool",
            Self::Int { .. } => "int",
            Self::Number => "number",
            Self::Enum(_) => "enum",
            Self::Duration { .. } => "duration",
            Self::Date => "date",
            Self::NodeRef => "nodeRef",
            Self::Variable => "variable",
            Self::Texts => "texts",
            Self::Json => "json",
            Self::Object(_) => "object",
            Self::List(_) => "list",
            Self::Expressions => "expressions",
        }
    }
}
