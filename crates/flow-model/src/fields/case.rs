//! Test cases: what is said to a flow, and what it is expected to say.

use super::{Choice, FieldKind, FieldSpec, ItemSpec, LINE, choice, field};

/// All test cases of a flow, as a list whose items are the entries of the root `tests`.
pub static TESTS: FieldSpec = field(
    "tests",
    "Tests",
    FieldKind::List(&TEST),
    "Test cases: what is said to the flow, and what it is expected to say.",
);

/// A test case.
pub static TEST: ItemSpec = ItemSpec {
    name: "test",
    label: "Test case",
    fields: &[
        field("name", "Name", LINE, "What it shows, in a sentence."),
        field(
            "now",
            "Begins at",
            FieldKind::Date,
            "What the flow takes for the time when it begins; the first moment of 2026 (UTC) if left out.",
        ),
        field("variables", "Variables", FieldKind::Json, "Values that variables begin with, by their names."),
        field(
            "mocks",
            "Mocks",
            FieldKind::Json,
            "What nodes yield instead of acting, by their ids: {\"output\": …}, {\"error\": …}, or a list of those, one for each visit.",
        ),
        field("turns", "Turns", FieldKind::List(&TURN), "What is said, and what is expected then, in order."),
    ],
};

static TURN: ItemSpec = ItemSpec {
    name: "turn",
    label: "Turn",
    fields: &[
        field(
            "say",
            "Say",
            FieldKind::Json,
            "What is answered: a text, {\"value\": …}, {\"choice\": …} or {\"files\": […]}. The first turn may say nothing: it is how the flow begins.",
        ),
        field(
            "wait",
            "Wait",
            FieldKind::Bool,
            "Nobody answers, until the flow no longer waits for an answer.",
        )
        .default_bool(false),
        field("expect", "Expect", FieldKind::List(&ASSERTION), "What must hold of what the flow says then."),
    ],
};

static ASSERTION: ItemSpec = ItemSpec {
    name: "assertion",
    label: "Assertion",
    fields: &[
        field(
            "type",
            "Type",
            FieldKind::Enum(ASSERTION_TYPES),
            "What is compared, and how; with not- before it the opposite.",
        )
        .required(),
        field(
            "value",
            "Value",
            FieldKind::Json,
            "What is expected: a text, for some types a list of texts or any value.",
        ),
        field("threshold", "Threshold", FieldKind::Number, "The most milliseconds a turn may take.")
            .when("type", &["latency", "not-latency"]),
    ],
};

/// The names are those of promptfoo, whose users know what they mean; the last two are ours.
pub static ASSERTION_TYPES: &[Choice] = &[
    choice("equals", "Equals"),
    choice("contains", "Contains"),
    choice("icontains", "Contains, in any case"),
    choice("contains-any", "Contains one of"),
    choice("contains-all", "Contains all of"),
    choice("icontains-any", "Contains one of, in any case"),
    choice("icontains-all", "Contains all of, in any case"),
    choice("starts-with", "Starts with"),
    choice("regex", "Matches"),
    choice("is-json", "Is JSON"),
    choice("latency", "Takes at most"),
    choice("expression", "Makes an expression true"),
    choice("status", "Leaves the run"),
    choice("not-equals", "Does not equal"),
    choice("not-contains", "Does not contain"),
    choice("not-icontains", "Does not contain, in any case"),
    choice("not-contains-any", "Contains none of"),
    choice("not-contains-all", "Does not contain all of"),
    choice("not-icontains-any", "Contains none of, in any case"),
    choice("not-icontains-all", "Does not contain all of, in any case"),
    choice("not-starts-with", "Does not start with"),
    choice("not-regex", "Does not match"),
    choice("not-is-json", "Is no JSON"),
    choice("not-latency", "Takes more than"),
    choice("not-expression", "Makes an expression false"),
    choice("not-status", "Does not leave the run"),
];
