//! The JSON form's schema (JSON Schema, draft 2020-12), made from the field table.
//!
//! It says what a flow in the JSON form looks like: which keys there are, and of what
//! kind each field is. It does not say whether the flow makes sense: fields may be
//! missing, edges may lead nowhere, as in every flow under construction. A flow in
//! which a field holds something of another kind (`wrong_field_type`, `unknown_choice`,
//! `out_of_bounds`) is exported as it is, and is the one export that does not fit.
//! Keys that nobody knows are allowed everywhere, as the form keeps them.

use serde_json::{Map, Value, json};

use crate::fields::{DefaultValue, FieldKind, FieldSpec, ItemSpec, NODE_TYPES, NodeSpec, TESTS, VALUE_TYPES};
use crate::{EDGES_MAX, ID_LENGTH_MAX, JSON_VERSION, NODES_MAX, TESTS_MAX};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Names the schema; it is no address.
const ID: &str = "urn:interflow:schema:interflow-1";

/// The schema of version 1 of the form, members sorted.
#[must_use]
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    definitions.insert("key".into(), key());
    definitions.insert("node".into(), node());
    definitions.insert("edge".into(), edge());
    definitions.insert("layout".into(), layout());
    definitions.insert("variable".into(), variable());
    for spec in NODE_TYPES {
        definitions.insert(definition(spec), fields("Data", spec.doc, spec.fields, Map::new()));
        items(spec.fields, &mut definitions);
    }
    items(std::slice::from_ref(&TESTS), &mut definitions);
    let mut tests = field(&TESTS);
    tests["maxItems"] = TESTS_MAX.into();
    sorted(json!({
        "$schema": DIALECT,
        "$id": ID,
        "title": "Interflow flow",
        "description": "A flow in Interflow's JSON form, version 1.",
        "type": "object",
        "required": ["interflow"],
        "propertyNames": reference("key"),
        "properties": {
            "interflow": { "const": JSON_VERSION, "description": "The version of the form." },
            "name": { "type": "string" },
            "description": { "type": "string" },
            "tags": { "type": "array", "items": reference("key") },
            "nodes": { "type": "array", "items": reference("node"), "maxItems": NODES_MAX },
            "edges": { "type": "array", "items": reference("edge"), "maxItems": EDGES_MAX },
            "layout": keyed("By the id of the node.", &reference("layout")),
            "variables": keyed("By their names.", &reference("variable")),
            "settings": keyed("By their names.", &json!(true)),
            "tests": tests,
            // They belong to a document.
            "schema": false,
            "lineage": false,
        },
        "$defs": definitions,
    }))
}

/// The same as text, as it is published.
#[must_use]
pub fn json_schema_text() -> String {
    serde_json::to_string_pretty(&json_schema()).expect("a schema of texts and numbers is JSON") + "\n"
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn keyed(description: &str, value: &Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "propertyNames": reference("key"),
        "additionalProperties": value,
    })
}

/// What [`crate::is_key`] allows.
fn key() -> Value {
    json!({
        "description": "An id or a key.",
        "type": "string",
        "minLength": 1,
        "maxLength": ID_LENGTH_MAX,
        "pattern": r"^[^/\u0000-\u001f\u007f-\u009f]*$",
        "not": { "const": "__proto__" },
    })
}

/// What [`crate::is_variable_name`] allows; nothing yet, where one has to be chosen.
fn variable_name(empty: bool) -> Value {
    let pattern = if empty { "^([A-Za-z_][A-Za-z0-9_]*)?$" } else { "^[A-Za-z_][A-Za-z0-9_]*$" };
    json!({ "type": "string", "pattern": pattern, "maxLength": ID_LENGTH_MAX })
}

