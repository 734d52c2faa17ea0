use serde_json::Value;

use super::is_date;
use crate::diagnostic::{Code, Diagnostic};
use crate::doc::utf16;
use crate::fields::{FieldKind, FieldSpec, TEST, VALUE_TYPES, applies, newest};
use crate::graph::{Node, Test, Variable};
use crate::key::is_variable_name;

/// Whether a node's fields are what the field table says.
pub(crate) fn check_node(node: &Node) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let Some(spec) = node.spec() else {
        let (code, field, message) = if newest(&node.node_type).is_some() {
            (Code::UnknownNodeVersion, "typeVersion", format!("version {} is not known", node.type_version))
        } else {
            (Code::UnknownNodeType, "type", format!("the type {:?} is not known", node.node_type))
        };
        return vec![Diagnostic::new(code, message).node(&node.id).field(field)];
    };
    check_fields(spec.fields, &|name| node.data.get(name), "", &mut findings);
    if node.node_type == "input" {
        check_input(node, &mut findings);
    }
    findings.into_iter().map(|finding| finding.node(&node.id)).collect()
}

pub(crate) fn check_variable(name: &str, variable: &Variable) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let path = format!("variables/{name}");
    if !is_variable_name(name) {
        let message = format!("{name:?} is not a name an expression can use");
        findings.push(Diagnostic::new(Code::BadVariableName, message).field(&path));
    }
    if !VALUE_TYPES.iter().any(|choice| choice.value == variable.value_type) {
        let message = format!("{:?} is not a type of variables", variable.value_type);
        findings.push(Diagnostic::new(Code::UnknownChoice, message).field(format!("{path}/type")));
    }
    findings
}

/// Whether a test case is what the field table says. Whether its assertions can be read is
/// for the executor to say, as with templates.
pub(crate) fn check_test(test: &Test) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let path = format!("tests/{}", test.id);
    check_fields(TEST.fields, &|name| test.data.get(name), &path, &mut findings);
    findings.extend(not_keyed(&test.data, &path));
    findings.into_iter().map(Diagnostic::as_warning).collect()
}

/// What the table cannot say: values that are given by name.
pub(crate) fn not_keyed<'v>(
    data: impl IntoIterator<Item = (&'v String, &'v Value)>,
    path: &str,
) -> Option<Diagnostic> {
    let is_wrong = |(name, value): &(&String, &Value)| {
        matches!(name.as_str(), "variables" | "mocks") && !value.is_object()
    };
    let (name, _) = data.into_iter().find(is_wrong)?;
    Some(Diagnostic::new(Code::WrongFieldType, format!("{name} must be an object")).field(join(path, name)))
}

/// What is wrong with the type of a value, if anything: the only thing a typed
/// edit refuses, since a flow under construction may well be incomplete.
pub(crate) fn mistyped(field: &FieldSpec, value: &Value, path: &str) -> Option<Diagnostic> {
    let mut findings = Vec::new();
    check_value(field, value, path, &mut findings);
    findings.into_iter().find(|finding| finding.code == Code::WrongFieldType)
}

/// Visits every value that a field of the table describes and that applies, with
/// its path; those inside lists and objects too.
pub(super) fn each_value<'v>(
    fields: &'static [FieldSpec],
    value_of: &dyn Fn(&str) -> Option<&'v Value>,
    path: &str,
    visit: &mut dyn FnMut(&FieldSpec, &'v Value, &str),
) {
    for field in fields {
        let Some(value) = value_of(field.name).filter(|_| applies(field, fields, value_of)) else { continue };
        let path = join(path, field.name);
        visit(field, value, &path);
        match field.kind {
            FieldKind::List(item) => {
                for entry in value.as_array().into_iter().flatten() {
                    let path = join(&path, id_of(entry));
                    each_value(item.fields, &|name| entry.get(name), &path, visit);
                }
            }
            FieldKind::Object(item) => each_value(item.fields, &|name| value.get(name), &path, visit),
            _ => {}
        }
    }
}

fn check_fields<'v>(
    fields: &'static [FieldSpec],
    value_of: &dyn Fn(&str) -> Option<&'v Value>,
    path: &str,
    findings: &mut Vec<Diagnostic>,
) {
    for field in fields {
        if !applies(field, fields, value_of) {
            continue;
        }
        let path = join(path, field.name);
        match value_of(field.name) {
            Some(value) if !is_blank(value) => check_value(field, value, &path, findings),
            Some(value) if !field.required => check_value(field, value, &path, findings),
            _ if field.required => {
                findings.push(
                    Diagnostic::new(Code::MissingField, format!("{} is missing", field.label)).field(path),
                );
            }
            _ => {}
        }
    }
}

