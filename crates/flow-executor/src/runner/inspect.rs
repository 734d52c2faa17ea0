//! What a run did, looked into: a step with what the variables held before and after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_base::RunId;
use serde_json::{Map, Value as Json};
use tokio::task::spawn_blocking;

use super::{RunFailed, Runs};
use crate::machine::StateError;
use crate::value::{Object, Value};

/// Parts of a journal that are read at once. Each may have as many bytes as a turn may write.
const PARTS: u32 = 8;

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
    /// `input` and `last_error` in the language.
    pub(super) input: Value,
    pub(super) last_error: Value,
    /// Nodes of a replay that yield what was recorded of another run.
    pub(super) recorded: Vec<String>,
    /// The visit under way, and when its first entry was written.
    visit: Option<(u64, Json)>,
}

/// A journal that is read up to a visit.
struct Inspecting {
    visit: u32,
    folded: Folded,
    found: Option<Inspected>,
}

impl Folded {
    pub(super) fn is_step(entry: &Json, visit: u32) -> bool {
        entry["type"] == "step" && entry["visit"] == visit
    }

    pub(super) fn take(&mut self, entry: &Json) {
        self.note(entry);
        match entry["type"].as_str() {
            Some(begins @ ("started" | "replayed")) => {
                let given = entry["variables"].as_object().into_iter().flatten();
                self.values =
                    given.map(|(name, value)| (name.clone(), Value::from_typed_json(value))).collect();
                if begins == "replayed" {
                    self.input = Value::from_typed_json(&entry["input"]);
                    self.last_error = Value::from_typed_json(&entry["lastError"]);
                    let recorded = entry["recorded"].as_array().into_iter().flatten();
                    self.recorded = recorded.filter_map(Json::as_str).map(str::to_owned).collect();
                }
            }
            Some("step") => self.take_step(entry),
            _ => {}
        }
    }

    fn take_step(&mut self, step: &Json) {
        let changes = step["changes"].as_array().map_or(&[][..], |changes| &changes[..]);
        for change in changes {
            let Some(name) = change["variable"].as_str() else { continue };
            if let Some(value) = change.get("value") {
                self.values.insert(name.to_owned(), Value::from_typed_json(value));
            } else if let Some(added) = change.get("appended") {
                let added = Value::from_typed_json(added);
                // In place, as the machine does: a list that grows costs what is added.
                match self.values.get_mut(name) {
                    Some(Value::List(items)) => Arc::make_mut(items).push(added),
                    _ => drop(self.values.insert(name.to_owned(), Value::list(vec![added]))),
                }
            }
        }
        if let Some(raw) = step["input"].get("answer") {
            // As the variable holds it; an answer that did not fit has changed nothing.
            let value = changes.first().map(|change| Value::from_typed_json(&change["value"]));
            let fields = [
                ("valid", Value::Bool(value.is_some())),
                ("value", value.unwrap_or_default()),
                ("raw", Value::text(raw.as_str().unwrap_or_default())),
            ];
            self.input = Value::object(
                fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<Object>(),
            );
        }
        if let Some(error) = step.get("error") {
            self.last_error = Value::from(error);
        }
    }

    /// When the visit of this entry began.
    fn note(&mut self, entry: &Json) {
        let visit = entry["visit"].as_u64().or_else(|| entry["request"]["visit"].as_u64());
        if let Some(visit) = visit
            && entry["type"] != "replayed"
            && self.visit.as_ref().is_none_or(|(known, _)| *known != visit)
        {
            self.visit = Some((visit, entry["at"].clone()));
        }
    }

    fn variables(&self) -> Map<String, Json> {
        self.values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    }
}

impl Inspecting {
    /// Whether there is more to read.
    fn take(&mut self, entry: &Json) -> bool {
        if !Folded::is_step(entry, self.visit) {
            self.folded.take(entry);
            return true;
        }
        self.folded.note(entry);
        let began_at = self.folded.visit.as_ref().map_or(Json::Null, |(_, at)| at.clone());
        let before = self.folded.variables();
        self.folded.take(entry);
        self.found =
            Some(Inspected { began_at, before, after: self.folded.variables(), step: entry.clone() });
        false
    }
}

impl Runs {
    /// One step of a run; `None` when it has not left a node on this visit.
    ///
    /// # Errors
    /// [`RunFailed`].
    pub async fn inspect(&self, run: RunId, visit: u32) -> Result<Option<Inspected>, RunFailed> {
        let inspecting = Inspecting { visit, folded: Folded::default(), found: None };
        Ok(self.fold(run, inspecting, Inspecting::take).await?.found)
    }

    /// Gives all entries of a run's journal to `take`, in their order, while it says that there is
    /// more to read; off the threads that others wait on.
    pub(super) async fn fold<S: Send + 'static>(
        &self,
        run: RunId,
        mut state: S,
        take: fn(&mut S, &Json) -> bool,
    ) -> Result<S, RunFailed> {
        let mut after = 0;
        loop {
            let parts = self.inner.store.run_journal(run, after, PARTS).await?;
            let is_last = parts.len() < PARTS as usize;
            after = parts.last().map_or(after, |part| part.version);
            let folding = spawn_blocking(move || {
                for part in parts {
                    let unreadable = |error: serde_json::Error| StateError(error.to_string());
                    let entries: Vec<Json> = serde_json::from_slice(&part.entries).map_err(unreadable)?;
                    if !entries.iter().all(|entry| take(&mut state, entry)) {
                        return Ok((state, true));
                    }
                }
                Ok((state, is_last))
            });
            let is_over;
            (state, is_over) = match folding.await {
                Ok(folded) => folded.map_err(RunFailed::State)?,
                Err(stopped) => match stopped.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return Err(RunFailed::ShuttingDown),
                },
            };
            if is_over {
                return Ok(state);
            }
        }
    }
}
