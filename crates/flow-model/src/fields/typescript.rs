//! Prints the field table as a TypeScript module, for the editor.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    DEFAULT_OUTPUT, DefaultValue, FieldKind, FieldSpec, HandleSpec, ItemSpec, NODE_TYPES, NodeSpec, TESTS,
    WhenTest,
};
use crate::{EDGES_MAX, ID_LENGTH_MAX, NODES_MAX, SCHEMA};

/// A self-contained TypeScript module: the types of every node's data, and the
/// table that draws forms and handles.
#[must_use]
pub fn typescript() -> String {
    let mut out = String::from(HEAD);
    constants(&mut out);
    out.push_str(SHAPES);

    let items = item_specs();
    for item in &items {
        interface(&mut out, &format!("{}Item", pascal(item.name)), item.fields, true);
    }
    for spec in NODE_TYPES {
        interface(&mut out, &format!("{}Data", pascal(spec.name)), spec.fields, false);
    }
    let names: Vec<_> = NODE_TYPES.iter().map(|spec| format!("'{}'", spec.name)).collect();
    line(&mut out, &format!("export type NodeType = {};", names.join(" | ")));
    out.push('\n');
    line(&mut out, "export interface NodeData {");
    for spec in NODE_TYPES {
        line(&mut out, &format!("  {}: {}Data;", spec.name, pascal(spec.name)));
    }
    out.push_str("}\n\n");

    line(&mut out, "export const ITEM_TYPES: Record<string, ItemSpec> = {");
    for item in items {
        entry(&mut out, item.name, &ItemView { name: item.name, label: item.label }, item.fields);
    }
    out.push_str("};\n\n");
    line(&mut out, "export const NODE_TYPES: Record<NodeType, NodeSpec> = {");
    for spec in NODE_TYPES {
        entry(&mut out, spec.name, &NodeView::from(spec), spec.fields);
    }
    out.push_str("};\n");
    out.push_str(crate::order::TYPESCRIPT);
    out
}

const HEAD: &str = "\
// Generated from the field table of flow-model; do not edit.
// To write it anew: cargo run -p flow-model --example typescript > web/src/model/fields.generated.ts

";

/// What the table's entries look like. `kind` decides which of the optional
/// members are there.
const SHAPES: &str = "\
export type FieldKind =
  | 'text' | 'prose' | 'template' | 'expression' | 'bool' | 'int' | 'number' | 'enum' | 'duration' | 'date'
  | 'nodeRef' | 'variable' | 'texts' | 'json' | 'object' | 'list' | 'expressions';

/** How the document stores a value: one plain value, a Y.Text, or a Y.Map. */
export type Storage = 'value' | 'text' | 'map';

export interface Choice { value: string; label: string }

/** The field or handle applies only when this holds, and `field` applies itself. */
export interface When { field: string; is?: string[]; isTrue?: true; isSet?: true }

export interface FieldSpec {
  name: string;
  label: string;
  doc: string;
  kind: FieldKind;
  storage: Storage;
  required: boolean;
  /** What a missing value means. */
  default?: string | number | boolean;
  when?: When;
  /** UTF-16 units. */
  lengthMax?: number;
  min?: number;
  max?: number;
  choices?: Choice[];
  /** For lists and objects: the key in ITEM_TYPES. */
  item?: string;
}

export interface ItemSpec { name: string; label: string; fields: FieldSpec[] }

/** One handle, or one per item of the list `perItem`: its id is the item's id. */
export type HandleSpec =
  | { id: string; label: string; doc: string; when?: When }
  | { perItem: string; label: string; onlyIf?: string; when?: When };

export interface NodeSpec {
  name: NodeType;
  version: number;
  label: string;
  doc: string;
  executed: boolean;
  hasInput: boolean;
  pauses: boolean;
  handles: HandleSpec[];
  fields: FieldSpec[];
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

";

fn constants(out: &mut String) {
    line(out, &format!("export const SCHEMA = {SCHEMA};"));
    line(out, &format!("export const NODES_MAX = {NODES_MAX};"));
    line(out, &format!("export const EDGES_MAX = {EDGES_MAX};"));
    line(out, "/** Characters of an id of a node, edge or item at most. */");
    line(out, &format!("export const ID_LENGTH_MAX = {ID_LENGTH_MAX};"));
    line(out, "/** The output an edge without sourceHandle leaves by. */");
    line(out, &format!("export const DEFAULT_OUTPUT = '{DEFAULT_OUTPUT}';"));
    out.push('\n');
}

/// Every shape that is reachable from a node or a test case, each once, in order of first use.
fn item_specs() -> Vec<&'static ItemSpec> {
    let mut found: Vec<&'static ItemSpec> = Vec::new();
    let mut waiting: Vec<&'static [FieldSpec]> = vec![std::slice::from_ref(&TESTS)];
    waiting.extend(NODE_TYPES.iter().rev().map(|spec| spec.fields));
    while let Some(fields) = waiting.pop() {
        for field in fields {
            if let FieldKind::List(item) | FieldKind::Object(item) = field.kind
                && !found.iter().any(|known| known.name == item.name)
            {
                found.push(item);
                waiting.push(item.fields);
            }
        }
    }
    found
}

fn interface(out: &mut String, name: &str, fields: &'static [FieldSpec], item: bool) {
    line(out, &format!("export interface {name} {{"));
    if item && !matches!(name, "MockItem" | "RetryItem") {
        line(out, "  id: string;");
        line(out, "  order: string;");
    }
    for field in fields {
        line(out, &format!("  /** {} */", field.doc));
        line(out, &format!("  {}?: {};", field.name, value_type(field.kind)));
    }
    out.push_str("}\n\n");
}

