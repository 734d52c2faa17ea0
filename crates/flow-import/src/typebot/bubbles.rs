//! Bubbles in a row: one message.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::read::Block;
use super::{Importer, Made};
use crate::options::Options;

pub(super) fn message(importer: &mut Importer<'_>, blocks: &[Block<'_>], id: &str) -> Made {
    let (mut content, mut ids) = (Vec::new(), BTreeSet::new());
    for (at, block) in blocks.iter().enumerate() {
        let mut item = bubble(importer, block, id);
        // The block's id where it can be one, else its place.
        let mut item_id =
            if flow_model::is_key(block.id) { block.id.to_owned() } else { format!("block-{at}") };
        while !ids.insert(item_id.clone()) {
            item_id.push('-');
        }
        item.insert("id".into(), item_id.into());
        content.push(Value::Object(item));
    }
    Made::new("message", json!({ "blocks": content }))
}

fn bubble(importer: &mut Importer<'_>, block: &Block<'_>, node: &str) -> Map<String, Value> {
    let nothing = Value::Null;
    let content = block.value.get("content").unwrap_or(&nothing);
    let mut item = Map::new();
    if block.block_type == "text" {
        item.insert("kind".into(), "text".into());
        item.insert("text".into(), importer.bubble_text(content, node).into());
        return item;
    }
    // Embeds and oldest contents are a text where others are an object.
    let mut options = Options::of(Some(content).filter(|content| content.is_object()));
    let url = options.text("url").or_else(|| content.as_str()).unwrap_or("");
    let url = match (block.block_type, options.text("type"), options.text("id")) {
        ("video", Some("youtube"), Some(video)) if url.is_empty() => {
            format!("https://www.youtube.com/watch?v={video}")
        }
        ("video", Some("vimeo"), Some(video)) if url.is_empty() => format!("https://vimeo.com/{video}"),
        _ => url.to_owned(),
    };
    let url = importer.template(node, &url, 10_000);
    options.ignore(&["height", "aspectRatio", "maxWidth", "areControlsDisplayed"]);
    match block.block_type {
        "embed" => {
            importer.draft.changed(node, "what was embedded is linked to");
            item.insert("kind".into(), "card".into());
            item.insert("title".into(), "Open the page".into());
            let button = json!({ "id": "open", "kind": "url", "label": "Open", "url": url });
            item.insert("buttons".into(), json!([button]));
        }
        kind => {
            if let Some(alt) = options.text("clickLink/alt").filter(|_| kind == "image") {
                let alt = importer.template(node, alt, 10_000);
                item.insert("alt".into(), alt.into());
            }
            item.insert("kind".into(), kind.into());
            item.insert("url".into(), url.into());
        }
    }
    options.report(&mut importer.draft, node);
    item
}
