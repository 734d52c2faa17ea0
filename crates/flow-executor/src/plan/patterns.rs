//! Patterns that flows match texts with, compiled.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use regex::{Error, Regex, RegexBuilder};

/// What a compiled pattern may take in memory.
const BYTES_MAX: usize = 1 << 20;
/// Of its text. While it is read, each `\w` in it takes kilobytes that the bound above does not
/// know of.
const SOURCE_BYTES_MAX: usize = 16 << 10;
/// What all patterns of a flow may take together: a plan stays in memory for as long as runs of it
/// are under way. A node whose pattern does not fit any more is broken.
const TOGETHER_BYTES_MAX: usize = 16 << 20;
/// What is counted for the smallest. For larger ones it is doubled until they fit, as nobody says
/// what they take.
const BYTES_LEAST: usize = 16 << 10;

const TOO_LARGE: &str = "the pattern is too large";

/// A pattern by itself.
pub(crate) fn pattern(source: &str) -> Result<Regex, String> {
    compiled(source, BYTES_MAX)?.ok_or_else(|| TOO_LARGE.to_owned())
}

/// The patterns of one flow.
#[derive(Debug)]
pub(crate) struct Patterns {
    left: Cell<usize>,
    /// One that several nodes have is compiled once.
    known: RefCell<HashMap<String, Regex>>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { left: Cell::new(TOGETHER_BYTES_MAX), known: RefCell::default() }
    }
}

impl Patterns {
    pub(super) fn compile(&self, source: &str) -> Result<Regex, String> {
        if let Some(known) = self.known.borrow().get(source) {
            return Ok(known.clone());
        }
        let mut bytes = BYTES_LEAST;
        loop {
            self.look(bytes)?;
            if let Some(regex) = compiled(source, bytes)? {
                self.left.set(self.left.get() - bytes);
                self.known.borrow_mut().insert(source.to_owned(), regex.clone());
                return Ok(regex);
            }
            if bytes >= BYTES_MAX {
                // It took the time of a large one to see that it is too large.
                self.left.set(self.left.get() - bytes);
                return Err(TOO_LARGE.to_owned());
            }
            bytes *= 2;
        }
    }

    /// Once one does not fit, none does: what is refused takes time as well.
    fn look(&self, bytes: usize) -> Result<(), String> {
        if bytes <= self.left.get() {
            return Ok(());
        }
        self.left.set(0);
        Err(format!("the flow's patterns take more than {} MiB together", TOGETHER_BYTES_MAX >> 20))
    }
}

/// `None`: it takes more than so many bytes.
fn compiled(source: &str, bytes_max: usize) -> Result<Option<Regex>, String> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err("the pattern is too long".to_owned());
    }
    match RegexBuilder::new(source).size_limit(bytes_max).build() {
        Ok(regex) => Ok(Some(regex)),
        Err(Error::CompiledTooBig(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flow_model::FlowJson;
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::{Budgets, Kind, Plan};

    fn broken(patterns: &[String]) -> Vec<String> {
        let nodes = patterns.iter().enumerate().map(|(at, pattern)| {
            let data = json!({ "variable": "v", "kind": "text", "pattern": pattern });
            json!({ "id": format!("n{at:03}"), "type": "input", "data": data })
        });
        let json = json!({ "interflow": 1, "nodes": nodes.collect::<Value>(), "edges": [] });
        let graph = FlowJson::from_value(&json).unwrap().graph().clone();
        let plan = Plan::compile(&graph, Budgets::DEFAULT, &BTreeMap::new());
        let broken = plan.nodes().filter_map(|node| match &node.kind {
            Kind::Broken(broken) => Some(broken.message.clone()),
            _ => None,
        });
        broken.collect()
    }

    #[test]
    fn the_patterns_of_a_flow_are_bounded_together() {
        let large = |at: usize| format!(r"\w{{20}}{at}");
        let patterns: Vec<String> = (0..100).map(large).chain(["[a-z]".to_owned()]).collect();
        let refused = broken(&patterns);
        assert!((1..=85).contains(&refused.len()), "{}", refused.len());
        let message = "the flow's patterns take more than 16 MiB together";
        assert!(refused.iter().all(|refused| refused == message), "the last too: {refused:?}");
        // One and the same, and small ones, are in many nodes.
        assert_eq!(broken(&vec![large(1); 300]), Vec::<String>::new());
        let small: Vec<String> = (0..500).map(|at| format!(r"[A-Z]{{2}}-[0-9]{{4}}{at}")).collect();
        assert_eq!(broken(&small), Vec::<String>::new());
    }

    #[test]
    fn a_pattern_by_itself_is_bounded_too() {
        assert_eq!(pattern(r"\w{1000}").unwrap_err(), TOO_LARGE);
        assert_eq!(Patterns::default().compile(r"\w{1000}").unwrap_err(), TOO_LARGE);
        assert_eq!(pattern(&"x".repeat(20_000)).unwrap_err(), "the pattern is too long");
    }
}
