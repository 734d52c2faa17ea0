//! Fields that several node types share.

use super::{Choice, FieldKind, FieldSpec, ItemSpec, TEMPLATE, choice, field};

/// Names the field that says what an error does.
pub const ON_ERROR: &str = "onError";
/// The output an error leaves by when `onError` is `port`.
pub const ERROR_HANDLE: &str = "error";

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

pub(super) static ON_ERROR_CHOICES: &[Choice] = &[
    choice("stop", "Stop the run"),
    choice("port", "Leave by the error handle"),
    choice("continue", "Go on"),
];

pub(super) const fn on_error() -> FieldSpec {
    field(
        ON_ERROR,
        "On error",
        FieldKind::Enum(ON_ERROR_CHOICES),
        "What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.",
    )
    .default_text("stop")
}

pub(super) const fn mock() -> FieldSpec {
    field(
        "mock",
        "Mock",
        FieldKind::Object(&MOCK),
        "In previews and tests the node yields this instead of acting.",
    )
}

pub(super) const fn retry() -> FieldSpec {
    field("retry", "Retry", FieldKind::Object(&RETRY), "How often and how fast a failed attempt is repeated.")
}

pub(super) const fn timeout_ms(doc: &'static str) -> FieldSpec {
    field("timeout_ms", "Timeout", FieldKind::Duration { min_ms: 1, max_ms: 365 * DAY_MS }, doc)
}

static MOCK_OUTCOMES: &[Choice] = &[choice("output", "An output"), choice("error", "An error")];

static MOCK: ItemSpec = ItemSpec {
    name: "mock",
    label: "Mock",
    fields: &[
        field("enabled", "Enabled", FieldKind::Bool, "Whether the mock is used.").default_bool(false),
        field("outcome", "Outcome", FieldKind::Enum(MOCK_OUTCOMES), "Whether the node succeeds.")
            .default_text("output"),
        field("output", "Output", FieldKind::Json, "What the node yields.").when("outcome", &["output"]),
        field("error", "Error", TEMPLATE, "What the node fails with.").when("outcome", &["error"]),
    ],
};

static BACKOFFS: &[Choice] = &[choice("constant", "Constant"), choice("exponential", "Exponential")];

static RETRY: ItemSpec = ItemSpec {
    name: "retry",
    label: "Retry",
    fields: &[
        field("max", "Retries", FieldKind::Int { min: 0, max: 20 }, "Attempts after the first.")
            .default_int(0),
        field("backoff", "Backoff", FieldKind::Enum(BACKOFFS), "How the wait grows.")
            .default_text("exponential"),
        field(
            "base_ms",
            "First wait",
            FieldKind::Duration { min_ms: 0, max_ms: DAY_MS },
            "The wait before the first retry.",
        )
        .default_int(500),
        field("factor", "Factor", FieldKind::Number, "Each wait is this many times the last one.")
            .default_int(2)
            .when("backoff", &["exponential"]),
        field(
            "cap_ms",
            "Longest wait",
            FieldKind::Duration { min_ms: 0, max_ms: DAY_MS },
            "No wait is longer than this.",
        )
        .default_int(30_000),
        field("jitter", "Jitter", FieldKind::Bool, "Draw each wait at random up to its length.")
            .default_bool(true),
        field(
            "respect_retry_after",
            "Obey Retry-After",
            FieldKind::Bool,
            "Wait as long as the other side asks for.",
        )
        .default_bool(true),
    ],
};
