//! Fields of `input`, every kind of it.

use super::common::{mock, on_error, timeout_ms};
use super::{
    Choice, FieldKind, FieldSpec, HandleSpec, ItemSpec, LINE, PROSE, TEMPLATE, When, WhenTest, choice, field,
};

static KINDS: &[Choice] = &[
    choice("text", "Text"),
    choice("number", "Number"),
    choice("email", "E-mail"),
    choice("url", "Web address"),
    choice("phone", "Phone number"),
    choice("date", "Date"),
    choice("choice", "Choice"),
    choice("rating", "Rating"),
    choice("confirm", "Yes or no"),
    choice("file", "File"),
];

pub(super) static FIELDS: &[FieldSpec] = &[
    field("kind", "Kind", FieldKind::Enum(KINDS), "What is asked for.").default_text("text"),
    field("variable", "Store in", FieldKind::Variable, "The variable that takes the checked reply.")
        .required(),
    field("prompt", "Question", PROSE, "Markdown shown before waiting, with {{ variables }}."),
    field("placeholder", "Placeholder", TEMPLATE, "Shown in the empty reply box.")
        .when("kind", &["text", "number", "email", "url", "phone", "date"]),
    field("retry_message", "When it does not fit", PROSE, "Shown when the reply is not valid."),
    field(
        "max_attempts",
        "Attempts",
        FieldKind::Int { min: 1, max: 100 },
        "After so many replies that do not fit, the run leaves by Invalid; without it, it asks for ever.",
    ),
    timeout_ms("How long to wait for a reply before leaving by Timeout; without it, for ever."),
    field("min_length", "Shortest", FieldKind::Int { min: 0, max: 100_000 }, "Characters at least.")
        .when("kind", &["text"]),
    field("max_length", "Longest", FieldKind::Int { min: 0, max: 100_000 }, "Characters at most.")
        .when("kind", &["text"]),
    field("pattern", "Pattern", LINE, "A regular expression the whole reply matches.")
        .when("kind", &["text"]),
    field("multiline", "Several lines", FieldKind::Bool, "Whether the box takes line breaks.")
        .default_bool(false)
        .when("kind", &["text"]),
    field("min", "Smallest", FieldKind::Number, "The number is at least this.").when("kind", &["number"]),
    field("max", "Largest", FieldKind::Number, "The number is at most this.").when("kind", &["number"]),
    field("step", "Step", FieldKind::Number, "The number is a multiple of this, counted from the smallest.")
        .when("kind", &["number"]),
    field("integer", "Whole numbers", FieldKind::Bool, "Whether fractions are refused.")
        .default_bool(false)
        .when("kind", &["number"]),
    field(
        "default_country",
        "Country",
        FieldKind::Text { length_max: 2 },
        "The two-letter country of numbers without a country code.",
    )
    .when("kind", &["phone"]),
    field("min_date", "Earliest", FieldKind::Date, "The date is not before this.").when("kind", &["date"]),
    field("max_date", "Latest", FieldKind::Date, "The date is not after this.").when("kind", &["date"]),
    field("with_time", "With a time", FieldKind::Bool, "Whether a time of day is asked for as well.")
        .default_bool(false)
        .when("kind", &["date"]),
    field("options", "Options", FieldKind::List(&OPTION), "What can be chosen.").when("kind", &["choice"]),
    field("options_from", "Options from", FieldKind::Variable, "A list variable that holds further options.")
        .when("kind", &["choice"]),
    field("multiple", "Several", FieldKind::Bool, "Whether more than one option may be chosen.")
        .default_bool(false)
        .when("kind", &["choice"]),
    field("min_choices", "At least", FieldKind::Int { min: 0, max: 1_000 }, "Options chosen at least.")
        .when_true("multiple"),
    field("max_choices", "At most", FieldKind::Int { min: 1, max: 1_000 }, "Options chosen at most.")
        .when_true("multiple"),
    field("rating_max", "Highest rating", FieldKind::Int { min: 2, max: 100 }, "Ratings go from 1 to this.")
        .default_int(5)
        .when("kind", &["rating"]),
    field("yes_label", "Yes says", TEMPLATE, "The label of the affirming answer.").when("kind", &["confirm"]),
    field("no_label", "No says", TEMPLATE, "The label of the denying answer.").when("kind", &["confirm"]),
    field(
        "file_types",
        "File types",
        FieldKind::Texts,
        "Media types accepted, such as image/png or image/*; judged by content. All, if none is given.",
    )
    .when("kind", &["file"]),
    field(
        "file_bytes_max",
        "Largest file",
        FieldKind::Int { min: 1, max: 1_073_741_824 },
        "Bytes of one file at most.",
    )
    .default_int(10_485_760)
    .when("kind", &["file"]),
    field("files_max", "Files", FieldKind::Int { min: 1, max: 100 }, "Files at most.")
        .default_int(1)
        .when("kind", &["file"]),
    on_error(),
    mock(),
];

static OPTION: ItemSpec = ItemSpec {
    name: "option",
    label: "Option",
    fields: &[
        field("label", "Label", TEMPLATE, "What the option says.").required(),
        field("value", "Value", LINE, "What is stored; the label if nothing is given."),
        field(
            "own_port",
            "Own handle",
            FieldKind::Bool,
            "Whether choosing it leaves by a handle of its own.",
        )
        .default_bool(false),
    ],
};

const fn when(field: &'static str, test: WhenTest) -> Option<When> {
    Some(When { field, test })
}

pub(super) static HANDLES: &[HandleSpec] = &[
    super::handles::out("Answered", "The reply was valid."),
    HandleSpec::PerItem {
        field: "options",
        label: "Option",
        only_if: Some("own_port"),
        when: when("kind", WhenTest::Is(&["choice"])),
    },
    HandleSpec::Fixed {
        id: "default",
        label: "Other options",
        doc: "An option without a handle of its own was chosen; Answered, if nothing is connected here.",
        when: when("kind", WhenTest::Is(&["choice"])),
    },
    HandleSpec::Fixed {
        id: "invalid",
        label: "Invalid",
        doc: "The attempts are used up.",
        when: when("max_attempts", WhenTest::Set),
    },
    HandleSpec::Fixed {
        id: "timeout",
        label: "Timeout",
        doc: "No reply came in time.",
        when: when("timeout_ms", WhenTest::Set),
    },
    super::handles::on_error_handle(),
];
