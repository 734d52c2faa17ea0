//! What is said once for all operations.
//!
//! An annotation says what is particular: what an operation takes, what it answers when
//! all is well, and errors of its own. From that follows the rest: a body may be malformed,
//! whoever has to sign in may not have, what is named in the path may not exist.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::model::{reference, shapes};

/// A sign-in's access token.
const SIGN_IN: &str = "signIn";
/// A key; what is listed with it are the scopes it needs.
const API_KEY: &str = "apiKey";
/// The refresh token, where browsers keep it.
const REFRESH_COOKIE: &str = "refreshCookie";
const METRICS_TOKEN: &str = "metricsToken";

/// Errors that follow from what an operation has: status, name in the document, meaning.
type ErrorKind = (&'static str, &'static str, &'static str);

const UNREADABLE: ErrorKind = ("400", "Unreadable", "This cannot be read.");
const SIGNED_OUT: ErrorKind = ("401", "SignedOut", "Nobody has signed in, or the sign-in or key has ended.");
const FORBIDDEN: ErrorKind = ("403", "Forbidden", "The role on the flow, or the key, does not allow this.");
const NOT_FOUND: ErrorKind = ("404", "NotFound", "There is no such thing, or the caller may not know of it.");
const TOO_LARGE: ErrorKind = ("413", "TooLarge", "The body, or what the flow would become, is too large.");
const NOT_JSON: ErrorKind = ("415", "NotJson", "The body is not said to be JSON.");
const INVALID: ErrorKind =
    ("422", "Invalid", "This can be read and is not allowed; `details` says which field is wrong.");
const TOO_MANY: ErrorKind =
    ("429", "TooMany", "Too many requests, or other things at a time; `Retry-After` says when to try again.");
const INTERNAL: ErrorKind = ("500", "Internal", "Something went wrong on the server's side.");
const UNAVAILABLE: ErrorKind =
    ("503", "Unavailable", "Temporarily unavailable; `Retry-After` says when to try again.");
const ERRORS: [ErrorKind; 10] = [
    UNREADABLE,
    SIGNED_OUT,
    FORBIDDEN,
    NOT_FOUND,
    TOO_LARGE,
    NOT_JSON,
    INVALID,
    TOO_MANY,
    INTERNAL,
    UNAVAILABLE,
];

pub(super) fn finish(described: OpenApi) -> Value {
    let mut document = serde_json::to_value(described).expect("the document has text keys only");
    for operation in operations(&mut document) {
        describe(operation);
        optional_body(operation);
        let errors = errors_of(operation);
        let responses = operation.entry("responses").or_insert_with(|| json!({}));
        let responses = responses.as_object_mut().expect("responses are an object");
        for (status, response) in &mut *responses {
            complete(status, response);
        }
        for (status, name, _) in errors {
            let shared = || json!({ "$ref": format!("#/components/responses/{name}") });
            responses.entry(status).or_insert_with(shared);
        }
    }
    let components = &mut document["components"];
    components["schemas"].as_object_mut().expect("there are schemas").extend(shapes());
    components["responses"] = ERRORS.into_iter().map(shared).collect::<Map<_, _>>().into();
    components["securitySchemes"] = security_schemes();
    components["headers"] = json!({ "RequestId": {
        "description": "Names the request in the server's logs: the caller's own, if it is one that can be.",
        "schema": { "type": "string", "maxLength": crate::request_id::CHARS_MAX },
    } });
    sorted(document)
}

fn shared((status, name, description): ErrorKind) -> (String, Value) {
    let mut response = json!({ "description": description });
    complete(status, &mut response);
    (name.to_owned(), response)
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document["paths"].as_object_mut().expect("there are paths");
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    items.flat_map(|item| item.values_mut().filter_map(Value::as_object_mut))
}

/// Comments of handlers begin with the method and the path, for who reads the source.
fn describe(operation: &mut Map<String, Value>) {
    let part = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
    let comment = format!("{} {}", part("summary"), part("description")).replace('\n', " ");
    let said = match comment.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((_, rest)) => rest.trim_start_matches([':', '.']),
        None => comment.as_str(),
    };
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = said.chars();
    let said = chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>());
    let said = said.unwrap_or_default();
    let summary = said.split([';', ':']).next().unwrap_or_default();
    let summary = summary.split(". ").next().unwrap_or_default().trim_end_matches('.');
    operation.insert("summary".into(), summary.into());
    operation.insert("description".into(), said.into());
    // To be public has to be said.
    operation.entry("security").or_insert_with(|| json!([{ SIGN_IN: [] }]));
}

