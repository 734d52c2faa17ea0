//! What a run did, looked into: a step with what the variables held before and after it.

use std::collections::BTreeMap;

use flow_base::RunId;
use serde_json::{Map, Value as Json};

use super::{RunFailed, Runs};
use crate::machine::StateError;
use crate::value::Value;

/// Parts of a journal that are read at once.
const PARTS: u32 = 100;

/// A visit of a node, looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// As the journal has it: node, input, output, error, the output it was left by.
    pub step: Json,
    /// When it was begun: calls, answers and delays take their time.
    pub began_at: Json,
    pub before: Map<String, Json>,
    pub after: Map<String, Json>,
}

/// What the entries of a journal come to.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) values: BTreeMap<String, Value>,
    /// The visit under way, and when its first entry was written.
    visit: Option<(u64, Json)>,
    /// The last step whose node had an answer, and the last error that a step was left with.
    pub(super) answered: Option<Json>,
    pub(super) error: Option<Json>,
}

impl Folded {
    /// The step of the visit, if this entry is it; `self` is before it then.
    pub(super) fn is_step(entry: &Json, visit: u32) -> bool {
        entry["type"] == "step" && entry["visit"] == visit
    }

    pub(super) fn take(&mut self, entry: &Json) {
        self.note(entry);
        match entry["type"].as_str() {
            Some("started" | "replayed") => {
                let given = entry["variables"].as_object().into_iter().flatten();
                self.values =
                    given.map(|(name, value)| (name.clone(), Value::from_typed_json(value))).collect();
            }
            Some("step") => self.take_step(entry),
            _ => {}
        }
    }

    fn take_step(&mut self, step: &Json) {
        for change in step["changes"].as_array().into_iter().flatten() {
            let Some(name) = change["variable"].as_str() else { continue };
            if let Some(value) = change.get("value") {
                self.values.insert(name.to_owned(), Value::from_typed_json(value));
            } else if let Some(added) = change.get("appended") {
                let held = self.values.remove(name);
                let mut items = match held {
                    Some(Value::List(items)) => items.to_vec(),
                    _ => Vec::new(),
                };
                items.push(Value::from_typed_json(added));
                self.values.insert(name.to_owned(), Value::list(items));
            }
        }
        if step["input"].get("answer").is_some() {
            self.answered = Some(step.clone());
        }
        if let Some(error) = step.get("error") {
            self.error = Some(error.clone());
        }
    }

    /// When the visit of this entry began.
    fn note(&mut self, entry: &Json) {
        let visit = entry["visit"].as_u64().or_else(|| entry["request"]["visit"].as_u64());
        if let Some(visit) = visit
            && self.visit.as_ref().is_none_or(|(known, _)| *known != visit)
        {
            self.visit = Some((visit, entry["at"].clone()));
        }
    }

    fn variables(&self) -> Map<String, Json> {
        self.values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    }
}

impl Runs {
    /// One step of a run; `None` when it has not left a node on this visit.
    ///
    /// # Errors
    /// [`RunFailed`].
    pub async fn inspect(&self, run: RunId, visit: u32) -> Result<Option<Inspected>, RunFailed> {
        let mut folded = Folded::default();
        let mut found = None;
        self.entries(run, |entry| {
            if !Folded::is_step(&entry, visit) {
                folded.take(&entry);
                return true;
            }
            folded.note(&entry);
            let began_at = folded.visit.as_ref().map_or(Json::Null, |(_, at)| at.clone());
            let before = folded.variables();
            folded.take(&entry);
            found = Some(Inspected { began_at, before, after: folded.variables(), step: entry });
            false
        })
        .await?;
        Ok(found)
    }

    /// Gives all entries of a run's journal, in their order, while `more` says so.
    pub(super) async fn entries(
        &self,
        run: RunId,
        mut more: impl FnMut(Json) -> bool,
    ) -> Result<(), RunFailed> {
        let mut after = 0;
        loop {
            let parts = self.inner.store.run_journal(run, after, PARTS).await?;
            for part in &parts {
                let unreadable = |error: serde_json::Error| StateError(error.to_string());
                let entries: Vec<Json> = serde_json::from_slice(&part.entries).map_err(unreadable)?;
                for entry in entries {
                    if !more(entry) {
                        return Ok(());
                    }
                }
                after = part.version;
            }
            if parts.len() < PARTS as usize {
                return Ok(());
            }
        }
    }
}
