//! What the document must have, whichever routes there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flow_model::Edit;
use serde_json::{Value, json};

use super::*;

/// Method, path and operation of each.
fn operations() -> Vec<(String, String, Value)> {
    let paths = document()["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(|(method, operation)| (method, path.clone(), operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn the_published_document_is_what_the_server_says() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/openapi.json"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, openapi_text()).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    let is_same = published == openapi_text();
    assert!(is_same, "docs/schema/openapi.json is not what the routes say; UPDATE_EXPECT=1 writes it anew");
}

/// Paths and methods as the router shows them for debugging, against the document's.
#[test]
fn every_route_is_described() {
    let (router, _) = crate::described().split_for_parts();
    let shown = format!("{router:?}");
    let (routes, rest) = shown.split_once("node: Node { paths: {").unwrap();
    let paths = rest.split_once("} }").unwrap().0;
    let handled = |id: &str| {
        let (_, of) = routes.split_once(&format!("{id}: MethodRouter(")).unwrap();
        let of = of.split_once("fallback").unwrap().0.to_owned();
        let methods = ["get", "put", "post", "delete", "patch", "options", "head", "trace", "connect"];
        methods.into_iter().filter(move |method| of.contains(&format!("{method}: BoxedHandler")))
    };
    let served = paths.split(", ").flat_map(|route| {
        let (id, path) = route.split_once(": ").unwrap();
        let path = path.trim_matches('"').to_owned();
        handled(id).map(move |method| (method.to_owned(), path.clone()))
    });
    let described = operations().into_iter().map(|(method, path, _)| (method, path));
    assert_eq!(served.collect::<BTreeSet<_>>(), described.collect());
    for source in [include_str!("../lib.rs"), include_str!("../routes/mod.rs")] {
        assert!(
            !source.contains(".route("),
            "routes are added by `.routes(routes!(…))`, which describes them"
        );
    }
}

#[test]
fn every_operation_has_a_name_a_tag_a_text_and_says_who_may() {
    let mut names = BTreeSet::new();
    let tags: Vec<_> = document()["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let schemes = document()["components"]["securitySchemes"].as_object().unwrap();
    for (method, path, operation) in operations() {
        let at = format!("{method} {path}");
        assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{at}: taken");
        assert!(tags.contains(&&operation["tags"][0]), "{at}: no known tag");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{at}: no comment");
        let requirements = operation["security"].as_array().unwrap();
        assert!(!requirements.is_empty(), "{at}");
        for scheme in requirements.iter().flat_map(|one| one.as_object().unwrap().keys()) {
            assert!(schemes.contains_key(scheme), "{at}: {scheme}");
        }
    }
}

#[test]
fn every_error_has_our_body_and_every_answer_a_request_id() {
    for (method, path, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let at = format!("{method} {path} {status}");
            let shared = response["$ref"].as_str().and_then(|to| document().pointer(to.strip_prefix('#')?));
            let response = shared.unwrap_or(response);
            assert!(response["description"].is_string(), "{at}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{at}");
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            // While a part is away, health still says which.
            if status.starts_with(['4', '5']) && !(status == "503" && path.contains("/health")) {
                assert_eq!(schema, "#/components/schemas/Error", "{at}");
            }
        }
        assert!(
            responses.keys().any(|status| status.starts_with(['1', '2', '3'])),
            "{method} {path}: no success"
        );
        let signs_in =
            operation["security"].as_array().unwrap().iter().all(|one| one.get("signIn").is_some());
        assert!(!signs_in || responses.contains_key("401"), "{method} {path}");
    }
}

/// What a path names is a parameter, and nothing else is.
#[test]
fn parameters_are_those_of_the_path() {
    for (method, path, operation) in operations() {
        let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let described =
            parameters.iter().filter(|one| one["in"] == "path").map(|one| one["name"].as_str().unwrap());
        assert_eq!(described.collect::<BTreeSet<_>>(), named.collect(), "{method} {path}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_one() {
    fn check(value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(check),
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let pointer = to.strip_prefix('#').unwrap();
                    assert!(document().pointer(pointer).is_some(), "{to}");
                }
                members.values().for_each(check);
            }
            _ => {}
        }
    }
    check(document());
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
        assert!(schema != &json!({ "type": "object" }) && schema != &json!({}), "{name} says nothing");
    }
}

/// Fields that nobody knows are refused in bodies, and the schema says so.
#[test]
fn bodies_take_no_other_fields() {
    for (method, path, operation) in operations() {
        let Some(body) = operation.get("requestBody") else { continue };
        // What is no JSON has no fields.
        let Some(json) = body["content"].get("application/json") else { continue };
        let schema = &json["schema"];
        let reference = schema["$ref"].as_str().unwrap_or_else(|| panic!("{method} {path}: {schema}"));
        // A flow keeps what it does not know.
        if !reference.ends_with("/PutFlow") {
            let body = document().pointer(reference.strip_prefix('#').unwrap()).unwrap();
            assert_eq!(body["additionalProperties"], false, "{method} {path}: {body}");
        }
    }
}

/// serde says which operations it knows, and of each which members.
#[test]
fn the_shape_of_edits_is_that_of_the_type() {
    let said = |edit: Value| serde_json::from_value::<Edit>(edit).unwrap_err().to_string();
    let quoted = |text: &str| {
        let parts = text.split('`').skip(1).step_by(2).skip(1);
        parts.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let shapes = document()["components"]["schemas"]["Edit"]["oneOf"].as_array().unwrap();
    let shapes: BTreeMap<_, _> =
        shapes.iter().map(|shape| (shape["title"].as_str().unwrap(), shape)).collect();
    let known = quoted(&said(json!({ "op": "-" })));
    assert_eq!(known, shapes.keys().map(|op| (*op).to_owned()).collect());
    for (op, shape) in shapes {
        let members: BTreeSet<_> = shape["properties"].as_object().unwrap().keys().cloned().collect();
        let mut known = quoted(&said(json!({ "op": op, "-": 1 })));
        known.insert("op".into());
        assert_eq!(known, members, "{op}");
    }
}