/// A body that may be left out is described as one that may be `null`, which it may not.
fn optional_body(operation: &mut Map<String, Value>) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    let Some(json) = body["content"].get_mut("application/json") else { return };
    let schema = &mut json["schema"];
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    if let Some(given) = choices.into_iter().find(|choice| choice.get("$ref").is_some()).cloned() {
        *schema = given;
        body["required"] = false.into();
    }
}

/// The errors that follow from what the operation has.
fn errors_of(operation: &Map<String, Value>) -> Vec<ErrorKind> {
    let is_in = |place: &str| {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place))
    };
    let requirements = operation.get("security").and_then(Value::as_array);
    let is_public = requirements.is_some_and(|all| all.iter().any(|one| *one == json!({})));
    let signs_in = requirements.is_some_and(|all| all.iter().any(|one| one.get(SIGN_IN).is_some()));
    let body = operation.get("requestBody");
    let (has_body, has_json) =
        (body.is_some(), body.is_some_and(|body| !body["content"]["application/json"].is_null()));
    let mut errors = vec![INTERNAL, UNAVAILABLE];
    // Of users, keys, and addresses that send what has to be checked.
    if has_body || (signs_in && !is_public) {
        errors.push(TOO_MANY);
    }
    if signs_in && !is_public {
        errors.extend([SIGNED_OUT, FORBIDDEN]);
    }
    if is_in("path") {
        errors.push(NOT_FOUND);
    }
    if has_body || is_in("query") || is_in("header") {
        errors.extend([UNREADABLE, INVALID]);
    }
    if has_body {
        errors.push(TOO_LARGE);
    }
    if has_json {
        errors.push(NOT_JSON);
    }
    errors
}

/// Every answer has the request's id, and every error our body, unless it says it has another.
fn complete(status: &str, response: &mut Value) {
    let is_error = status.starts_with(['4', '5']);
    if is_error && response.get("content").is_none() {
        response["content"] = json!({ "application/json": { "schema": reference("Error") } });
    }
    if said(response).is_empty() {
        response["description"] = match status {
            "201" => "Made.",
            "204" => "Done; there is nothing to say.",
            _ => "Done.",
        }
        .into();
    }
    response["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/RequestId" });
    if matches!(status, "429" | "503") {
        response["headers"]["Retry-After"] =
            json!({ "description": "Seconds.", "schema": { "type": "integer", "minimum": 0 } });
    }
}

fn said(response: &Value) -> &str {
    response["description"].as_str().unwrap_or_default()
}

fn security_schemes() -> Value {
    json!({
        SIGN_IN: {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The `token` of registering, logging in or refreshing, which lives 15 minutes. For what a \
                guest may do with one flow, the token of a share link.",
        },
        API_KEY: {
            "type": "http", "scheme": "bearer",
            "description": "An API key, `ifk_…`. It needs the scopes that the operation names, and may do no \
                more than its owner.",
        },
        REFRESH_COOKIE: {
            "type": "apiKey", "in": "cookie", "name": "interflow_refresh",
            "description": "The refresh token of a browser, which scripts cannot read.",
        },
        METRICS_TOKEN: {
            "type": "http", "scheme": "bearer", "description": "The configured `metrics_token`.",
        },
    })
}

/// Members in the order of their names, whichever features of `serde_json` another crate
/// has turned on; lists stay as they are.
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