fn check_value(field: &FieldSpec, value: &Value, path: &str, findings: &mut Vec<Diagnostic>) {
    let mut find = |code, message: String| findings.push(Diagnostic::new(code, message).field(path));
    let mut wrong =
        |expected: &str| find(Code::WrongFieldType, format!("{} must be {expected}", field.label));
    match field.kind {
        FieldKind::Text { length_max }
        | FieldKind::Prose { length_max }
        | FieldKind::Template { length_max } => match value.as_str() {
            None => wrong("a text"),
            Some(text) if utf16(text) > length_max => {
                find(Code::OutOfBounds, format!("{} is longer than {length_max} characters", field.label));
            }
            Some(_) => {}
        },
        FieldKind::Expression | FieldKind::NodeRef if !value.is_string() => wrong("a text"),
        FieldKind::Expression | FieldKind::NodeRef | FieldKind::Json => {}
        FieldKind::Bool if !value.is_boolean() => wrong("true or false"),
        FieldKind::Bool => {}
        FieldKind::Number if !value.is_number() => wrong("a number"),
        FieldKind::Number => {}
        FieldKind::Int { min, max } | FieldKind::Duration { min_ms: min, max_ms: max } => {
            match value.as_i64() {
                None if value.is_number() && value.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                    find(Code::OutOfBounds, format!("{} must be from {min} to {max}", field.label));
                }
                None => wrong("a whole number"),
                Some(number) if !(min..=max).contains(&number) => {
                    find(Code::OutOfBounds, format!("{} must be from {min} to {max}", field.label));
                }
                Some(_) => {}
            }
        }
        FieldKind::Enum(choices) => match value.as_str() {
            None => wrong("a text"),
            Some(text) if !choices.iter().any(|choice| choice.value == text) => {
                find(Code::UnknownChoice, format!("{text:?} is not a choice of {}", field.label));
            }
            Some(_) => {}
        },
        FieldKind::Date => match value.as_str() {
            None => wrong("a text"),
            Some(text) if !is_date(text) => {
                find(Code::OutOfBounds, format!("{} is no date, or date and time, in ISO 8601", field.label));
            }
            Some(_) => {}
        },
        FieldKind::Variable => match value.as_str() {
            None => wrong("the name of a variable"),
            Some(name) if !is_variable_name(name) => {
                find(Code::BadVariableName, format!("{name:?} is not a name an expression can use"));
            }
            Some(_) => {}
        },
        FieldKind::Texts => {
            if !value.as_array().is_some_and(|items| items.iter().all(Value::is_string)) {
                wrong("a list of texts");
            }
        }
        FieldKind::Expressions => {
            if !value.as_object().is_some_and(|members| members.values().all(Value::is_string)) {
                wrong("names with an expression each");
            }
        }
        FieldKind::Object(item) => {
            if value.is_object() {
                check_fields(item.fields, &|name| value.get(name), path, findings);
            } else {
                wrong("an object");
            }
        }
        FieldKind::List(item) => match value.as_array() {
            Some(entries) if entries.iter().all(Value::is_object) => {
                for entry in entries {
                    check_fields(item.fields, &|name| entry.get(name), &join(path, id_of(entry)), findings);
                }
            }
            _ => wrong("a list of objects"),
        },
    }
}

/// What the table cannot say: fields of an input that depend on each other.
fn check_input(node: &Node, findings: &mut Vec<Diagnostic>) {
    let kind = node.data.get("kind").and_then(Value::as_str).unwrap_or("text");
    let number = |name: &str| node.data.get(name).and_then(Value::as_f64);
    let pair = match kind {
        "text" => Some(("min_length", "max_length")),
        "number" => Some(("min", "max")),
        "choice" => Some(("min_choices", "max_choices")),
        _ => None,
    };
    if let Some((low, high)) = pair
        && let (Some(least), Some(most)) = (number(low), number(high))
        && least > most
    {
        findings.push(Diagnostic::new(Code::OutOfBounds, format!("{least} is more than {most}")).field(low));
    }
    if kind == "number" && number("step").is_some_and(|step| step <= 0.0) {
        findings.push(Diagnostic::new(Code::OutOfBounds, "Step must be more than 0").field("step"));
    }
    if kind == "choice"
        && ["options", "options_from"].iter().all(|name| node.data.get(*name).is_none_or(is_blank))
    {
        findings.push(Diagnostic::new(Code::MissingField, "a choice needs options").field("options"));
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn id_of(item: &Value) -> &str {
    item.get("id").and_then(Value::as_str).unwrap_or("?")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
