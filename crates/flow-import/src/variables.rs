//! Names of variables: those of the export, and what they are called here.

use std::collections::{BTreeMap, BTreeSet};

/// Names that the language or a run gives a meaning.
const RESERVED: &[&str] = &[
    "run",
    "user",
    "input",
    "last_error",
    "now",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "loop",
    "status",
    "headers",
    "body",
    "ms",
];

#[derive(Debug, Default)]
pub(crate) struct Variables {
    /// From a name of the export to ours.
    known: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    numbers: BTreeMap<String, usize>,
}

impl Variables {
    /// What a name of the export is called here.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }

    /// The same, giving it a name if it has none yet; and whether it had none.
    pub(crate) fn name(&mut self, name: &str) -> (String, bool) {
        if let Some(ours) = self.known.get(name) {
            return (ours.clone(), false);
        }
        let ours = self.fresh(name);
        self.known.insert(name.to_owned(), ours.clone());
        (ours, true)
    }

    /// Says what a name of the export is called here: a name that [`Variables::fresh`] gave.
    pub(crate) fn set(&mut self, name: &str, ours: &str) {
        self.known.insert(name.to_owned(), ours.to_owned());
    }

    /// A name that nothing has, made of any text.
    pub(crate) fn fresh(&mut self, text: &str) -> String {
        let clean = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
        let mut base: String = text.trim().chars().map(clean).take(48).collect();
        if base.starts_with(|first: char| first.is_ascii_digit()) || base.is_empty() {
            base.insert(0, '_');
        }
        if RESERVED.contains(&base.as_str()) || base == "__proto__" {
            base.push('_');
        }
        if self.taken.insert(base.clone()) {
            return base;
        }
        let number = self.numbers.entry(base.clone()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{base}_{number}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_makes_a_name_that_expressions_can_use() {
        for (text, name) in [
            ("Name", "Name"),
            ("user e-mail", "user_e_mail"),
            ("2nd", "_2nd"),
            ("", "_"),
            ("ä", "_"),
            ("now", "now_"),
            ("__proto__", "__proto___"),
        ] {
            let made = Variables::default().fresh(text);
            assert_eq!(made, name);
            assert!(flow_model::is_variable_name(&made), "{made}");
        }
    }

    #[test]
    fn a_name_stays_and_two_names_never_become_one() {
        let mut variables = Variables::default();
        assert_eq!(variables.name("a b"), ("a_b".to_owned(), true));
        assert_eq!(variables.name("a-b"), ("a_b_2".to_owned(), true));
        assert_eq!(variables.name("a b"), ("a_b".to_owned(), false));
        assert_eq!(variables.get("a-b"), Some("a_b_2"));
    }
}
