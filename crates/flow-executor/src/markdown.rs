//! Markdown as a tree of a few kinds of nodes, none of which is HTML: whoever shows it builds
//! elements from it and never parses text.
//!
//! A node is `{"t": kind, …}`. Blocks: `p`, `h` (`level` 1 to 6), `ul`, `ol` (`start`), `li`,
//! `quote`, `code` (`text`), `hr`. Inside: `text` (`text`), `strong`, `em`, `del`, `code`
//! (`text`), `a` (`href`), `img` (`src`, `alt`), `br`. All others have children in `c`.
//!
//! Values that are put into a text are put into the tree: they cannot become markup.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::{Value as Json, json};

use crate::language::PLACEHOLDER;

/// How deep lists and quotes may be in each other; deeper ones are shown less deep.
const DEPTH_MAX: usize = 20;

/// The tree of a text with placeholders for values.
#[must_use]
pub fn tree(source: &str, values: &[String]) -> Json {
    let options = Options::ENABLE_STRIKETHROUGH;
    let mut builder = Builder { values, stack: vec![Open { node: json!(null), children: Vec::new() }] };
    for event in Parser::new_ext(source, options) {
        builder.take(event);
    }
    while builder.stack.len() > 1 {
        builder.close();
    }
    Json::Array(builder.stack.pop().map(|root| root.children).unwrap_or_default())
}

/// A text in which nothing is markup.
#[must_use]
pub fn paragraph(text: &str) -> Json {
    json!([{ "t": "p", "c": [{ "t": "text", "text": text }] }])
}

struct Open {
    node: Json,
    children: Vec<Json>,
}

struct Builder<'v> {
    values: &'v [String],
    stack: Vec<Open>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => {
                if !matches!(tag, TagEnd::HtmlBlock) {
                    self.close();
                }
            }
            // HTML is text.
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => {
                let text = self.filled(&text);
                self.push(json!({ "t": "code", "text": text }));
            }
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.push(json!({ "t": "br" })),
            Event::Rule => self.push(json!({ "t": "hr" })),
            // Not enabled.
            Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let node = match tag {
            Tag::HtmlBlock => return,
            Tag::Paragraph => json!({ "t": "p" }),
            Tag::Heading { level, .. } => json!({ "t": "h", "level": level_of(level) }),
            Tag::BlockQuote(_) => json!({ "t": "quote" }),
            Tag::CodeBlock(_) => json!({ "t": "code" }),
            Tag::List(None) => json!({ "t": "ul" }),
            Tag::List(Some(start)) => json!({ "t": "ol", "start": start }),
            Tag::Item => json!({ "t": "li" }),
            Tag::Emphasis => json!({ "t": "em" }),
            Tag::Strong => json!({ "t": "strong" }),
            Tag::Strikethrough => json!({ "t": "del" }),
            Tag::Link { dest_url, .. } => match self.address(&dest_url) {
                Some(href) => json!({ "t": "a", "href": href }),
                None => json!({ "t": "span" }),
            },
            Tag::Image { dest_url, .. } => match self.address(&dest_url) {
                Some(src) => json!({ "t": "img", "src": src }),
                None => json!({ "t": "span" }),
            },
            // Not enabled.
            _ => json!({ "t": "span" }),
        };
        self.stack.push(Open { node, children: Vec::new() });
    }

    fn close(&mut self) {
        if self.stack.len() < 2 {
            return;
        }
        let Some(Open { mut node, children }) = self.stack.pop() else { return };
        match node["t"].as_str() {
            Some("code") => node["text"] = plain_of(&children).into(),
            Some("img") => node["alt"] = plain_of(&children).into(),
            Some("span") => {
                // What could not be linked is still read.
                children.into_iter().for_each(|child| self.push(child));
                return;
            }
            _ if self.stack.len() > DEPTH_MAX => {
                children.into_iter().for_each(|child| self.push(child));
                return;
            }
            _ => node["c"] = Json::Array(children),
        }
        self.push(node);
    }

    fn push(&mut self, node: Json) {
        if let Some(open) = self.stack.last_mut() {
            open.children.push(node);
        }
    }

    /// Text, with values in the place of their placeholders; line breaks of a value are kept.
    fn text(&mut self, text: &str) {
        let filled = self.filled(text);
        let mut lines = filled.split('\n');
        let in_code = self.stack.last().is_some_and(|open| open.node["t"] == "code");
        if in_code {
            self.push_text(&filled);
            return;
        }
        if let Some(first) = lines.next() {
            self.push_text(first);
        }
        for line in lines {
            self.push(json!({ "t": "br" }));
            self.push_text(line);
        }
    }

    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(last) = self.stack.last_mut().and_then(|open| open.children.last_mut())
            && last["t"] == "text"
            && let Some(before) = last["text"].as_str()
        {
            last["text"] = format!("{before}{text}").into();
            return;
        }
        self.push(json!({ "t": "text", "text": text }));
    }

    fn filled(&self, text: &str) -> String {
        self.fill(text, String::push_str)
    }

    fn fill(&self, text: &str, put: impl Fn(&mut String, &str)) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(PLACEHOLDER.0) {
            out.push_str(before);
            let (number, behind) = after.split_once(PLACEHOLDER.1).unwrap_or((after, ""));
            if let Some(value) = number.parse().ok().and_then(|number: usize| self.values.get(number)) {
                put(&mut out, value);
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }

    /// Where a link leads, if a page may go there.
    fn address(&self, url: &str) -> Option<String> {
        let filled = self.fill(url, |out, value| {
            if out.is_empty() {
                out.push_str(value);
            } else {
                out.extend(
                    url::form_urlencoded::byte_serialize(value.as_bytes())
                        .map(|part| part.replace('+', "%20")),
                );
            }
        });
        safe_url(&filled)
    }
}

