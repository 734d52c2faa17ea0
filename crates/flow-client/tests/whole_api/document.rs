//! What the API's document says of its operations.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../../docs/schema/openapi.json");

/// By operation id.
pub(crate) type Operations = BTreeMap<String, Operation>;

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With its placeholders.
    path: String,
    /// Of the query and the head.
    pub(crate) parameters: BTreeSet<String>,
    /// The fields of the body's top level.
    pub(crate) fields: BTreeSet<String>,
}

pub(crate) fn operations() -> Operations {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut operations = Operations::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            // Of the path, for all of its methods.
            let Some(id) = described["operationId"].as_str() else { continue };
            let parameters = described["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.filter(|parameter| parameter["in"] != "path");
            let operation = Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                parameters: parameters.map(|named| named["name"].as_str().unwrap().to_lowercase()).collect(),
                fields: fields(&document, &described["requestBody"]["content"]["application/json"]["schema"]),
            };
            assert!(operations.insert(id.to_owned(), operation).is_none(), "{id} is there twice");
        }
    }
    operations
}

fn fields(document: &Value, schema: &Value) -> BTreeSet<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fields(document, document.pointer(reference.strip_prefix('#').unwrap()).unwrap());
    }
    let parts = ["oneOf", "anyOf", "allOf"].iter().filter_map(|parts| schema[parts].as_array()).flatten();
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    own.chain(parts.flat_map(|part| fields(document, part))).collect()
}

impl Operation {
    /// Whether a request of this method and path is one of this operation.
    pub(crate) fn is_meant_by(&self, method: &str, path: &str) -> bool {
        let (mine, asked) = (self.path.split('/'), path.split('/'));
        self.method == method
            && mine.clone().count() == asked.clone().count()
            && mine.zip(asked).all(|(mine, asked)| mine == asked || mine.starts_with('{'))
    }
}
