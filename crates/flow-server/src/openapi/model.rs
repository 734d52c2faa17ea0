//! The shapes of what flows are made of. Their crates know no HTTP, so they are written
//! down here; tests hold what the server answers against them.

use std::borrow::Cow;

use flow_model::{
    Code, DESCRIPTION_CHARS_MAX, EDGES_MAX, ID_LENGTH_MAX, JSON_VERSION, NODES_MAX, TAGS_MAX, TESTS_MAX,
};
use serde_json::{Value, json};
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{cases, edits};

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident = $shape:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) enum $name {}

            impl PartialSchema for $name {
                /// Its name; `finish` puts the shape itself into the document, since the
                /// types of `utoipa` cannot hold all of JSON Schema.
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::Object(Object::new()))
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($name))
                }
            }
        )*

        /// Each shape under its name, and those that only they refer to.
        pub(super) fn shapes() -> Vec<(String, Value)> {
            let mut shapes = vec![$((stringify!($name).to_owned(), $shape)),*];
            shapes.extend(inner());
            shapes
        }
    };
}

shapes! {
    /// A flow in its JSON form.
    FlowJson = flow_json();
    /// A flow in its JSON form, with a name.
    PutFlow = put_flow();
    /// A flow as it is now.
    Graph = graph();
    /// A typed edit.
    Edit = edits::edit();
    Diagnostic = diagnostic();
    /// What leads from one graph to another.
    GraphDiff = graph_diff();
    ImportNote = import_note();
    /// What running test cases came to, case by case.
    TestReport = cases::report();
}

fn inner() -> Vec<(String, Value)> {
    let named = |name: &str, shape| (name.to_owned(), shape);
    vec![
        named("JsonKey", key()),
        named("JsonNode", json_node()),
        named("JsonEdge", json_edge()),
        named("JsonVariable", json_variable()),
        named("JsonTest", cases::json_test()),
        named("GraphTest", cases::graph_test()),
        named("TestCaseReport", cases::case()),
        named("TestCoverage", cases::coverage()),
        named("Layout", layout()),
        named("GraphNode", graph_node()),
        named("GraphEdge", graph_edge()),
        named("GraphVariable", graph_variable()),
        named("FieldChange", field_change()),
    ]
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn key() -> Value {
    json!({
        "description": "An id or a key.",
        "type": "string",
        "minLength": 1,
        "maxLength": ID_LENGTH_MAX,
        "pattern": r"^[^/\u0000-\u001f\u007f-\u009f]*$",
        "not": { "const": "__proto__" },
    })
}

/// `null` is the same as leaving it out.
pub(super) fn text_or_null() -> Value {
    json!({ "type": ["string", "null"] })
}

fn number_or_null() -> Value {
    json!({ "type": ["number", "null"] })
}

fn keyed(value: &Value) -> Value {
    json!({ "type": ["object", "null"], "propertyNames": reference("JsonKey"), "additionalProperties": value })
}

fn or_null(shape: &Value) -> Value {
    json!({ "anyOf": [shape, { "type": "null" }] })
}

fn flow_json() -> Value {
    json!({
        "description": "A flow in its JSON form. The fields of each type of node are described by the \
            JSON Schema at `/api/schema/interflow-1.json`; what does not fit there is kept and found \
            by validation. Keys that nobody knows are kept.",
        "type": "object",
        "required": ["interflow"],
        // Which belong to a document and not to this form.
        "propertyNames": { "allOf": [reference("JsonKey"), { "not": { "enum": ["schema", "lineage"] } }] },
        "properties": {
            "interflow": { "type": "integer", "const": JSON_VERSION, "description": "The version of the form." },
            "name": text_or_null(),
            "description": { "type": ["string", "null"], "maxLength": DESCRIPTION_CHARS_MAX },
            "tags": { "type": ["array", "null"], "items": reference("JsonKey"), "maxItems": TAGS_MAX },
            "nodes": { "type": ["array", "null"], "items": reference("JsonNode"), "maxItems": NODES_MAX },
            "edges": { "type": ["array", "null"], "items": reference("JsonEdge"), "maxItems": EDGES_MAX },
            "layout": keyed(&or_null(&reference("Layout"))),
            "variables": keyed(&or_null(&reference("JsonVariable"))),
            "settings": keyed(&json!({})),
            "tests": { "type": ["array", "null"], "items": reference("JsonTest"), "maxItems": TESTS_MAX },
        },
    })
}

fn put_flow() -> Value {
    let mut shape = flow_json();
    shape["required"] = json!(["interflow", "name"]);
    shape["properties"]["name"] = serde_json::to_value(super::fields::flow_name()).expect("a schema is JSON");
    shape
}

fn json_node() -> Value {
    json!({
        "type": "object",
        "required": ["id", "type"],
        "propertyNames": reference("JsonKey"),
        "properties": {
            "id": reference("JsonKey"),
            "type": { "type": "string", "minLength": 1, "description": "Types that are not known are kept." },
            "typeVersion": { "type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX },
            "label": text_or_null(),
            "disabled": { "type": ["boolean", "null"] },
            "parent": { "type": ["string", "null"], "description": "The id of the group the node is drawn in." },
            "data": { "type": ["object", "null"], "propertyNames": reference("JsonKey") },
        },
    })
}

fn json_edge() -> Value {
    json!({
        "type": "object",
        "required": ["source", "target"],
        "propertyNames": reference("JsonKey"),
        "properties": {
            "id": or_null(&reference("JsonKey")),
            "source": { "type": "string", "description": "The id of the node the edge begins at." },
            "sourceHandle": { "type": ["string", "null"], "description": "The output it leaves by." },
            "target": { "type": "string", "description": "The id of the node it ends at." },
            "targetHandle": text_or_null(),
            "label": text_or_null(),
        },
    })
}

fn json_variable() -> Value {
    json!({
        "type": "object",
        "propertyNames": reference("JsonKey"),
        "properties": { "type": text_or_null(), "default": {}, "description": text_or_null() },
    })
}

fn layout() -> Value {
    json!({
        "description": "Where a node is drawn, relative to its parent.",
        "type": "object",
        "required": ["x", "y"],
        "properties": {
            "x": { "type": "number" }, "y": { "type": "number" },
            "w": number_or_null(), "h": number_or_null(),
        },
    })
}

fn graph() -> Value {
    let keyed = |name| json!({ "type": "object", "additionalProperties": reference(name) });
    json!({
        "description": "A flow as it is now, whatever its document contains.",
        "type": "object",
        "required": ["meta", "nodes", "layout", "edges", "variables", "settings"],
        "properties": {
            "meta": {
                "type": "object",
                "required": ["name", "description", "tags"],
                "properties": {
                    "schema": { "type": "integer" },
                    "lineage": { "type": "string" },
                    "name": { "type": "string" },
                    "description": { "type": "string" },
                    "tags": { "type": "array", "items": { "type": "string" } },
                },
            },
            "nodes": keyed("GraphNode"),
            "layout": keyed("Layout"),
            "edges": keyed("GraphEdge"),
            "variables": keyed("GraphVariable"),
            "settings": { "type": "object" },
            "tests": keyed("GraphTest"),
        },
    })
}

fn graph_node() -> Value {
    json!({
        "type": "object",
        "required": ["id", "type", "typeVersion", "data"],
        "properties": {
            "id": { "type": "string" },
            "type": { "type": "string" },
            "typeVersion": { "type": "integer", "minimum": 0 },
            "label": { "type": "string" },
            "disabled": { "type": "boolean" },
            "parent": { "type": "string" },
            "data": { "type": "object" },
        },
    })
}

fn graph_edge() -> Value {
    json!({
        "type": "object",
        "required": ["id", "source", "target"],
        "properties": {
            "id": { "type": "string" },
            "source": { "type": "string" },
            "sourceHandle": { "type": "string" },
            "target": { "type": "string" },
            "targetHandle": { "type": "string" },
            "label": { "type": "string" },
        },
    })
}

fn graph_variable() -> Value {
    json!({
        "type": "object",
        "required": ["type"],
        "properties": { "type": { "type": "string" }, "default": {}, "description": { "type": "string" } },
    })
}

fn diagnostic() -> Value {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "description": "A finding of validation.",
        "type": "object",
        "required": ["severity", "code", "message"],
        "properties": {
            "severity": { "type": "string", "enum": ["error", "warning"] },
            "code": { "type": "string", "enum": codes, "description": "New ones may be added." },
            "message": { "type": "string" },
            "node": { "type": "string" },
            "edge": { "type": "string" },
            "field": {
                "type": "string",
                "description": "The field's path inside the node, or the key of a variable, a setting, a test case or `meta`.",
            },
        },
    })
}