fn value_type(kind: FieldKind) -> String {
    match kind {
        FieldKind::Bool => "boolean".into(),
        FieldKind::Int { .. } | FieldKind::Number | FieldKind::Duration { .. } => "number".into(),
        FieldKind::Enum(choices) => {
            let values: Vec<_> = choices.iter().map(|choice| format!("'{}'", choice.value)).collect();
            values.join(" | ")
        }
        FieldKind::Texts => "string[]".into(),
        FieldKind::Json => "Json".into(),
        FieldKind::Object(item) => format!("{}Item", pascal(item.name)),
        FieldKind::List(item) => format!("{}Item[]", pascal(item.name)),
        FieldKind::Expressions => "Record<string, string>".into(),
        FieldKind::Text { .. }
        | FieldKind::Prose { .. }
        | FieldKind::Template { .. }
        | FieldKind::Expression
        | FieldKind::Date
        | FieldKind::NodeRef
        | FieldKind::Variable => "string".into(),
    }
}

/// One member of a table: the view's members, then one line per field.
fn entry(out: &mut String, key: &str, view: &impl Serialize, fields: &'static [FieldSpec]) {
    let members = json(view);
    let members = members.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&members);
    line(out, &format!("  {key}: {{"));
    line(out, &format!("    {members},"));
    line(out, "    \"fields\": [");
    for field in fields {
        line(out, &format!("      {},", json(&field_view(field))));
    }
    line(out, "    ],");
    line(out, "  },");
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// Structs and not `json!`, so that members come in this order whichever
/// features of `serde_json` another crate has turned on.
fn json(view: &impl Serialize) -> String {
    serde_json::to_string(view).expect("a table of texts and numbers is JSON")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeView {
    name: &'static str,
    version: u32,
    label: &'static str,
    doc: &'static str,
    executed: bool,
    has_input: bool,
    pauses: bool,
    handles: Vec<HandleView>,
}

impl From<&NodeSpec> for NodeView {
    fn from(spec: &NodeSpec) -> Self {
        Self {
            name: spec.name,
            version: spec.version,
            label: spec.label,
            doc: spec.doc,
            executed: spec.executed,
            has_input: spec.has_input,
            pauses: spec.pauses,
            handles: spec.handles.iter().map(handle_view).collect(),
        }
    }
}

#[derive(Serialize)]
struct ItemView {
    name: &'static str,
    label: &'static str,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct HandleView {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_item: Option<&'static str>,
    label: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_if: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<WhenView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldView {
    name: &'static str,
    label: &'static str,
    doc: &'static str,
    kind: &'static str,
    storage: &'static str,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<DefaultView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<WhenView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<ChoiceView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DefaultView {
    Bool(bool),
    Int(i64),
    Text(&'static str),
}

#[derive(Serialize)]
struct ChoiceView {
    value: &'static str,
    label: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WhenView {
    field: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<&'static [&'static str]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_true: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_set: bool,
}

impl From<super::When> for WhenView {
    fn from(when: super::When) -> Self {
        let is = if let WhenTest::Is(values) = when.test { Some(values) } else { None };
        Self {
            field: when.field,
            is,
            is_true: matches!(when.test, WhenTest::True),
            is_set: matches!(when.test, WhenTest::Set),
        }
    }
}

fn handle_view(handle: &HandleSpec) -> HandleView {
    match *handle {
        HandleSpec::Fixed { id, label, doc, when } => HandleView {
            id: Some(id),
            label,
            doc: Some(doc),
            when: when.map(WhenView::from),
            ..HandleView::default()
        },
        HandleSpec::PerItem { field, label, only_if, when } => HandleView {
            per_item: Some(field),
            label,
            only_if,
            when: when.map(WhenView::from),
            ..HandleView::default()
        },
    }
}

fn field_view(field: &FieldSpec) -> FieldView {
    let mut view = FieldView {
        name: field.name,
        label: field.label,
        doc: field.doc,
        kind: field.kind.name(),
        storage: match field.kind {
            FieldKind::Prose { .. } => "text",
            kind if kind.is_shared() => "map",
            _ => "value",
        },
        required: field.required,
        default: field.default.map(|default| match default {
            DefaultValue::Bool(value) => DefaultView::Bool(value),
            DefaultValue::Int(value) => DefaultView::Int(value),
            DefaultValue::Text(value) => DefaultView::Text(value),
        }),
        when: field.when.map(WhenView::from),
        length_max: None,
        min: None,
        max: None,
        choices: None,
        item: None,
    };
    match field.kind {
        FieldKind::Text { length_max }
        | FieldKind::Prose { length_max }
        | FieldKind::Template { length_max } => view.length_max = Some(length_max),
        FieldKind::Int { min, max } | FieldKind::Duration { min_ms: min, max_ms: max } => {
            (view.min, view.max) = (Some(min), Some(max));
        }
        FieldKind::Enum(choices) => {
            let choices =
                choices.iter().map(|choice| ChoiceView { value: choice.value, label: choice.label });
            view.choices = Some(choices.collect());
        }
        FieldKind::List(item) | FieldKind::Object(item) => view.item = Some(item.name),
        FieldKind::Expression
        | FieldKind::Bool
        | FieldKind::Number
        | FieldKind::Date
        | FieldKind::NodeRef
        | FieldKind::Variable
        | FieldKind::Texts
        | FieldKind::Json
        | FieldKind::Expressions => {}
    }
    view
}
