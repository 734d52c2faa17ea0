use std::time::Duration;

use flow_executor::machine::Ask;
use flow_store::RunPart;
use serde_json::{Value, json};

use super::message::typed;

/// Whoever made the flow says how long something is typed; nobody waits longer than this.
const TYPING_MAX: Duration = Duration::from_secs(10);

/// What whoever may not look into a run is told of its failing.
const FAILED: &str = "Something went wrong.";

/// What is to be said to the client, after it was typed for so long.
#[derive(Debug, PartialEq)]
pub(super) struct Saying {
    pub(super) value: Value,
    pub(super) typing: Duration,
}

impl From<Value> for Saying {
    fn from(value: Value) -> Self {
        Self { value, typing: Duration::ZERO }
    }
}

impl Saying {
    /// Nobody waits for it to be typed.
    pub(super) fn at_once(&mut self) {
        self.typing = Duration::ZERO;
        if let Some(ms) = self.value.pointer_mut("/message/typingMs") {
            *ms = 0.into();
        }
    }
}

/// How far a client has come in the journal of its run.
#[derive(Debug)]
pub(super) struct Progress {
    /// The last turn that was read.
    turn: u64,
    /// The last message that the client has.
    message: u32,
    /// What was said up to this turn is said again, and typed no more.
    replayed: u64,
    /// There may be more in the journal.
    looks: bool,
    /// Turns were read since it was looked what the run asks.
    is_new: bool,
    /// The visit and the attempt that the client was asked for last.
    asked: Option<(u32, u32)>,
}

impl Progress {
    pub(super) fn new(message: u32, replayed: u64) -> Self {
        Self { turn: 0, message, replayed, looks: true, is_new: false, asked: None }
    }

    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    pub(super) fn looks(&self) -> bool {
        self.looks
    }

    pub(super) fn set_looks(&mut self, looks: bool) {
        self.looks = looks;
    }

    /// It is to be looked what the run asks: all is read that led to it.
    pub(super) fn owes_input(&self) -> bool {
        self.is_new && !self.looks
    }

    /// What the client is told of the next part of the journal.
    pub(super) fn tell(&mut self, part: &RunPart, reads: bool) -> Result<Vec<Saying>, serde_json::Error> {
        let entries: Vec<Value> = serde_json::from_slice(&part.entries)?;
        self.turn = part.version;
        self.is_new = true;
        Ok(entries.into_iter().filter_map(|entry| self.tell_entry(entry, reads)).collect())
    }

    fn tell_entry(&mut self, mut entry: Value, reads: bool) -> Option<Saying> {
        match entry["type"].as_str() {
            Some("emitted") => self.tell_message(entry["message"].take()),
            Some("ended") => Some(ended(&entry["outcome"], reads).into()),
            _ => None,
        }
    }

    fn tell_message(&mut self, mut message: Value) -> Option<Saying> {
        let id = message["id"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
        if id <= self.message {
            return None;
        }
        self.message = id;
        let ms = message["typingMs"].as_u64().unwrap_or(0);
        let typing = Duration::from_millis(ms).min(TYPING_MAX);
        if typing < Duration::from_millis(ms) {
            message["typingMs"] = json!(TYPING_MAX.as_secs() * 1000);
        }
        let value = json!({ "type": "chat:bot_message", "message": message });
        let mut saying = Saying { value, typing };
        if self.turn <= self.replayed {
            saying.at_once();
        }
        Some(saying)
    }

    /// What the client is asked by the run, which was read at a version; once for each attempt.
    pub(super) fn input(&mut self, version: u64, asks: Option<Ask>) -> Option<Saying> {
        if version != self.turn {
            // It has gone on since: what it said meanwhile comes before what it asks now.
            self.looks = true;
            return None;
        }
        self.is_new = false;
        let ask = asks?;
        let asked = Some((ask.visit, ask.attempt));
        if self.asked == asked {
            return None;
        }
        self.asked = asked;
        Some(typed("chat:input", json!(ask)).into())
    }
}

fn ended(outcome: &Value, reads: bool) -> Value {
    let error = match &outcome["error"]["message"] {
        Value::String(_) if !reads => FAILED.into(),
        message => message.clone(),
    };
    json!({
        "type": "chat:ended", "reason": outcome["status"], "output": outcome["output"], "error": error,
    })
}

#[cfg(test)]
mod tests {
    use flow_base::Timestamp;

