//! The shapes of test cases and of what came of them.

use serde_json::{Value, json};

use super::model::{key, reference};

pub(super) fn json_test() -> Value {
    json!({
        "description": "A test case: what is said to the flow, and what it is expected to say. Its fields are \
            described by the JSON Schema at `/api/schema/interflow-1.json`; what does not fit there is kept and \
            found by validation.",
        "type": "object",
        "propertyNames": reference("JsonKey"),
        "properties": {
            "id": { "anyOf": [key(), { "type": "null" }] },
            "order": { "description": "A fractional key; drawn anew where keys are not in order." },
            "name": { "description": "A text." },
        },
    })
}

pub(super) fn graph_test() -> Value {
    json!({
        "type": "object",
        "required": ["id", "order"],
        "properties": { "id": { "type": "string" }, "order": { "type": "string" } },
    })
}

pub(super) fn report() -> Value {
    json!({
        "type": "object",
        "required": ["status", "passed", "failed", "errors", "cases", "coverage"],
        "properties": {
            "status": { "type": "string", "enum": ["passed", "failed"], "description": "`passed` if all test cases did." },
            "passed": count(),
            "failed": count(),
            "errors": count(),
            "cases": { "type": "array", "items": reference("TestCaseReport") },
            "coverage": reference("TestCoverage"),
        },
    })
}

pub(super) fn case() -> Value {
    let failure = json!({
        "description": "An expectation that was not met.",
        "type": "object",
        "required": ["type", "expected", "actual", "message"],
        "properties": {
            "assertion": { "type": "string", "description": "Its id; none where the run failed and nobody expected it to." },
            "type": { "type": "string" },
            "expected": {},
            "actual": {},
            "message": { "type": "string" },
        },
    });
    let turn = json!({
        "type": "object",
        "required": ["said", "ms", "assertions", "failed", "failures"],
        "properties": {
            "turn": { "type": "string", "description": "The id of the turn; none for a beginning that no turn judges." },
            "said": { "type": "array", "items": { "type": "string" }, "description": "Message by message, as text." },
            "cut": { "type": "boolean", "description": "More was said than is shown." },
            "ms": milliseconds(),
            "assertions": count(),
            "failed": count(),
            "failures": { "type": "array", "items": failure, "description": "In a report of very many not all of them." },
        },
    });
    json!({
        "description": "What a test case came to. Callers who may not read the flow see no turns and no error.",
        "type": "object",
        "required": ["id", "name", "status", "ms", "turns"],
        "properties": {
            "id": { "type": "string" },
            "name": { "type": "string" },
            "status": { "type": "string", "enum": ["passed", "failed", "error"] },
            "error": { "type": "string", "description": "Why it could not be played to its end." },
            "outcome": { "type": "string", "enum": ["waiting", "completed", "failed", "cancelled"], "description": "How the run stood after it." },
            "ms": milliseconds(),
            "turns": { "type": "array", "items": turn },
        },
    })
}

pub(super) fn coverage() -> Value {
    let counted = json!({
        "type": "object",
        "required": ["covered", "total", "missing"],
        "properties": {
            "covered": count(),
            "total": count(),
            "missing": { "type": "array", "items": { "type": "string" }, "description": "Ids of those that are not covered." },
        },
    });
    json!({
        "description": "Which nodes that runs visit, and edges between them, the test cases have been at.",
        "type": "object",
        "required": ["nodes", "edges"],
        "properties": { "nodes": counted, "edges": counted },
    })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn milliseconds() -> Value {
    json!({ "type": "integer", "minimum": 0, "description": "Milliseconds, by the clock of the test case." })
}
