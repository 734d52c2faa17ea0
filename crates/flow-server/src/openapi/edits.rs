//! The shape of a typed edit, one for each `op`.

use flow_model::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, TAGS_MAX};
use serde_json::{Map, Value, json};

use super::model::{key, reference, text_or_null};

/// A member of an edit.
struct Member {
    name: &'static str,
    shape: Value,
    required: bool,
}

fn needs(name: &'static str, shape: Value) -> Member {
    Member { name, shape, required: true }
}

fn may(name: &'static str, shape: Value) -> Member {
    Member { name, shape, required: false }
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn number_or_null() -> Value {
    json!({ "type": ["number", "null"] })
}

fn data() -> Value {
    json!({ "type": "object" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
}

pub(super) fn edit() -> Value {
    let ops = ops().into_iter().map(|(op, description, members)| one(op, description, members));
    json!({
        "description": "One change of a flow. A `field` inside a node is a path: the field's name, then, \
            for each list on the way, an item's id and the item's field, joined by `/`.",
        "oneOf": ops.collect::<Vec<_>>(),
    })
}

fn one(op: &str, description: &str, members: Vec<Member>) -> Value {
    let required = members.iter().filter(|member| member.required).map(|member| member.name);
    let required: Vec<_> = std::iter::once("op").chain(required).collect();
    let mut properties = Map::from_iter([("op".to_owned(), json!({ "type": "string", "const": op }))]);
    properties.extend(members.into_iter().map(|member| (member.name.to_owned(), member.shape)));
    json!({
        "title": op,
        "description": description,
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn ops() -> Vec<(&'static str, &'static str, Vec<Member>)> {
    [nodes(), edges(), whole(), items()].into_iter().flatten().collect()
}

fn nodes() -> Vec<(&'static str, &'static str, Vec<Member>)> {
    let position = json!({
        "type": "object",
        "required": ["x", "y"],
        "properties": { "x": number(), "y": number(), "w": number_or_null(), "h": number_or_null() },
        "additionalProperties": false,
    });
    let id = json!({ "anyOf": [key(), { "type": "null" }] });
    vec![
        (
            "addNode",
            "Adds a node; without an id it gets one. Items of lists in `data` get ids and an order where \
                they have none.",
            vec![
                may("id", id),
                needs("type", text()),
                may("label", text_or_null()),
                may("position", position),
                may("data", data()),
                may("parent", text_or_null()),
            ],
        ),
        (
            "updateNode",
            "Sets what is given; `null` removes. A list replaces the list: items are told apart by their ids.",
            vec![
                needs("id", text()),
                may("label", text_or_null()),
                may("disabled", json!({ "type": ["boolean", "null"] })),
                may("data", data()),
            ],
        ),
        (
            "moveNode",
            "Puts a node elsewhere, relative to its parent. `parent` moves it into a group, or out of all \
                of them with `null`.",
            vec![
                needs("id", text()),
                needs("x", number()),
                needs("y", number()),
                may("w", number_or_null()),
                may("h", number_or_null()),
                may("parent", text_or_null()),
            ],
        ),
        (
            "removeNode",
            "Removes a node with its edges and its layout. What a group held moves to where the group was.",
            vec![needs("id", text())],
        ),
    ]
}

fn edges() -> Vec<(&'static str, &'static str, Vec<Member>)> {
    vec![
        (
            "connect",
            "Draws an edge; does nothing if it is there. Without `sourceHandle` it leaves by `out`.",
            vec![
                needs("source", text()),
                may("sourceHandle", text_or_null()),
                needs("target", text()),
                may("targetHandle", text_or_null()),
                may("label", text_or_null()),
            ],
        ),
        (
            "updateEdge",
            "Labels an edge; `null` removes the label.",
            vec![needs("id", text()), may("label", text_or_null())],
        ),
        (
            "disconnect",
            "Removes an edge, by its id or by its ends.",
            vec![
                may("id", text_or_null()),
                may("source", text_or_null()),
                may("sourceHandle", text_or_null()),
                may("target", text_or_null()),
                may("targetHandle", text_or_null()),
            ],
        ),
    ]
}

fn whole() -> Vec<(&'static str, &'static str, Vec<Member>)> {
    vec![
        (
            "setVariable",
            "Declares a variable, or declares it anew.",
            vec![
                needs("name", text()),
                may("type", text()),
                may("default", json!({})),
                may("description", text_or_null()),
            ],
        ),
        ("removeVariable", "Removes a variable.", vec![needs("name", text())]),
        (
            "setMeta",
            "Sets what is given of the flow's name, description and tags.",
            vec![
                may("name", json!({ "type": ["string", "null"], "maxLength": NAME_CHARS_MAX })),
                may("description", json!({ "type": ["string", "null"], "maxLength": DESCRIPTION_CHARS_MAX })),
                may(
                    "tags",
                    json!({ "type": ["array", "null"], "items": reference("JsonKey"), "maxItems": TAGS_MAX }),
                ),
            ],
        ),
        (
            "setSetting",
            "Sets one setting; `null` removes it.",
            vec![needs("key", text()), needs("value", json!({}))],
        ),
        (
            "setTest",
            "Adds a test case, or makes the one of this id say this; without an id it gets one. It goes \
                before another, or stays where it is; a new one goes to the end.",
            vec![
                may("id", json!({ "anyOf": [key(), { "type": "null" }] })),
                needs("test", data()),
                may("before", text_or_null()),
            ],
        ),
        ("removeTest", "Removes a test case.", vec![needs("id", text())]),
    ]
}

fn items() -> Vec<(&'static str, &'static str, Vec<Member>)> {
    let within = |mut members: Vec<Member>| {
        members.splice(0..0, [needs("node", text()), needs("field", text())]);
        members
    };
    vec![
        (
            "addItem",
            "Adds an item to a list, before another or at the end.",
            within(vec![may("before", text_or_null()), may("item", data())]),
        ),
        (
            "updateItem",
            "Sets the fields given; `null` removes.",
            within(vec![needs("item", text()), needs("data", data())]),
        ),
        ("removeItem", "Removes an item of a list.", within(vec![needs("item", text())])),
        (
            "moveItem",
            "Moves an item before another, or to the end.",
            within(vec![needs("item", text()), may("before", text_or_null())]),
        ),
        (
            "editText",
            "Edits prose: at `index`, deletes and inserts. Counted in UTF-16 units, as JavaScript counts.",
            within(vec![needs("index", count()), may("delete", count()), may("insert", text())]),
        ),
    ]
}
