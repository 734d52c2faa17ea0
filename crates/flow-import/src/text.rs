//! Texts on their way in: cut to size, escaped, and with other programs' variables
//! in our words.

/// The text with so many characters at most, and whether it was cut.
pub(crate) fn cut(text: &str, chars_max: usize) -> (String, bool) {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => (text[..end].to_owned(), true),
        None => (text.to_owned(), false),
    }
}

pub(crate) fn one_line(text: &str) -> String {
    text.split(|char: char| char.is_control() || char.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A piece of a text with variables in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Literal(&'t str),
    /// What stands between `{{` and `}}`, trimmed.
    Braces(&'t str),
}

/// Splits a text at `{{ … }}`. Braces that nothing closes are literal.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(open) = rest.find("{{") {
        let Some(length) = rest[open + 2..].find("}}") else { break };
        if open > 0 {
            pieces.push(Piece::Literal(&rest[..open]));
        }
        pieces.push(Piece::Braces(rest[open + 2..open + 2 + length].trim()));
        rest = &rest[open + 2 + length + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

/// A literal text as a template that yields it: what would open a block of the
/// template language is written as a text in it.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out += &rest[..at];
        let opener = rest[at..].get(..2).filter(|two| matches!(*two, "{{" | "{%" | "{#"));
        match opener {
            Some(two) => {
                out += "{{ \"";
                out += two;
                out += "\" }}";
                rest = &rest[at + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[at + 1..];
                // Two pieces must not make an opener where they meet.
                if rest.is_empty() {
                    out.pop();
                    out += "{{ \"{\" }}";
                }
            }
        }
    }
    out + rest
}

/// A literal text as Markdown that shows it.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = true;
    for char in text.chars() {
        let special = matches!(char, '\\' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '~' | '|');
        if special || (line_start && matches!(char, '#' | '+' | '-' | '=')) {
            out.push('\\');
        }
        out.push(char);
        line_start = char == '\n' || (line_start && char == ' ');
    }
    out
}

/// The text as a string of the expression language.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                out.push('\\');
                out.push(char);
            }
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            _ => out.push(char),
        }
    }
    out + "\""
}

/// Whether a header or parameter of this name carries what nobody else should know.
pub(crate) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "api-key", "apikey", "api_key", "token", "secret", "password"]
        .iter()
        .any(|part| name.contains(part))
}

/// The text with so many UTF-16 units at most, and whether it was cut.
pub(crate) fn fit(text: &str, units_max: usize) -> (String, bool) {
    let mut units = 0;
    for (at, char) in text.char_indices() {
        units += char.len_utf16();
        if units > units_max {
            return (text[..at].to_owned(), true);
        }
    }
    (text.to_owned(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_told_from_the_text_around_them() {
        use Piece::{Braces, Literal};
        assert_eq!(pieces("Hi {{ Name }}!"), [Literal("Hi "), Braces("Name"), Literal("!")]);
        assert_eq!(pieces("{{a}}{{b}}"), [Braces("a"), Braces("b")]);
        assert_eq!(pieces("{{ open"), [Literal("{{ open")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn literal_text_opens_no_block_of_the_template_language() {
        assert_eq!(literal("100 %} {x}"), "100 %} {x}");
        assert_eq!(literal("{% raw %}"), "{{ \"{%\" }} raw %}");
        assert_eq!(literal("{{{#"), "{{ \"{{\" }}{{ \"{#\" }}");
        assert_eq!(literal("end {"), "end {{ \"{\" }}");
        assert_eq!(literal("é{é"), "é{é");
    }

    #[test]
    fn plain_text_looks_in_markdown_as_it_did() {
        assert_eq!(markdown("# 2 * 3_4\n- a-b"), "\\# 2 \\* 3\\_4\n\\- a-b");
    }

    #[test]
    fn a_quoted_text_ends_where_it_should() {
        assert_eq!(quoted("a\"\\\n"), "\"a\\\"\\\\\\n\"");
    }
}
