//! What asks for a reply.

use serde_json::{Map, Value, json};

use super::read::{Block, Export, array};
use super::values::number;
use super::{Importer, Made};
use crate::ImportError;
use crate::note::NoteCode;
use crate::options::Options;

/// Files there at most, where several are allowed.
const FILES_MAX: u32 = 20;

pub(super) fn input<'v>(
    importer: &mut Importer<'v>,
    block: &Block<'v>,
    options: &mut Options<'v>,
    id: &str,
    export: &Export<'v>,
) -> Result<Option<Made>, ImportError> {
    let kind = match block.block_type {
        "text input" | "time input" => "text",
        "number input" => "number",
        "email input" => "email",
        "url input" => "url",
        "phone number input" => "phone",
        "date input" => "date",
        "choice input" | "picture choice input" => "choice",
        "rating input" => "rating",
        "file input" => "file",
        _ => return Ok(None),
    };
    let mut data = Map::new();
    let mut set = |key: &str, value: Value| data.insert(key.to_owned(), value);
    set("kind", kind.into());
    let variable = options.text("variableId");
    set("variable", importer.variable_or_new(variable, id, &format!("{kind}_reply")).into());
    if let Some(text) = options.text("labels/placeholder").filter(|_| kind != "file") {
        set("placeholder", importer.template(id, text, 10_000).into());
    }
    if let Some(text) = options.text("retryMessageContent") {
        set("retry_message", importer.prose(id, text).into());
    }
    // What the button says whose place the reply box takes.
    options.ignore(&["labels/button", "buttonLabel"]);
    match block.block_type {
        "text input" => {
            if options.flag("isLong") == Some(true) {
                set("multiline", true.into());
            }
            options.ignore(&["inputMode"]);
        }
        "time input" => {
            set("pattern", "([01][0-9]|2[0-3]):[0-5][0-9]".into());
            importer.draft.changed(id, "a time is asked for as a text such as 09:30");
        }
        "number input" => {
            for key in ["min", "max", "step"] {
                if let Some(bound) = options.number(key) {
                    set(key, number(bound));
                }
            }
        }
        "phone number input" => {
            if let Some(country) = options.text("defaultCountryCode") {
                match country.len() {
                    2 => drop(set("default_country", country.to_ascii_uppercase().into())),
                    _ => importer.draft.dropped(id, "defaultCountryCode"),
                }
            }
        }
        "date input" => {
            if options.flag("hasTime") == Some(true) {
                set("with_time", true.into());
            }
            if options.flag("isRange") == Some(true) {
                importer.draft.changed(id, "one date is asked for instead of two");
            }
            for (key, ours) in [("min", "min_date"), ("max", "max_date")] {
                if let Some(date) = options.text(key) {
                    match looks_like_date(date) {
                        true => drop(set(ours, date.into())),
                        false => importer.draft.dropped(id, key),
                    }
                }
            }
            options.ignore(&["labels/from", "labels/to", "labels/separator"]);
        }
        "rating input" => {
            let highest = options.number("length").unwrap_or(10.0);
            if (2.0..=100.0).contains(&highest) && highest.fract() == 0.0 {
                set("rating_max", number(highest));
            } else {
                importer.draft.dropped(id, "length");
            }
            if options.number("startsAt").is_some_and(|first| first != 1.0) {
                importer.draft.changed(id, "ratings begin at 1");
            }
            options.ignore(&["buttonType", "isOneClickSubmitEnabled"]);
        }
        "file input" => file(importer, options, id, &mut set),
        "choice input" | "picture choice input" => choice(importer, block, options, id, export, &mut set)?,
        // Addresses are checked by what they are.
        _ => {}
    }
    Ok(Some(Made { node_type: "input".into(), data }))
}

