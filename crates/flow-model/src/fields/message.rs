//! Fields of `message`.

use super::common::{mock, on_error};
use super::{Choice, FieldKind, FieldSpec, ItemSpec, LINE, PROSE, TEMPLATE, choice, field};

pub(super) static FIELDS: &[FieldSpec] = &[
    field("blocks", "Content", FieldKind::List(&BLOCK), "What is sent, in order.").required(),
    field(
        "typing_ms",
        "Typing time",
        FieldKind::Duration { min_ms: 0, max_ms: 60_000 },
        "How long the typing indicator shows before each block but the first; by default as long as 400 words a minute take, at most 3 s.",
    ),
    on_error(),
    mock(),
];

static BLOCK_KINDS: &[Choice] = &[
    choice("text", "Text"),
    choice("image", "Image"),
    choice("video", "Video"),
    choice("audio", "Audio"),
    choice("file", "File"),
    choice("card", "Card"),
    choice("carousel", "Carousel"),
];

static BLOCK: ItemSpec = ItemSpec {
    name: "block",
    label: "Block",
    fields: &[
        field("kind", "Kind", FieldKind::Enum(BLOCK_KINDS), "What the block is.").default_text("text"),
        field("text", "Text", PROSE, "Markdown, with {{ variables }}.").required().when("kind", &["text"]),
        field("url", "Address", TEMPLATE, "Where the medium is.")
            .required()
            .when("kind", &["image", "video", "audio", "file"]),
        field("alt", "Description", TEMPLATE, "What people who cannot see it are told.")
            .when("kind", &["image", "video", "audio"]),
        field("name", "File name", TEMPLATE, "What the file is called.").when("kind", &["file"]),
        field("title", "Title", TEMPLATE, "The card's title.").required().when("kind", &["card"]),
        field("subtitle", "Text", PROSE, "The card's text.").when("kind", &["card"]),
        field("image", "Image", TEMPLATE, "The address of the card's image.").when("kind", &["card"]),
        field("buttons", "Buttons", FieldKind::List(&BUTTON), "The card's buttons.").when("kind", &["card"]),
        field("cards", "Cards", FieldKind::List(&CARD), "The carousel's cards.")
            .required()
            .when("kind", &["carousel"]),
    ],
};

static CARD: ItemSpec = ItemSpec {
    name: "card",
    label: "Card",
    fields: &[
        field("title", "Title", TEMPLATE, "The card's title.").required(),
        field("subtitle", "Text", PROSE, "The card's text."),
        field("image", "Image", TEMPLATE, "The address of the card's image."),
        field("buttons", "Buttons", FieldKind::List(&BUTTON), "The card's buttons."),
    ],
};

static BUTTON_KINDS: &[Choice] = &[choice("reply", "Replies"), choice("url", "Opens a page")];

static BUTTON: ItemSpec = ItemSpec {
    name: "button",
    label: "Button",
    fields: &[
        field("kind", "Kind", FieldKind::Enum(BUTTON_KINDS), "What pressing it does.").default_text("reply"),
        field("label", "Label", TEMPLATE, "What the button says.").required(),
        field("value", "Reply", LINE, "What is replied; the label if nothing is given.")
            .when("kind", &["reply"]),
        field("url", "Address", TEMPLATE, "The page it opens.").required().when("kind", &["url"]),
    ],
};