    use super::*;

    fn part(version: u64, entries: &Value) -> RunPart {
        RunPart { version, at: Timestamp::UNIX_EPOCH, entries: entries.to_string().into() }
    }

    fn said(id: u32, ms: u64) -> Value {
        json!({ "type": "emitted", "message": { "id": id, "text": "hi", "typingMs": ms } })
    }

    fn ask(visit: u32, attempt: u32) -> Option<Ask> {
        let (node, kind) = ("ask".to_owned(), "text".to_owned());
        Some(Ask { visit, node, kind, attempt, details: serde_json::Map::new() })
    }

    fn typing(sayings: &[Saying]) -> Vec<(u128, u64)> {
        let ms = |value: &Value| value["message"]["typingMs"].as_u64().unwrap();
        sayings.iter().map(|saying| (saying.typing.as_millis(), ms(&saying.value))).collect()
    }

    #[test]
    fn nothing_is_typed_for_long_and_what_is_said_again_not_at_all() {
        let mut progress = Progress::new(1, 2);
        let first = json!([said(1, 500), said(2, 500)]);
        let again = progress.tell(&part(1, &first), false).unwrap();
        assert_eq!(typing(&again), [(0, 0)], "the client has the first");
        let again = progress.tell(&part(2, &json!([said(3, 700)])), false).unwrap();
        assert_eq!(typing(&again), [(0, 0)]);
        let new = json!([said(4, 700), said(5, u64::MAX)]);
        let new = progress.tell(&part(3, &new), false).unwrap();
        assert_eq!(typing(&new), [(700, 700), (10_000, 10_000)]);
    }

    #[test]
    fn what_waits_is_said_at_once_whatever_it_is() {
        let mut error = Saying::from(json!({ "type": "chat:error", "message": "no" }));
        error.at_once();
        assert_eq!(error.value, json!({ "type": "chat:error", "message": "no" }));
        let value = json!({ "message": { "typingMs": 5 } });
        let mut message = Saying { value, typing: Duration::from_millis(5) };
        message.at_once();
        assert_eq!(typing(&[message]), [(0, 0)]);
    }

    #[test]
    fn a_question_comes_after_its_prompt_and_once() {
        let mut progress = Progress::new(0, 0);
        assert!(progress.looks() && !progress.owes_input(), "nothing is read yet");
        progress.tell(&part(1, &json!([said(1, 0)])), false).unwrap();
        assert!(!progress.owes_input(), "there may be more");
        progress.set_looks(false);
        assert!(progress.owes_input());
        assert_eq!(progress.input(2, ask(3, 1)), None, "the second turn is not read");
        assert!(progress.looks(), "but it will be");
        progress.tell(&part(2, &json!([said(2, 0)])), false).unwrap();
        progress.set_looks(false);
        let asked = progress.input(2, ask(3, 1)).unwrap().value;
        assert_eq!((&asked["type"], &asked["visit"]), (&json!("chat:input"), &json!(3)));
        assert!(!progress.owes_input());
        progress.tell(&part(3, &json!([])), false).unwrap();
        assert_eq!(progress.input(3, ask(3, 1)), None, "it was asked");
        progress.tell(&part(4, &json!([])), false).unwrap();
        assert!(progress.input(4, ask(3, 2)).is_some(), "another attempt");
        progress.tell(&part(5, &json!([])), false).unwrap();
        assert_eq!(progress.input(5, None), None);
        assert!(!progress.owes_input());
    }

    #[test]
    fn why_a_run_failed_is_told_to_those_who_may_look_into_it() {
        let error = json!({ "kind": "expression", "message": "`secret` is no number", "node": "sum" });
        let entry = json!([{ "type": "ended", "outcome": { "status": "failed", "error": error } }]);
        let told = |reads| Progress::new(0, 0).tell(&part(1, &entry), reads).unwrap().remove(0).value;
        assert_eq!(told(true)["error"], "`secret` is no number");
        assert_eq!(told(false)["error"], FAILED);
        assert_eq!(told(false)["reason"], "failed");
        let entry = json!([{ "type": "ended", "outcome": { "status": "cancelled" } }]);
        let told = Progress::new(0, 0).tell(&part(1, &entry), false).unwrap().remove(0).value;
        assert_eq!(told["error"], Value::Null);
    }
}
