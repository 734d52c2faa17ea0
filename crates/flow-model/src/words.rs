//! What a flow says about itself, and how much of it is taken and shown.

use crate::diagnostic::{Code, Diagnostic};
use crate::graph::Meta;

/// Characters of a flow's name: more are a finding in a document, refused as an edit, and
/// not shown in lists.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of its description, likewise.
pub const DESCRIPTION_CHARS_MAX: usize = 5_000;
/// Tags of a flow, likewise; each is a key of the document, which has a bound of its own.
pub const TAGS_MAX: usize = 64;

/// A flow's words as lists show them: what is too long is cut, since a list holds many
/// flows and whoever may edit one of them decides how long its words are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
}

impl Words {
    #[must_use]
    pub fn of(meta: &Meta) -> Self {
        Self {
            name: beginning(&meta.name, NAME_CHARS_MAX).to_owned(),
            description: beginning(&meta.description, DESCRIPTION_CHARS_MAX).to_owned(),
            tags: meta.tags.iter().take(TAGS_MAX).cloned().collect(),
        }
    }
}

/// What is too long, by the field it is in and what to say of it.
pub(crate) fn excess(meta: &Meta) -> impl Iterator<Item = (&'static str, String)> {
    let texts = [
        ("name", meta.name.as_str(), NAME_CHARS_MAX),
        ("description", meta.description.as_str(), DESCRIPTION_CHARS_MAX),
    ];
    let texts = texts
        .into_iter()
        .filter(|(_, text, max)| beginning(text, *max).len() < text.len())
        .map(|(field, _, max)| (field, format!("has more than {max} characters")));
    let tags = (meta.tags.len() > TAGS_MAX).then(|| ("tags", format!("has more than {TAGS_MAX} tags")));
    texts.chain(tags)
}

pub(crate) fn check(meta: &Meta) -> impl Iterator<Item = Diagnostic> {
    excess(meta)
        .map(|(field, message)| Diagnostic::new(Code::LongWords, message).field(format!("meta/{field}")))
}

/// So many characters, and none is halved.
fn beginning(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Edit, FlowDoc, FlowJson};

    fn meta(chars: usize, tags: usize) -> Meta {
        let tags = (0..tags).map(|at| format!("{at:03}")).collect();
        Meta { name: "ä".repeat(chars), description: "🙂".repeat(chars * 25), tags, ..Meta::default() }
    }

    #[test]
    fn lists_show_the_beginning_of_what_is_too_long() {
        let fits = meta(NAME_CHARS_MAX, TAGS_MAX);
        assert_eq!(fits.description.chars().count(), DESCRIPTION_CHARS_MAX);
        let shown = Words::of(&fits);
        assert_eq!(
            (&shown.name, &shown.description, &shown.tags),
            (&fits.name, &fits.description, &fits.tags)
        );
        assert_eq!(Words::of(&meta(NAME_CHARS_MAX + 1, TAGS_MAX + 1)), shown);
        assert_eq!(Words::of(&meta(1_000_000 / 25, 10_000)), shown);
    }

    #[test]
    fn what_is_too_long_is_found_in_its_field() {
        let found = |meta| check(&meta).filter_map(|finding| finding.field).collect::<Vec<_>>();
        assert_eq!(found(meta(NAME_CHARS_MAX, TAGS_MAX)), [""; 0]);
        let all = found(meta(NAME_CHARS_MAX + 1, TAGS_MAX + 1));
        assert_eq!(all, ["meta/name", "meta/description", "meta/tags"]);
    }

    #[test]
    fn a_document_says_it_and_so_does_its_form() {
        let flow = FlowJson::empty("Flow", &"x".repeat(DESCRIPTION_CHARS_MAX + 1));
        assert_eq!(flow.check_words().unwrap_err().path, "description");
        let mut doc = FlowDoc::new(None);
        doc.apply_update_v1(&flow.initial_update(Uuid::nil())).expect("a first update");
        let found = |doc: &FlowDoc| doc.check().iter().filter(|it| it.code == Code::LongWords).count();
        assert_eq!(found(&doc), 1, "by the document, kept up to date");
        assert_eq!(crate::validate(doc.graph()).iter().filter(|it| it.code == Code::LongWords).count(), 1);
        let other = Edit::SetMeta { name: Some("Other".into()), description: None, tags: None };
        doc.edit(&[other]).expect("what others have made too long hinders nobody");
        let shorter = Edit::SetMeta { name: None, description: Some("x".into()), tags: None };
        doc.edit(&[shorter]).expect("it fits");
        assert_eq!(found(&doc), 0);
    }
}