fn field_change() -> Value {
    json!({
        "description": "How a field changed: `text` and `value` from `before` to `after`, and what became \
            of an item of a list.",
        "type": "object",
        "required": ["path", "kind"],
        "properties": {
            "path": { "type": "string" },
            "kind": { "type": "string", "enum": ["text", "value", "itemAdded", "itemRemoved", "itemMoved"] },
            "before": {},
            "after": {},
            "item": {},
        },
    })
}

fn graph_diff() -> Value {
    let changes = || json!({ "type": "array", "items": reference("FieldChange") });
    let entries = |entry: &Value, changed: &Value| {
        json!({
            "type": "object",
            "required": ["added", "removed", "changed"],
            "properties": {
                "added": { "type": "array", "items": entry },
                "removed": { "type": "array", "items": entry },
                "changed": { "type": "array", "items": changed },
            },
        })
    };
    let node = json!({
        "type": "object",
        "required": ["id", "type", "properties", "fields"],
        "properties": {
            "id": { "type": "string" }, "type": { "type": "string" }, "label": { "type": "string" },
            "properties": changes(), "fields": changes(),
        },
    });
    let edge = json!({
        "type": "object",
        "required": ["id", "source", "target", "properties"],
        "properties": {
            "id": { "type": "string" }, "source": { "type": "string" }, "target": { "type": "string" },
            "properties": changes(),
        },
    });
    let name =
        json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
    let variable = json!({
        "type": "object",
        "required": ["name", "properties"],
        "properties": { "name": { "type": "string" }, "properties": changes() },
    });
    json!({
        "description": "What leads from an earlier graph to a later one.",
        "type": "object",
        "required": ["nodes", "moved", "edges", "variables", "settings", "meta"],
        "properties": {
            "nodes": entries(&reference("GraphNode"), &node),
            "moved": { "type": "array", "items": {
                "type": "object",
                "required": ["id"],
                "properties": { "id": { "type": "string" }, "before": reference("Layout"), "after": reference("Layout") },
            } },
            "edges": entries(&reference("GraphEdge"), &edge),
            "variables": entries(&json!({ "allOf": [name, reference("GraphVariable")] }), &variable),
            "settings": changes(),
            "meta": changes(),
            "tests": changes(),
        },
    })
}

fn import_note() -> Value {
    let codes: Vec<_> = flow_import::NoteCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "description": "What an import dropped, or what works differently.",
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "node": { "type": "string" },
            "code": { "type": "string", "enum": codes, "description": "New ones may be added." },
            "message": { "type": "string" },
        },
    })
}
