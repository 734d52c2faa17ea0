//! A run that has ended, as a test case: what was said to it, what it said, and what services
//! answered. Read from its journal, which holds no secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// A test case made of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The fields of a test case, as the typed edit `setTest` takes them.
    pub test: Map<String, Json>,
    /// What of the run the case cannot say, in sentences.
    pub notes: Vec<String>,
}

/// A run that cannot be told as a test case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    #[error("the run has not begun, or its journal is not whole")]
    NotBegun,
    /// It was walked again from a step of another run.
    #[error("the run began in the middle of another run, and a test case begins at the beginning")]
    Replayed,
    #[error("the run has not ended")]
    NotEnded,
}

/// Makes a test case of a journal, from its first entry to its last.
///
/// # Errors
/// [`ExportError`].
pub fn exported<'j>(
    name: &str,
    entries: impl IntoIterator<Item = &'j Json>,
) -> Result<Exported, ExportError> {
    let mut export = Export::default();
    for entry in entries {
        export.entry(entry);
    }
    export.finish(name)
}

#[derive(Debug, Default)]
struct Export {
    began: Option<(Json, Json)>,
    is_replayed: bool,
    turns: Vec<Turn>,
    /// What the node yielded, visit by visit.
    yielded: BTreeMap<String, Vec<Json>>,
    /// The node whose call is under way.
    calling: Option<String>,
    /// What was waited for last.
    awaiting: String,
    outcome: Option<Json>,
    notes: Vec<String>,
}

#[derive(Debug, Default)]
struct Turn {
    say: Option<Json>,
    waits: bool,
    said: Vec<String>,
}

impl Export {
    fn entry(&mut self, entry: &Json) {
        let text = |name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default();
        match text("type") {
            "started" => {
                self.began = Some((entry["at"].clone(), entry["input"].clone()));
                self.turns.push(Turn::default());
            }
            "replayed" => self.is_replayed = true,
            "paused" => text("awaiting").clone_into(&mut self.awaiting),
            "resumed" => match (text("by"), self.awaiting.as_str()) {
                ("answer", _) => self.turns.push(Turn::default()),
                ("timer", "answer") => self.turns.push(Turn { waits: true, ..Turn::default() }),
                _ => {}
            },
            "refused" => self.say(entry),
            "calling" => self.calling = entry["request"]["node"].as_str().map(str::to_owned),
            "step" => self.step(text("node"), entry),
            "emitted" => {
                let said = entry["message"]["text"].as_str().unwrap_or_default().to_owned();
                if let Some(turn) = self.turns.last_mut() {
                    turn.said.push(said);
                }
            }
            "ended" => self.outcome = Some(entry["outcome"].clone()),
            _ => {}
        }
    }

    /// What was answered: files, or what was typed.
    fn say(&mut self, answered: &Json) {
        let files = answered.get("files").map(|files| json!({ "files": files }));
        let say = files.or_else(|| answered.get("answer").cloned());
        if let (Some(turn), Some(say)) = (self.turns.last_mut(), say) {
            turn.say = Some(say);
        }
    }

    fn step(&mut self, node: &str, step: &Json) {
        self.say(&step["input"]);
        let called = self.calling.take_if(|calling| calling == node).is_some();
        let output = &step["output"];
        let error = step.get("error");
        let mock = if let Some(mocked) = output.get("mocked") {
            json!({ "output": mocked })
        } else if called && output.get("status").is_some() {
            let body = &output["body"];
            if body.get("cut").is_some() && body.get("bytes").is_some() {
                self.notes.push(format!(
                    "The answer that {node} got was too long to be kept; write its mock by hand."
                ));
                json!({ "output": { "status": output["status"], "body": null } })
            } else {
                json!({ "output": { "status": output["status"], "body": body } })
            }
        } else if let Some(error) = error.filter(|error| called || error["kind"] == "mock") {
            if called {
                self.notes
                    .push(format!("The call of {node} failed; its mock fails with another kind of error."));
            }
            json!({ "error": error["message"] })
        } else {
            return;
        };
        self.yielded.entry(node.to_owned()).or_default().push(mock);
    }

    fn finish(mut self, name: &str) -> Result<Exported, ExportError> {
        if self.is_replayed {
            return Err(ExportError::Replayed);
        }
        let (at, input) = self.began.take().ok_or(ExportError::NotBegun)?;
        let outcome = self.outcome.take().ok_or(ExportError::NotEnded)?;
        let status = outcome["status"].as_str().unwrap_or_default().to_owned();
        let mut test = Map::new();
        test.insert("name".into(), name.into());
        test.insert("now".into(), at);
        if input.as_object().is_some_and(|input| !input.is_empty()) {
            test.insert("variables".into(), input);
        }
        let mocks: Map<String, Json> = std::mem::take(&mut self.yielded)
            .into_iter()
            .map(|(node, mocks)| (node, one_or_all(mocks)))
            .collect();
        if !mocks.is_empty() {
            test.insert("mocks".into(), mocks.into());
        }
        let last = self.turns.len().saturating_sub(1);
        let turns = self.turns.iter().enumerate().map(|(at, turn)| {
            let mut expect = vec![json!({ "type": "equals", "value": turn.said.join("\n") })];
            // Who cancels is none of the flow's business.
            if at == last && ["completed", "failed"].contains(&status.as_str()) {
                expect.push(json!({ "type": "status", "value": status }));
            }
            let mut json = json!({ "expect": expect });
            if let Some(say) = &turn.say {
                json["say"] = say.clone();
            } else if turn.waits {
                json["wait"] = true.into();
            }
            json
        });
        test.insert("turns".into(), turns.collect());
        Ok(Exported { test, notes: self.notes })
    }
}

/// One that is the same every time is said once.
fn one_or_all(mut mocks: Vec<Json>) -> Json {
    let all_same = mocks.windows(2).all(|pair| pair[0] == pair[1]);
    if all_same { mocks.swap_remove(0) } else { Json::Array(mocks) }
}