fn node() -> Value {
    let of_type = |spec: &NodeSpec| {
        json!({
            "if": { "properties": { "type": { "const": spec.name }, "typeVersion": { "const": spec.version } } },
            "then": { "properties": { "data": reference(&definition(spec)) } },
        })
    };
    json!({
        "type": "object",
        "required": ["id", "type"],
        "propertyNames": reference("key"),
        "properties": {
            "id": reference("key"),
            "type": { "type": "string", "minLength": 1, "description": "Types that are not known are kept." },
            "typeVersion": { "type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 1 },
            "label": { "type": "string" },
            "disabled": { "type": "boolean", "default": false },
            "parent": { "type": "string", "description": "The id of the group the node is drawn in." },
            "data": { "type": "object", "propertyNames": reference("key") },
        },
        "allOf": NODE_TYPES.iter().map(of_type).collect::<Vec<_>>(),
    })
}

fn edge() -> Value {
    json!({
        "type": "object",
        "required": ["source", "target"],
        "propertyNames": reference("key"),
        "properties": {
            "id": reference("key"),
            "source": { "type": "string", "description": "The id of the node the edge begins at." },
            "sourceHandle": { "type": "string", "description": "The output it leaves by." },
            "target": { "type": "string", "description": "The id of the node it ends at." },
            "targetHandle": { "type": "string" },
            "label": { "type": "string" },
        },
    })
}

fn layout() -> Value {
    json!({
        "type": "object",
        "description": "Where a node is drawn, relative to its parent.",
        "required": ["x", "y"],
        "properties": {
            "x": { "type": "number" }, "y": { "type": "number" },
            "w": { "type": "number" }, "h": { "type": "number" },
        },
    })
}

fn variable() -> Value {
    let types: Vec<_> = VALUE_TYPES.iter().map(|choice| choice.value).collect();
    json!({
        "type": "object",
        "propertyNames": reference("key"),
        "properties": {
            "type": { "enum": types, "default": "any" },
            "default": true,
            "description": { "type": "string" },
        },
    })
}

fn definition(spec: &NodeSpec) -> String {
    format!("{}-{}", spec.name, spec.version)
}

/// The shapes of items and objects, each once, those inside them too.
fn items(fields_of: &'static [FieldSpec], definitions: &mut Map<String, Value>) {
    for field in fields_of {
        let (item, own) = match field.kind {
            FieldKind::List(item) => (item, json!({ "id": reference("key"), "order": { "type": "string" } })),
            FieldKind::Object(item) => (item, json!({})),
            _ => continue,
        };
        let name = item_definition(item);
        if !definitions.contains_key(&name) {
            let Value::Object(own) = own else { continue };
            definitions.insert(name, fields(item.label, "", item.fields, own));
            items(item.fields, definitions);
        }
    }
}

fn item_definition(item: &ItemSpec) -> String {
    format!("item-{}", item.name)
}

fn fields(title: &str, doc: &str, fields: &'static [FieldSpec], mut properties: Map<String, Value>) -> Value {
    properties.extend(fields.iter().map(|spec| (spec.name.to_owned(), field(spec))));
    let mut schema = json!({ "title": title, "type": "object", "propertyNames": reference("key"), "properties": properties });
    if !doc.is_empty() {
        schema["description"] = doc.into();
    }
    schema
}

fn field(spec: &FieldSpec) -> Value {
    let mut schema = kind(spec);
    schema["title"] = spec.label.into();
    schema["description"] = spec.doc.into();
    if let Some(default) = spec.default {
        schema["default"] = match default {
            DefaultValue::Bool(value) => value.into(),
            DefaultValue::Int(value) => value.into(),
            DefaultValue::Text(value) => value.into(),
        };
    }
    schema
}

fn kind(spec: &FieldSpec) -> Value {
    match spec.kind {
        // Lengths are bounded in UTF-16 units, of which there are never fewer than
        // the characters that count here.
        FieldKind::Text { length_max }
        | FieldKind::Prose { length_max }
        | FieldKind::Template { length_max } => json!({ "type": "string", "maxLength": length_max }),
        FieldKind::Expression | FieldKind::NodeRef => json!({ "type": "string" }),
        FieldKind::Bool => json!({ "type": "boolean" }),
        FieldKind::Int { min, max } | FieldKind::Duration { min_ms: min, max_ms: max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        FieldKind::Number => json!({ "type": "number" }),
        FieldKind::Enum(choices) => {
            json!({ "enum": choices.iter().map(|choice| choice.value).collect::<Vec<_>>() })
        }
        FieldKind::Date => json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}(T|$)" }),
        FieldKind::Variable => variable_name(spec.required),
        FieldKind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        FieldKind::Json => json!({}),
        FieldKind::Object(item) => reference(&item_definition(item)),
        FieldKind::List(item) => json!({ "type": "array", "items": reference(&item_definition(item)) }),
        FieldKind::Expressions => {
            json!({ "type": "object", "propertyNames": reference("key"), "additionalProperties": { "type": "string" } })
        }
    }
}

/// Members in the order of their names, whichever features of `serde_json` another
/// crate has turned on.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests;
