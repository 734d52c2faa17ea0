use std::collections::HashSet;

/// Characters of a word that are compared; what is longer is cut.
const WORD_MAX: usize = 64;
/// Different words of a flow that it is found by, its name's first.
const WORDS_MAX: usize = 1_000;
/// Words of one search; more do not make it better.
const ASKED_MAX: usize = 8;

/// What flows are searched for: each of these has to begin one of a flow's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWords {
    /// Letters and digits only, in lower case; at least one.
    words: Vec<String>,
}

impl SearchWords {
    /// `None` when there is no word in the text.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let words: Vec<_> = words(text).take(ASKED_MAX).collect();
        (!words.is_empty()).then_some(Self { words })
    }

    /// Letters and digits only: nothing in them needs to be quoted in any query language.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether a flow with these words is found.
    #[must_use]
    pub fn find(&self, words: &[String]) -> bool {
        self.words.iter().all(|asked| words.iter().any(|word| word.starts_with(asked)))
    }
}

/// The words a flow is found by: letters and digits only, in lower case, each once.
#[must_use]
pub fn search_words(name: &str, description: &str, tags: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let tags = tags.iter().flat_map(|tag| words(tag));
    let all = words(name).chain(tags).chain(words(description));
    all.filter(|word| seen.insert(word.clone())).take(WORDS_MAX).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.to_lowercase().chars().take(WORD_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_to_what_a_search_needs() {
        let found_by = search_words("Größe: A-b", &"x ".repeat(9), &["b".into(), "C3".into()]);
        assert_eq!(found_by, ["größe", "a", "b", "c3", "x"]);
        let many: Vec<_> = (0..2_000).map(|at| format!("w{at}")).collect();
        assert_eq!(search_words("", &many.join(" "), &[]).len(), WORDS_MAX);
        assert_eq!(search_words(&"ä".repeat(100), "", &[]), ["ä".repeat(WORD_MAX)]);
        assert_eq!(SearchWords::of(" -- "), None);
        assert_eq!(SearchWords::of("\"Or*\" (x)").unwrap().words(), ["or", "x"]);
        assert!(SearchWords::of(&"ä".repeat(100)).unwrap().find(&search_words(&"ä".repeat(90), "", &[])));
    }
}
