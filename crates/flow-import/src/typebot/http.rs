//! Calls of web services.

use serde_json::{Map, Value, json};

use super::read::Block;
use super::values::number;
use super::{Importer, Made};
use crate::note::NoteCode;
use crate::options::Options;

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn request<'v>(
    importer: &mut Importer<'v>,
    block: &Block<'v>,
    options: &mut Options<'v>,
    id: &str,
) -> Option<Made> {
    let method = options.text("webhook/method").unwrap_or("POST");
    if !METHODS.contains(&method) {
        return None;
    }
    options.ignore(&["webhook/id", "variablesForTest"]);
    let mut data = Map::new();
    data.insert("mode".into(), "http".into());
    data.insert("method".into(), method.into());
    match options.text("webhook/url") {
        Some(url) => {
            let url = importer.template(id, url, 10_000);
            data.insert("url".into(), url.into());
        }
        None => {
            let stored = block.value.get("webhookId").is_some_and(|id| !id.is_null());
            let message =
                if stored { "the call was stored outside of the export" } else { "the call has no address" };
            importer.draft.note(Some(id), NoteCode::Incomplete, message);
        }
    }
    for (theirs, ours) in [("webhook/queryParams", "query"), ("webhook/headers", "headers")] {
        let pairs = pairs(importer, options.array(theirs), id);
        if !pairs.is_empty() {
            data.insert(ours.into(), pairs.into());
        }
    }
    body(importer, options, method, id, &mut data);
    if let Some(seconds) = options.number("timeout").filter(|seconds| (0.001..=86_400.0).contains(seconds)) {
        data.insert("timeout_ms".into(), number((seconds * 1_000.0).round()));
    }
    let map = mappings(importer, options.array("responseVariableMapping"), id);
    if !map.is_empty() {
        data.insert("map".into(), map.into());
    }
    // There a call that fails is passed over.
    data.insert("onError".into(), "continue".into());
    Some(Made { node_type: "api".into(), data })
}

fn pairs(importer: &mut Importer<'_>, entries: &[Value], id: &str) -> Vec<Value> {
    let mut pairs = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("");
        let (name, value) = (text("key").trim(), text("value"));
        if name.is_empty() {
            continue;
        }
        if crate::text::looks_secret(name) && !value.is_empty() && importer.only_variable(value).is_none() {
            importer.draft.note(
                Some(id),
                NoteCode::LiteralSecret,
                format!("{} is sent as it stands here", crate::text::cut(name, 80).0),
            );
        }
        let (name, value) = (importer.draft.fit(id, name, 1_000), importer.template(id, value, 10_000));
        pairs.push(json!({ "id": format!("pair-{at}"), "name": name, "value": value }));
    }
    pairs
}

fn body(
    importer: &mut Importer<'_>,
    options: &mut Options<'_>,
    method: &str,
    id: &str,
    data: &mut Map<String, Value>,
) {
    let custom = options.flag("isCustomBody").unwrap_or(false);
    let body = options.text("webhook/body");
    match body {
        Some(body) if custom => {
            let body = importer.template(id, body, 100_000);
            data.insert("body_kind".into(), "json".into());
            data.insert("body".into(), body.into());
        }
        _ => {
            if !matches!(method, "GET" | "HEAD") {
                importer.draft.changed(id, "no body is sent, where all answers were by default");
            }
        }
    }
}

fn mappings(importer: &mut Importer<'_>, entries: &[Value], id: &str) -> Vec<Value> {
    let mut mappings = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let (Some(variable), Some(path)) = (importer.variable(text("variableId")), text("bodyPath")) else {
            continue;
        };
        let mut mapping = json!({ "id": format!("map-{at}"), "variable": variable });
        if path == "statusCode" {
            mapping["kind"] = "expression".into();
            mapping["expression"] = "status".into();
        } else if let Some(path) = json_path(path) {
            mapping["kind"] = "jsonpath".into();
            mapping["path"] = path.into();
        } else {
            let message = format!("responseVariableMapping/{}", crate::text::cut(path, 80).0);
            importer.draft.dropped(id, &message);
            continue;
        }
        mappings.push(mapping);
    }
    mappings
}

/// A path of names and places as a JSONPath into the body; nothing for code.
fn json_path(path: &str) -> Option<String> {
    let rest = path.strip_prefix("data")?;
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '[' | ']');
    let ends = rest.is_empty() || rest.starts_with(['.', '[']);
    let sound = rest.chars().all(plain) && !rest.contains("..") && !rest.ends_with('.') && rest.len() < 900;
    (ends && sound).then(|| format!("${rest}"))
}

#[cfg(test)]
mod tests {
    use super::json_path;

    #[test]
    fn only_plain_paths_become_paths() {
        for (path, expected) in [
            ("data", Some("$")),
            ("data.user.name", Some("$.user.name")),
            ("data[0].id", Some("$[0].id")),
            ("data.map(x => x.id)", None),
            ("database", None),
            ("statusText", None),
        ] {
            assert_eq!(json_path(path).as_deref(), expected, "{path}");
        }
    }
}
