//! The field table: one entry per node type and version, saying which field is
//! what. Typed edits, validation, import and the editor's forms all follow it.
//!
//! Start with [`NodeSpec`] and [`spec`]. [`typescript`] prints the same table
//! for the editor. Fields the table does not name are kept as they are.

mod api;
mod case;
mod common;
mod handles;
mod input;
mod logic;
mod message;
mod nodes;
mod typescript;

pub use case::{ASSERTION_TYPES, TEST, TESTS};
pub(crate) use handles::applies;
pub use handles::{HandleSpec, Handles};
pub use nodes::NODE_TYPES;
pub(crate) use nodes::VALUE_TYPES;
pub use typescript::typescript;

/// The `onError` field and the `error` handle that it can open.
pub use common::{ERROR_HANDLE, ON_ERROR};

/// The output a node leaves by when an edge names none.
pub const DEFAULT_OUTPUT: &str = "out";

/// One node type at one version.
#[derive(Debug)]
pub struct NodeSpec {
    /// The value of `type` in the document.
    pub name: &'static str,
    pub version: u32,
    pub label: &'static str,
    pub doc: &'static str,
    /// Whether a run visits the node. Notes and groups are only drawn.
    pub executed: bool,
    /// Whether edges may end here.
    pub has_input: bool,
    /// Whether a run rests here, so that a cycle through it does not spin.
    pub pauses: bool,
    pub fields: &'static [FieldSpec],
    /// Where edges may start.
    pub handles: &'static [HandleSpec],
}

impl NodeSpec {
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        find(self.fields, name)
    }
}

/// One field of a node or of an item of a list.
#[derive(Debug)]
pub struct FieldSpec {
    /// The key in `data`, or in the item.
    pub name: &'static str,
    pub label: &'static str,
    pub doc: &'static str,
    pub kind: FieldKind,
    pub required: bool,
    /// What a missing value means.
    pub default: Option<DefaultValue>,
    /// The field applies only when this holds; its value is ignored otherwise.
    pub when: Option<When>,
}

/// What a field holds, and how the document stores it.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// One line of plain text, at most so many UTF-16 units.
    Text {
        length_max: u32,
    },
    /// Text that several people write at once: a `Y.Text`.
    Prose {
        length_max: u32,
    },
    /// Text with `{{ … }}` in it.
    Template {
        length_max: u32,
    },
    /// One bare expression.
    Expression,
    Bool,
    Int {
        min: i64,
        max: i64,
    },
    Number,
    /// One of a fixed set of values.
    Enum(&'static [Choice]),
    /// Whole milliseconds.
    Duration {
        min_ms: i64,
        max_ms: i64,
    },
    /// A calendar date, or date and time, in ISO 8601.
    Date,
    /// The id of another node of the flow.
    NodeRef,
    /// The name of a variable of the flow.
    Variable,
    /// A list of plain texts, stored as one value.
    Texts,
    /// Any JSON value, stored as one value.
    Json,
    /// A fixed set of fields stored as one value, because they change together.
    Object(&'static ItemSpec),
    /// A `Y.Map` from item id to a `Y.Map` of these fields, with `order`.
    List(&'static ItemSpec),
    /// A `Y.Map` from a name to an expression.
    Expressions,
}

/// The fields of a list's items, or of an object.
#[derive(Debug)]
pub struct ItemSpec {
    /// Names the shape, so that one may hold itself (groups of rules).
    pub name: &'static str,
    pub label: &'static str,
    pub fields: &'static [FieldSpec],
}

impl ItemSpec {
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        find(self.fields, name)
    }
}

#[derive(Debug)]
pub struct Choice {
    pub value: &'static str,
    pub label: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub enum DefaultValue {
    Bool(bool),
    Int(i64),
    Text(&'static str),
}

/// A condition on another field of the same node or item. It fails where that
/// field does not apply itself.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub field: &'static str,
    pub test: WhenTest,
}

#[derive(Debug, Clone, Copy)]
pub enum WhenTest {
    /// The value is one of these texts.
    Is(&'static [&'static str]),
    /// The value is `true`.
    True,
    /// There is a value.
    Set,
}

/// The spec of a node type, if this release knows it at that version.
#[must_use]
pub fn spec(node_type: &str, version: u32) -> Option<&'static NodeSpec> {
    NODE_TYPES.iter().find(|spec| spec.name == node_type && spec.version == version)
}

/// The newest version of a node type.
#[must_use]
pub fn newest(node_type: &str) -> Option<&'static NodeSpec> {
    NODE_TYPES.iter().filter(|spec| spec.name == node_type).max_by_key(|spec| spec.version)
}

fn find(fields: &'static [FieldSpec], name: &str) -> Option<&'static FieldSpec> {
    fields.iter().find(|field| field.name == name)
}

// The tables below read as lists because of these.

const LINE: FieldKind = FieldKind::Text { length_max: 1_000 };
const TEMPLATE: FieldKind = FieldKind::Template { length_max: 10_000 };
const PROSE: FieldKind = FieldKind::Prose { length_max: 50_000 };

const fn field(name: &'static str, label: &'static str, kind: FieldKind, doc: &'static str) -> FieldSpec {
    FieldSpec { name, label, doc, kind, required: false, default: None, when: None }
}

const fn choice(value: &'static str, label: &'static str) -> Choice {
    Choice { value, label }
}

impl FieldSpec {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn default_text(mut self, value: &'static str) -> Self {
        self.default = Some(DefaultValue::Text(value));
        self
    }

    const fn default_int(mut self, value: i64) -> Self {
        self.default = Some(DefaultValue::Int(value));
        self
    }

    const fn default_bool(mut self, value: bool) -> Self {
        self.default = Some(DefaultValue::Bool(value));
        self
    }

    const fn when(mut self, field: &'static str, values: &'static [&'static str]) -> Self {
        self.when = Some(When { field, test: WhenTest::Is(values) });
        self
    }

    const fn when_true(mut self, field: &'static str) -> Self {
        self.when = Some(When { field, test: WhenTest::True });
        self
    }
}

#[cfg(test)]
mod tests;
