//! Fields of `condition`, `set`, `delay` and `jump`.

use super::common::{DAY_MS, mock, on_error};
use super::{Choice, FieldKind, FieldSpec, HandleSpec, ItemSpec, LINE, TEMPLATE, choice, field};

static MODES: &[Choice] = &[choice("strict", "Strict"), choice("loose", "Loose")];

pub(super) static CONDITION: &[FieldSpec] = &[
    field(
        "branches",
        "Branches",
        FieldKind::List(&BRANCH),
        "Tried in order; the first that is true is taken.",
    )
    .required(),
    field(
        "mode",
        "Types",
        FieldKind::Enum(MODES),
        "Strict: comparing values of different types is an error. Loose: they are converted first.",
    )
    .default_text("strict"),
    on_error(),
    mock(),
];

pub(super) static CONDITION_HANDLES: &[HandleSpec] = &[
    HandleSpec::PerItem { field: "branches", label: "Branch", only_if: None, when: None },
    HandleSpec::Fixed { id: "else", label: "Else", doc: "No branch was true.", when: None },
    super::handles::on_error_handle(),
];

static BRANCH_KINDS: &[Choice] = &[choice("rules", "Rules"), choice("expression", "Expression")];
static COMBINE: &[Choice] = &[choice("all", "All of them"), choice("any", "Any of them")];

static BRANCH: ItemSpec = ItemSpec {
    name: "branch",
    label: "Branch",
    fields: &[
        field("label", "Label", LINE, "What the handle says."),
        field("kind", "Kind", FieldKind::Enum(BRANCH_KINDS), "Rules, or one expression.")
            .default_text("rules"),
        field("combine", "True when", FieldKind::Enum(COMBINE), "How the rules are combined.")
            .default_text("all")
            .when("kind", &["rules"]),
        field("rules", "Rules", FieldKind::List(&RULE), "Comparisons, and groups of them.")
            .required()
            .when("kind", &["rules"]),
        field("expression", "Expression", FieldKind::Expression, "True or false.")
            .required()
            .when("kind", &["expression"]),
    ],
};

static RULE_KINDS: &[Choice] = &[choice("comparison", "Comparison"), choice("group", "Group")];

static OPERATORS: &[Choice] = &[
    choice("equals", "equals"),
    choice("not_equals", "does not equal"),
    choice("contains", "contains"),
    choice("not_contains", "does not contain"),
    choice("greater", "is greater than"),
    choice("at_least", "is at least"),
    choice("less", "is less than"),
    choice("at_most", "is at most"),
    choice("is_set", "is set"),
    choice("is_empty", "is empty"),
    choice("starts_with", "starts with"),
    choice("ends_with", "ends with"),
    choice("matches", "matches the pattern"),
    choice("not_matches", "does not match the pattern"),
    choice("before", "is before"),
    choice("after", "is after"),
    choice("in_list", "is one of"),
    choice("length_equals", "has the length"),
    choice("length_greater", "is longer than"),
    choice("length_less", "is shorter than"),
];

/// The operators that compare with something.
const BINARY: &[&str] = &[
    "equals",
    "not_equals",
    "contains",
    "not_contains",
    "greater",
    "at_least",
    "less",
    "at_most",
    "starts_with",
    "ends_with",
    "matches",
    "not_matches",
    "before",
    "after",
    "in_list",
    "length_equals",
    "length_greater",
    "length_less",
];

static OPERAND_KINDS: &[Choice] = &[choice("value", "A value"), choice("expression", "An expression")];

static RULE: ItemSpec = ItemSpec {
    name: "rule",
    label: "Rule",
    fields: &[
        field("kind", "Kind", FieldKind::Enum(RULE_KINDS), "A comparison, or a group of rules.")
            .default_text("comparison"),
        field("left", "Left", FieldKind::Expression, "What is compared.")
            .required()
            .when("kind", &["comparison"]),
        field("operator", "Operator", FieldKind::Enum(OPERATORS), "How it is compared.")
            .required()
            .when("kind", &["comparison"]),
        field(
            "right_kind",
            "Compare with",
            FieldKind::Enum(OPERAND_KINDS),
            "A fixed value, or an expression.",
        )
        .default_text("value")
        .when("operator", BINARY),
        field("right", "Value", FieldKind::Json, "What it is compared with.")
            .required()
            .when("right_kind", &["value"]),
        field("right_expression", "Expression", FieldKind::Expression, "What it is compared with.")
            .required()
            .when("right_kind", &["expression"]),
        field("combine", "True when", FieldKind::Enum(COMBINE), "How the group's rules are combined.")
            .default_text("all")
            .when("kind", &["group"]),
        field("rules", "Rules", FieldKind::List(&RULE), "The group's rules.")
            .required()
            .when("kind", &["group"]),
    ],
};

pub(super) static SET: &[FieldSpec] = &[
    field(
        "assignments",
        "Assignments",
        FieldKind::List(&ASSIGNMENT),
        "Variables to change. Every right-hand side sees the state before the node.",
    )
    .required(),
    on_error(),
    mock(),
];

static ASSIGNMENT_KINDS: &[Choice] = &[
    choice("value", "a value"),
    choice("template", "a text"),
    choice("expression", "an expression"),
    choice("append", "append to the list"),
    choice("remove", "remove from the list"),
    choice("increment", "add to the number"),
];

static ASSIGNMENT: ItemSpec = ItemSpec {
    name: "assignment",
    label: "Assignment",
    fields: &[
        field("variable", "Variable", FieldKind::Variable, "The variable that changes.").required(),
        field("kind", "Set to", FieldKind::Enum(ASSIGNMENT_KINDS), "How it changes.").default_text("value"),
        field("value", "Value", FieldKind::Json, "The new value.").when("kind", &["value"]),
        field("template", "Text", TEMPLATE, "The new text, with {{ variables }}.")
            .when("kind", &["template"]),
        field(
            "expression",
            "Expression",
            FieldKind::Expression,
            "The new value, what is appended or removed, or what is added.",
        )
        .required()
        .when("kind", &["expression", "append", "remove", "increment"]),
    ],
};

static DELAY_MODES: &[Choice] = &[
    choice("duration", "For a time"),
    choice("until", "Until a moment"),
    choice("expression", "As an expression says"),
];

pub(super) static DELAY: &[FieldSpec] = &[
    field("mode", "Wait", FieldKind::Enum(DELAY_MODES), "How the end is given.").default_text("duration"),
    field(
        "duration_ms",
        "Time",
        FieldKind::Duration { min_ms: 0, max_ms: 365 * DAY_MS },
        "How long to wait, at most 365 days.",
    )
    .required()
    .when("mode", &["duration"]),
    field("until", "Moment", FieldKind::Date, "When to go on; at once if it is past.")
        .required()
        .when("mode", &["until"]),
    field("expression", "Expression", FieldKind::Expression, "Milliseconds, or a date and time.")
        .required()
        .when("mode", &["expression"]),
    field("typing", "Show typing", FieldKind::Bool, "Whether the typing indicator shows meanwhile.")
        .default_bool(false),
    on_error(),
    mock(),
];

pub(super) static JUMP: &[FieldSpec] =
    &[field("target", "Target", FieldKind::NodeRef, "The node where the run goes on.").required()];
