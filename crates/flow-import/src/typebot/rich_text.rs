//! Rich text as Markdown: paragraphs, headings, lists, quotes, links, bold, italic and
//! struck text, variables.

use serde_json::Value;

use super::Importer;
use crate::note::NoteCode;

impl<'v> Importer<'v> {
    /// The text of a bubble, from whichever form the export has.
    pub(super) fn bubble_text(&mut self, content: &Value, node: &str) -> String {
        let rich = content.get("richText").and_then(Value::as_array).filter(|elements| !elements.is_empty());
        let text = if let Some(elements) = rich {
            self.elements(elements, node)
        } else if let Some(text) = content.get("plainText").and_then(Value::as_str) {
            self.markdown_of(node, text)
        } else if let Some(html) = content.get("html").and_then(Value::as_str) {
            self.draft.note(
                Some(node),
                NoteCode::FormattingLost,
                "only the words of a text in HTML were kept",
            );
            let text = without_tags(html);
            self.markdown_of(node, &text)
        } else {
            String::new()
        };
        self.draft.fit(node, &text, 50_000)
    }

    fn elements(&mut self, elements: &[Value], node: &str) -> String {
        let blocks: Vec<_> = elements.iter().map(|element| self.element(element, node)).collect();
        let blocks: Vec<_> =
            blocks.iter().map(|block| block.trim_end()).filter(|block| !block.is_empty()).collect();
        blocks.join("\n\n")
    }

    fn element(&mut self, element: &Value, node: &str) -> String {
        let kind = element.get("type").and_then(Value::as_str).unwrap_or("p");
        match kind {
            "h1" => format!("# {}", self.inline(element, node)),
            "h2" => format!("## {}", self.inline(element, node)),
            "h3" | "h4" | "h5" | "h6" => format!("### {}", self.inline(element, node)),
            "blockquote" => format!("> {}", self.inline(element, node).replace('\n', "\n> ")),
            "ul" | "ol" => self.list(element, kind == "ol", node),
            _ => self.inline(element, node),
        }
    }

    fn list(&mut self, list: &Value, numbered: bool, node: &str) -> String {
        let mut lines = String::new();
        for (at, item) in children(list).iter().enumerate() {
            let mark = if numbered { format!("{}. ", at + 1) } else { "- ".to_owned() };
            lines += &mark;
            for (at, part) in children(item).iter().enumerate() {
                let text = match part.get("type").and_then(Value::as_str) {
                    Some(kind @ ("ul" | "ol")) => self.list(part, kind == "ol", node),
                    _ => self.inline_part(part, node),
                };
                if at > 0 && part.get("type").is_some() {
                    lines.push('\n');
                }
                lines += &text.trim_end().replace('\n', "\n   ");
            }
            lines.push('\n');
        }
        lines
    }

    fn inline(&mut self, element: &Value, node: &str) -> String {
        if let Some(text) = element.get("text").and_then(Value::as_str) {
            return self.leaf(element, text, node);
        }
        children(element).iter().map(|part| self.inline_part(part, node)).collect()
    }

    fn inline_part(&mut self, part: &Value, node: &str) -> String {
        match part.get("type").and_then(Value::as_str) {
            Some("a") => {
                let text = self.inline(part, node);
                let url = part.get("url").and_then(Value::as_str).unwrap_or("");
                let url = self.template(node, url, 10_000);
                // Between angle brackets an address may hold whatever but these.
                let url = url.replace(['<', '>', '\n'], "");
                if url.is_empty() { text } else { format!("[{text}](<{url}>)") }
            }
            _ => self.inline(part, node),
        }
    }

    fn leaf(&mut self, leaf: &Value, text: &str, node: &str) -> String {
        let on = |key: &str| leaf.get(key).and_then(Value::as_bool).unwrap_or(false);
        if on("underline") {
            self.draft.note(Some(node), NoteCode::FormattingLost, "Markdown underlines nothing");
        }
        let mut text = self.markdown_of(node, text);
        // Marks hold only where they touch words.
        let words = text.trim();
        if words.is_empty() {
            return text;
        }
        let marks: String = [("bold", "**"), ("italic", "*"), ("strikethrough", "~~")]
            .into_iter()
            .filter(|(key, _)| on(key))
            .map(|(_, mark)| mark)
            .collect();
        if !marks.is_empty() {
            let back: String = match marks.as_str() {
                "*~~" => "~~*".into(),
                "**~~" => "~~**".into(),
                "***~~" => "~~***".into(),
                same => same.into(),
            };
            text = text.replacen(words, &format!("{marks}{words}{back}"), 1);
        }
        text
    }
}

fn children(element: &Value) -> &[Value] {
    element.get("children").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The words of HTML: tags left out, what ends a line kept as one.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out += &rest[..open];
        let Some(length) = rest[open..].find('>') else {
            rest = &rest[open..];
            break;
        };
        let tag = rest[open + 1..open + length].trim_matches('/').to_ascii_lowercase();
        let name = tag.split_whitespace().next().unwrap_or("");
        if matches!(name, "br" | "p" | "div" | "li") && !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        rest = &rest[open + length + 1..];
    }
    out += rest;
    let named =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    named.into_iter().fold(out, |text, (entity, char)| text.replace(entity, char)).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::without_tags;

    #[test]
    fn html_leaves_its_words() {
        assert_eq!(without_tags("<div>a &amp; <b>b</b></div><div>c</div>"), "a & b\nc");
        assert_eq!(without_tags("1 < 2"), "1 < 2");
        assert_eq!(without_tags("&amp;lt;"), "&lt;");
    }
}
