//! What changes variables, waits and leads elsewhere.

use serde_json::{Value, json};

use super::read::Block;
use super::values::number;
use super::{Importer, Made};
use crate::note::NoteCode;
use crate::options::Options;

const YEAR_SECONDS: f64 = 365.0 * 86_400.0;

/// Nothing where the block has no counterpart.
pub(super) fn block<'v>(
    importer: &mut Importer<'v>,
    block: &Block<'v>,
    options: &mut Options<'v>,
    id: &str,
) -> Option<Made> {
    match block.block_type {
        "Set variable" => set_variable(importer, options, id),
        "Wait" => wait(importer, options, id),
        "Jump" => Some(jump(importer, options, id)),
        "Redirect" => Some(redirect(importer, options, id)),
        _ => None,
    }
}

fn set_variable(importer: &mut Importer<'_>, options: &mut Options<'_>, id: &str) -> Option<Made> {
    let kind = options.text("type").unwrap_or("Custom");
    let variable = importer.variable(options.text("variableId"));
    let mut assignment = json!({ "id": "set" });
    match &variable {
        Some(name) => assignment["variable"] = name.as_str().into(),
        None => importer.draft.note(Some(id), NoteCode::Incomplete, "no variable is chosen"),
    }
    let (how, key, value) = match kind {
        "Custom" => custom(importer, options, id)?,
        "Empty" => ("value", "value", Value::Null),
        "Append value(s)" => {
            let item = options.text("item").unwrap_or("");
            ("append", "expression", importer.expression(id, item).into())
        }
        "Now" => ("expression", "expression", "now".into()),
        "Result ID" => {
            importer.draft.changed(id, "the id of the run takes the place of the result's");
            ("expression", "expression", "run.id".into())
        }
        _ => return None,
    };
    assignment["kind"] = how.into();
    assignment[key] = value;
    options.ignore(&["isExecutedOnClient", "isUnsafe", "expressionDescription", "timeZone"]);
    Some(Made::new("set", json!({ "assignments": [assignment] })))
}

/// A value that is written as one. Everything that has to be computed by JavaScript
/// has no counterpart.
fn custom(
    importer: &mut Importer<'_>,
    options: &mut Options<'_>,
    id: &str,
) -> Option<(&'static str, &'static str, Value)> {
    let text = options.text("expressionToEvaluate").unwrap_or("");
    let trimmed = text.trim();
    if let Some(name) = importer.only_variable(trimmed) {
        return Some(("expression", "expression", name.into()));
    }
    if let Ok(literal) = serde_json::from_str::<Value>(trimmed)
        && !literal.is_array()
        && !literal.is_object()
    {
        return Some(("value", "value", literal));
    }
    if let Some(expression) = importer.arithmetic(trimmed) {
        return Some(("expression", "expression", expression.into()));
    }
    let is_code = options.flag("isCode") == Some(true);
    if is_code || looks_like_code(trimmed) {
        return None;
    }
    Some(("template", "template", importer.template(id, text, 10_000).into()))
}

/// Whether JavaScript would make something else of a text than the text.
fn looks_like_code(text: &str) -> bool {
    const SIGNS: &[&str] = &[
        "return ", "=>", "function", "new ", "const ", "let ", "var ", "==", "!=", "&&", "||", "`", "await ",
        "\" +", "+ \"", "' +", "+ '", "}}[",
    ];
    /// Between variables these compare and choose; between words they are words.
    const WITH_VARIABLES: &[&str] = &[" > ", " < ", ">=", "<=", " ? "];
    let calls = text.split_once('(').is_some_and(|(before, _)| {
        before.contains('.') && before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_')
    });
    let member =
        text.split("}}.").skip(1).any(|after| after.starts_with(|first: char| first.is_ascii_alphabetic()));
    let quoted = text.starts_with(['[', '\'', '"']) || (text.starts_with('{') && !text.starts_with("{{"));
    calls
        || member
        || quoted
        || SIGNS.iter().any(|sign| text.contains(sign))
        || (text.contains("{{") && WITH_VARIABLES.iter().any(|sign| text.contains(sign)))
}

fn wait(importer: &mut Importer<'_>, options: &mut Options<'_>, id: &str) -> Option<Made> {
    options.ignore(&["shouldPause"]);
    if let Some(seconds) = options.number("secondsToWaitFor") {
        let seconds = seconds.clamp(0.0, YEAR_SECONDS);
        let ms = number((seconds * 1_000.0).round());
        return Some(Made::new("delay", json!({ "mode": "duration", "duration_ms": ms })));
    }
    let text = options.text("secondsToWaitFor");
    let Some(text) = text else {
        importer.draft.note(Some(id), NoteCode::Incomplete, "the time to wait is not given");
        return Some(Made::new("delay", json!({ "mode": "duration" })));
    };
    let expression = importer.arithmetic(text)?;
    Some(Made::new("delay", json!({ "mode": "expression", "expression": format!("({expression}) * 1000") })))
}

fn jump(importer: &mut Importer<'_>, options: &mut Options<'_>, id: &str) -> Made {
    let (group, block) = (options.text("groupId"), options.text("blockId"));
    match importer.target(group, block) {
        Some(target) => Made::new("jump", json!({ "target": target })),
        None => {
            importer.draft.note(Some(id), NoteCode::Incomplete, "the jump leads nowhere");
            Made::new("jump", json!({}))
        }
    }
}

fn redirect(importer: &mut Importer<'_>, options: &mut Options<'_>, id: &str) -> Made {
    let url = importer.template(id, options.text("url").unwrap_or(""), 10_000);
    options.ignore(&["isNewTab"]);
    importer.draft.changed(id, "a button leads to the page, where people were taken there");
    let button = json!({ "id": "open", "kind": "url", "label": "Open", "url": url });
    let card = json!({ "id": "card", "kind": "card", "title": "Open the page", "buttons": [button] });
    Made::new("message", json!({ "blocks": [card] }))
}

#[cfg(test)]
mod tests {
    use super::looks_like_code;

    #[test]
    fn code_is_told_from_text() {
        for code in [
            "return 1",
            "{{a}}.map(x => x)",
            "Math.random() * 6",
            "`a`",
            "[1]",
            "new Date()",
            "\"Hi \" + {{a}}",
            "{{a}} > 5 ? 'x' : 'y'",
            "{{a}}.length",
            "{{a}}[0]",
            "{{a}} != 1",
            "{\"a\": 1}",
        ] {
            assert!(looks_like_code(code), "{code}");
        }
        for text in [
            "Hello {{Name}}",
            "{{Name}} (again)",
            "yes",
            "It is 5 o'clock",
            "Hi {{Name}}. Fine?",
            "a > b",
            "{{a}}.",
            "{{a}}. And {{b}}",
        ] {
            assert!(!looks_like_code(text), "{text}");
        }
    }
}
