//! Conditions.

use serde_json::{Map, Value, json};

use super::read::{Block, array};
use super::values::number;
use super::{Importer, Made};
use crate::ImportError;
use crate::note::NoteCode;

/// Comparisons there, and ours.
const OPERATORS: &[(&str, &str)] = &[
    ("Equal to", "equals"),
    ("Not equal", "not_equals"),
    ("Contains", "contains"),
    ("Does not contain", "not_contains"),
    ("Greater than", "greater"),
    ("Greater or equal to", "at_least"),
    ("Less than", "less"),
    ("Less or equal to", "at_most"),
    ("Is set", "is_set"),
    ("Is empty", "is_empty"),
    ("Starts with", "starts_with"),
    ("Ends with", "ends_with"),
    ("Matches regex", "matches"),
    ("Does not match regex", "not_matches"),
];

pub(super) fn condition<'v>(
    importer: &mut Importer<'v>,
    block: &Block<'v>,
    id: &str,
) -> Result<Made, ImportError> {
    let mut branches = Vec::new();
    for (at, item) in array(block.value, "items", &block.path, usize::MAX)?.iter().enumerate() {
        let path = format!("{}/items/{at}", block.path);
        let foreign = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let content = item.get("content").unwrap_or(&Value::Null);
        let any = content.get("logicalOperator").and_then(Value::as_str) == Some("OR");
        let mut rules = Vec::new();
        for (at, comparison) in array(content, "comparisons", &path, usize::MAX)?.iter().enumerate() {
            rules.push(rule(importer, comparison, at, id));
        }
        if rules.is_empty() {
            importer.draft.note(Some(id), NoteCode::Incomplete, "a branch compares nothing");
        }
        branches.push(json!({
            "id": importer.handle(block.id, foreign),
            "kind": "rules",
            "combine": if any { "any" } else { "all" },
            "rules": rules,
        }));
    }
    // Everything there is text or taken for what it looks like.
    Ok(Made::new("condition", json!({ "mode": "loose", "branches": branches })))
}

fn rule(importer: &mut Importer<'_>, comparison: &Value, at: usize, node: &str) -> Value {
    let text = |key: &str| comparison.get(key).and_then(Value::as_str);
    let mut rule = Map::new();
    rule.insert("id".into(), format!("rule-{at}").into());
    rule.insert("kind".into(), "comparison".into());
    match importer.variable(text("variableId")) {
        Some(name) => {
            rule.insert("left".into(), name.into());
        }
        None => importer.draft.note(Some(node), NoteCode::Incomplete, "a comparison compares no variable"),
    }
    let wanted = text("comparisonOperator");
    let Some((_, operator)) = OPERATORS.iter().find(|(theirs, _)| Some(*theirs) == wanted) else {
        importer.draft.note(Some(node), NoteCode::Incomplete, "a comparison does not say how it compares");
        return Value::Object(rule);
    };
    rule.insert("operator".into(), (*operator).into());
    if matches!(*operator, "is_set" | "is_empty") {
        return Value::Object(rule);
    }
    let value = text("value").unwrap_or("");
    if crate::text::pieces(value).iter().any(|piece| matches!(piece, crate::text::Piece::Braces(_))) {
        rule.insert("right_kind".into(), "expression".into());
        rule.insert("right_expression".into(), importer.expression(node, value).into());
    } else {
        let numeric = matches!(*operator, "greater" | "at_least" | "less" | "at_most");
        let right = value.trim().parse().ok().filter(|right: &f64| numeric && right.is_finite());
        rule.insert("right".into(), right.map_or_else(|| value.into(), number));
    }
    Value::Object(rule)
}
