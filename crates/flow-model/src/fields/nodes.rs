//! The node types.

use super::handles::{on_error_handle, out};
use super::{Choice, FieldKind, FieldSpec, HandleSpec, ItemSpec, LINE, NodeSpec, PROSE, choice, field};
use super::{api, input, logic, message};

/// Every node type this release knows.
pub static NODE_TYPES: &[NodeSpec] = &[
    NodeSpec {
        has_input: false,
        handles: &[out("Out", "The run begins.")],
        ..executed("start", "Start", "Where a run begins; checks and binds its parameters.", START)
    },
    NodeSpec {
        handles: OUT_AND_ERROR,
        ..executed("message", "Message", "Sends text, media and cards.", message::FIELDS)
    },
    NodeSpec {
        pauses: true,
        handles: input::HANDLES,
        ..executed("input", "Input", "Asks for a reply, checks it and stores it.", input::FIELDS)
    },
    NodeSpec {
        handles: logic::CONDITION_HANDLES,
        ..executed("condition", "Condition", "Goes on by the first branch that is true.", logic::CONDITION)
    },
    NodeSpec { handles: OUT_AND_ERROR, ..executed("set", "Set", "Changes variables.", logic::SET) },
    NodeSpec {
        handles: api::HANDLES,
        ..executed("api", "API call", "Calls a web service and keeps its answer.", api::FIELDS)
    },
    NodeSpec {
        pauses: true,
        handles: OUT_AND_ERROR,
        ..executed("delay", "Delay", "Waits for a time or until a moment.", logic::DELAY)
    },
    executed("jump", "Jump", "Goes on at another node.", logic::JUMP),
    executed("end", "End", "Ends the run with a result.", END),
    drawn("note", "Note", "A remark on the canvas.", NOTE),
    drawn("group", "Group", "A frame around other nodes.", GROUP),
];

static OUT_AND_ERROR: &[HandleSpec] = &[out("Out", "The node is done."), on_error_handle()];

const fn executed(
    name: &'static str,
    label: &'static str,
    doc: &'static str,
    fields: &'static [FieldSpec],
) -> NodeSpec {
    NodeSpec {
        name,
        version: 1,
        label,
        doc,
        executed: true,
        has_input: true,
        pauses: false,
        fields,
        handles: &[],
    }
}

const fn drawn(
    name: &'static str,
    label: &'static str,
    doc: &'static str,
    fields: &'static [FieldSpec],
) -> NodeSpec {
    NodeSpec {
        name,
        version: 1,
        label,
        doc,
        executed: false,
        has_input: false,
        pauses: false,
        fields,
        handles: &[],
    }
}

static TRIGGERS: &[Choice] =
    &[choice("chat", "A chat"), choice("manual", "By hand"), choice("api", "The API")];

static START: &[FieldSpec] = &[
    field("trigger", "Started by", FieldKind::Enum(TRIGGERS), "What starts a run.").default_text("chat"),
    field("input", "Parameters", FieldKind::List(&PARAMETER), "What a run is given when it starts."),
];

/// The types a variable or parameter can be declared with.
pub(crate) static VALUE_TYPES: &[Choice] = &[
    choice("any", "Anything"),
    choice("text", "Text"),
    choice("number", "Number"),
    choice("bool", "Yes or no"),
    choice("list", "List"),
    choice("object", "Object"),
    choice("datetime", "Date and time"),
];

static PARAMETER: ItemSpec = ItemSpec {
    name: "parameter",
    label: "Parameter",
    fields: &[
        field("name", "Name", FieldKind::Variable, "The variable it is bound to.").required(),
        field("type", "Type", FieldKind::Enum(VALUE_TYPES), "What it must be.").default_text("any"),
        field("required", "Required", FieldKind::Bool, "Whether a run cannot start without it.")
            .default_bool(false),
        field("default", "Default", FieldKind::Json, "Its value when none is given."),
        field("description", "Description", LINE, "What it is for."),
    ],
};

static END: &[FieldSpec] = &[
    field("output", "Result", FieldKind::Expressions, "Names and the expressions whose values they get."),
    field("message", "Last words", PROSE, "Markdown sent before the end, with {{ variables }}."),
];

static COLOURS: &[Choice] = &[
    choice("yellow", "Yellow"),
    choice("blue", "Blue"),
    choice("green", "Green"),
    choice("red", "Red"),
    choice("purple", "Purple"),
    choice("grey", "Grey"),
];

static NOTE: &[FieldSpec] = &[
    field("text", "Text", PROSE, "Markdown."),
    field("colour", "Colour", FieldKind::Enum(COLOURS), "The paper's colour.").default_text("yellow"),
];

static GROUP: &[FieldSpec] = &[
    field("text", "Text", PROSE, "What the group is about."),
    field("colour", "Colour", FieldKind::Enum(COLOURS), "The frame's colour.").default_text("grey"),
];