const fn level_of(level: HeadingLevel) -> u8 {
    level as u8
}

/// The address, if it is one that may be opened from a page: `http`, `https`, `mailto`, `tel`.
#[must_use]
pub fn safe_url(url: &str) -> Option<String> {
    let url = url::Url::parse(url.trim()).ok()?;
    matches!(url.scheme(), "http" | "https" | "mailto" | "tel").then(|| url.to_string())
}

/// The tree as plain text.
#[must_use]
pub fn plain(tree: &Json) -> String {
    let mut out = String::new();
    write_plain(tree, &mut out, None);
    out.trim().to_owned()
}

fn plain_of(children: &[Json]) -> String {
    children.iter().map(plain).collect()
}

fn write_plain(node: &Json, out: &mut String, marker: Option<u64>) {
    if let Json::Array(children) = node {
        children.iter().for_each(|child| write_plain(child, out, None));
        return;
    }
    let children = node["c"].as_array().map_or(&[][..], Vec::as_slice);
    let inside = |out: &mut String| children.iter().for_each(|child| write_plain(child, out, None));
    match node["t"].as_str().unwrap_or_default() {
        "text" => out.push_str(node["text"].as_str().unwrap_or_default()),
        "code" => out.push_str(node["text"].as_str().unwrap_or_default()),
        "img" => out.push_str(node["alt"].as_str().unwrap_or_default()),
        "br" => out.push('\n'),
        "hr" => out.push_str("\n—\n"),
        "a" => {
            inside(out);
            let href = node["href"].as_str().unwrap_or_default();
            if !out.ends_with(href.trim_end_matches('/')) {
                out.push_str(&format!(" ({href})"));
            }
        }
        "p" | "h" | "quote" => {
            inside(out);
            out.push('\n');
        }
        "ul" => children.iter().for_each(|child| write_plain(child, out, Some(0))),
        "ol" => {
            let start = node["start"].as_u64().unwrap_or(1);
            (start..).zip(children).for_each(|(number, child)| write_plain(child, out, Some(number.max(1))));
        }
        "li" => {
            match marker {
                Some(0) | None => out.push_str("• "),
                Some(number) => out.push_str(&format!("{number}. ")),
            }
            inside(out);
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        _ => inside(out),
    }
}

#[cfg(test)]
mod tests;