fn file(
    importer: &mut Importer<'_>,
    options: &mut Options<'_>,
    id: &str,
    set: &mut impl FnMut(&str, Value) -> Option<Value>,
) {
    if options.flag("isMultipleAllowed") == Some(true) {
        set("files_max", FILES_MAX.into());
    }
    if let Some(megabytes) = options.number("sizeLimit").filter(|limit| (0.001..=1_024.0).contains(limit)) {
        set("file_bytes_max", number((megabytes * 1_048_576.0).floor()));
    }
    if options.flag("isRequired") == Some(false) {
        importer.draft.changed(id, "a file must be given");
    }
    let enabled = options.flag("allowedFileTypes/isEnabled").unwrap_or(false);
    let types = options.array("allowedFileTypes/types");
    if enabled {
        let (known, unknown): (Vec<_>, Vec<_>) = types
            .iter()
            .filter_map(Value::as_str)
            .map(|name| (name, media_type(name)))
            .partition(|(_, media)| media.is_some());
        for (name, _) in unknown {
            importer.draft.dropped(id, &format!("allowedFileTypes/types/{}", crate::text::cut(name, 40).0));
        }
        let known: Vec<Value> = known.into_iter().filter_map(|(_, media)| media).map(Value::from).collect();
        if !known.is_empty() {
            set("file_types", known.into());
        }
    }
    options.ignore(&[
        "labels/placeholder",
        "labels/clear",
        "labels/skip",
        "labels/success/single",
        "labels/success/multiple",
    ]);
}

/// The media type of an extension or of itself.
fn media_type(name: &str) -> Option<String> {
    let extension = name.trim().trim_start_matches('.').to_ascii_lowercase();
    if extension.contains('/') {
        return Some(extension);
    }
    let media = match extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "json" => "application/json",
        "zip" => "application/zip",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => return None,
    };
    Some(media.to_owned())
}

fn choice<'v>(
    importer: &mut Importer<'v>,
    block: &Block<'v>,
    options: &mut Options<'v>,
    id: &str,
    export: &Export<'v>,
    set: &mut impl FnMut(&str, Value) -> Option<Value>,
) -> Result<(), ImportError> {
    if options.flag("isMultipleChoice") == Some(true) {
        set("multiple", true.into());
    }
    let dynamic = options.text("dynamicVariableId").or_else(|| options.text("dynamicItems/titlesVariableId"));
    options.ignore(&["dynamicItems/isEnabled", "searchInputPlaceholder", "areInitialSearchButtonsVisible"]);
    if let Some(name) = importer.variable(dynamic) {
        set("options_from", name.into());
    }
    let mut items = Vec::new();
    for (at, item) in array(block.value, "items", &block.path, usize::MAX)?.iter().enumerate() {
        let foreign = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let mut rest = Options::of(Some(item));
        rest.ignore(&["id", "blockId", "outgoingEdgeId"]);
        let label = rest.text("content").or_else(|| rest.text("title")).unwrap_or("");
        let label = importer.template(id, label, 10_000);
        let mut option = Map::new();
        option.insert("id".into(), importer.handle(block.id, foreign).into());
        if label.is_empty() && dynamic.is_none() {
            importer.draft.note(
                Some(id),
                NoteCode::Incomplete,
                format!("the option {} has no label", at + 1),
            );
        }
        option.insert("label".into(), label.into());
        if let Some(value) = rest.text("value") {
            option.insert("value".into(), importer.draft.fit(id, value, 1_000).into());
        }
        let end = export.item_edges.get(&(block.id, foreign));
        if end.is_some_and(|(group, block)| importer.target(*group, *block).is_some()) {
            option.insert("own_port".into(), true.into());
        }
        rest.report(&mut importer.draft, id);
        items.push(Value::Object(option));
    }
    // With options from a variable the export keeps an item that is not shown.
    if dynamic.is_none() || items.iter().any(|item| item.get("own_port").is_some()) {
        set("options", json!(items));
    }
    Ok(())
}

/// A day, or a day and a time, as the field takes it; the diagnostics know better.
fn looks_like_date(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(0..4)
        && text.get(4..5) == Some("-")
        && digits(5..7)
        && text.get(7..8) == Some("-")
        && digits(8..10)
        && (text.len() == 10 || text.get(10..11) == Some("T"))
}
