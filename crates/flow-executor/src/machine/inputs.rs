//! Nodes that ask, and the end of every waiting.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json, json};

use super::{
    Ask, At, Changed, Done, Effect, For, Happened, Machine, Next, Output, Record, RunError, Stale, State,
    Waiting,
};
use crate::inputs::{self, Accepted, Answer, CheckError, InputKind, Refusal};
use crate::language::{EvalError, Sink};
use crate::plan::{Input, Kind, NodeIx, Plan, ports};
use crate::value::{Object, Value};

impl Machine<'_> {
    /// Something has happened to a run that waits.
    pub(crate) fn resumed(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        what: Happened,
        out: &mut Output,
    ) -> Result<Next, Stale> {
        let at = waiting.node;
        let by = match (&waiting.what, &what) {
            (For::Answer { .. }, Happened::Answered(_)) => "answer",
            // Of this call, and not of one that was made before.
            (For::Call { attempt, .. }, Happened::Called { visit, attempt: of, .. })
                if (*visit, of) == (waiting.visit, attempt) =>
            {
                "call"
            }
            // A timer of before, whose run has gone on meanwhile, is none of this wait.
            (For::Answer { .. } | For::Delay | For::Retry { .. } | For::MockedCall, Happened::Due)
                if waiting.until.is_some_and(|until| until <= now) =>
            {
                "timer"
            }
            _ => return Err(Stale::NotWaited),
        };
        self.state.tick(self.plan, now);
        out.records.push(Record::Resumed { at: now, by });
        Ok(match (&waiting.what, what) {
            (For::Answer { refused }, Happened::Answered(answer)) => {
                self.answer(now, waiting, *refused, &answer, out)
            }
            (For::Answer { .. }, _) => self.leave(now, at, ports::TIMEOUT, Done::default(), out),
            (For::Call { attempt, repeatable }, Happened::Called { result, .. }) => {
                self.called(now, at, *attempt, *repeatable, result, out)
            }
            (For::Retry { attempt }, _) => self.call_again(now, at, *attempt, out),
            (For::MockedCall, _) => self.mocked_call(now, at, out),
            _ => self.leave(now, at, ports::OUT, Done::default(), out),
        })
    }

    pub(crate) fn ask(&mut self, now: Timestamp, at: NodeIx, input: &Input, out: &mut Output) -> Next {
        let details = match self.state.details(input) {
            Ok(details) => details,
            Err(error) => return self.fail(now, at, error.into(), Done::default(), out),
        };
        if let Some(prompt) = &input.prompt
            && let Err(error) = self.say(now, at, prompt, out)
        {
            return self.fail(now, at, error, Done::default(), out);
        }
        out.effects.push(Effect::Ask(self.state.asked(self.plan, at, input, 1, details)));
        let until = input.timeout_ms.and_then(|ms| {
            now.checked_add(SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))).ok()
        });
        self.wait(now, at, For::Answer { refused: 0 }, "answer", until, out)
    }

    fn answer(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        refused: u32,
        answer: &Answer,
        out: &mut Output,
    ) -> Next {
        let at = waiting.node;
        let plan = self.plan;
        let Kind::Input(input) = &plan.node(at).kind else {
            unreachable!("only inputs wait for answers");
        };
        let mut input_json = json!({ "answer": answer.raw() });
        if !answer.files().is_empty() {
            input_json["files"] = json!(answer.files());
        }
        let done = Done { attempt: refused + 1, input: Some(input_json), ..Done::default() };
        match input.kind.check(answer, &self.state) {
            Ok(accepted) => self.accept(now, waiting, input, answer, accepted, done, out),
            Err(CheckError::Refused(refusal)) => {
                self.refuse(now, waiting, input, answer, refused + 1, &refusal, done, out)
            }
            Err(CheckError::Eval(error)) => self.fail(now, at, error.into(), done, out),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of one answer")]
    fn accept(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        input: &Input,
        answer: &Answer,
        accepted: Accepted,
        done: Done,
        out: &mut Output,
    ) -> Next {
        let at = waiting.node;
        if waiting.until.is_some() {
            out.effects.push(Effect::ClearTimer);
        }
        let Accepted { value, port } = accepted;
        self.note_reply(&value, answer, true);
        if let Err(error) = self.state.put(self.plan, input.variable, value.clone()) {
            return self.fail(now, at, error, done, out);
        }
        let port = self.port_of(at, input, port.as_deref());
        let changes = vec![Changed::Set { slot: input.variable, value: value.clone() }];
        let done = Done { output: Some(value.to_json()), changes, ..done };
        self.leave(now, at, &port, done, out)
    }

    /// That of the option; otherwise, where options have outputs of their own, that of the
    /// others, if it leads anywhere.
    fn port_of(&self, at: NodeIx, input: &Input, own: Option<&str>) -> String {
        let node = self.plan.node(at);
        if let Some(own) = own {
            return own.to_owned();
        }
        let has_ports = matches!(&input.kind, InputKind::Choice(choices) if choices.has_ports());
        let others = has_ports || node.target(ports::OUT).is_none();
        if others && node.target(ports::DEFAULT).is_some() {
            return ports::DEFAULT.to_owned();
        }
        ports::OUT.to_owned()
    }

    #[expect(clippy::too_many_arguments, reason = "all of one answer")]
    fn refuse(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        input: &Input,
        answer: &Answer,
        refused: u32,
        refusal: &Refusal,
        done: Done,
        out: &mut Output,
    ) -> Next {
        let at = waiting.node;
        let raw = answer.raw();
        self.note_reply(&Value::Null, answer, false);
        out.records.push(Record::Refused {
            at: now,
            visit: waiting.visit,
            node: at,
            answer: raw,
            files: answer.files().to_vec(),
            code: refusal.code,
        });
        if input.max_attempts.is_some_and(|most| refused >= most) {
            if waiting.until.is_some() {
                out.effects.push(Effect::ClearTimer);
            }
            return self.leave(now, at, ports::INVALID, done, out);
        }
        let said = match &input.retry_message {
            Some(message) => self.say(now, at, message, out),
            None => self.say_plain(now, at, &refusal.message, out),
        };
        if let Err(error) = said {
            return self.fail(now, at, error, done, out);
        }
        match self.state.details(input) {
            Ok(details) => {
                out.effects.push(Effect::Ask(self.state.asked(self.plan, at, input, refused + 1, details)));
            }
            Err(error) => return self.fail(now, at, error.into(), done, out),
        }
        let until = waiting.until;
        out.records.push(Record::Paused {
            at: now,
            visit: waiting.visit,
            node: at,
            awaiting: "answer",
            until,
        });
        self.state.at = At::Waiting(Waiting { what: For::Answer { refused }, ..waiting.clone() });
        Next::Wait
    }

    /// `input` in the language: the last answer.
    fn note_reply(&mut self, value: &Value, answer: &Answer, valid: bool) {
        let mut fields = Object::new();
        fields.insert("value".into(), value.clone());
        fields.insert("raw".into(), Value::text(answer.raw()));
        fields.insert("valid".into(), Value::Bool(valid));
        self.state.values[self.plan.built_in.input.index()] = Some(Value::object(fields));
    }
}

impl State {
    /// What is asked for at the moment, for whoever comes back. `None`: nothing.
    #[must_use]
    pub fn asks(&self, plan: &Plan) -> Option<Ask> {
        let At::Waiting(Waiting { node, what: For::Answer { refused }, .. }) = &self.at else {
            return None;
        };
        let Kind::Input(input) = &plan.node(*node).kind else { return None };
        // It could be asked once, and nothing has changed since.
        let details = self.details(input).ok()?;
        Some(self.asked(plan, *node, input, refused + 1, details))
    }

    fn asked(&self, plan: &Plan, at: NodeIx, input: &Input, attempt: u32, details: Map<String, Json>) -> Ask {
        let node = plan.node(at).id.to_string();
        Ask { visit: self.visit(), node, kind: input.kind.name().to_owned(), attempt, details }
    }

    fn details(&self, input: &Input) -> Result<Map<String, Json>, EvalError> {
        let scope = self;
        let mut details = match &input.kind {
            InputKind::Text { min, max, multiline, .. } => {
                json!({ "minLength": min, "maxLength": max, "multiline": multiline })
            }
            InputKind::Number { min, max, step, integer } => {
                json!({ "min": min, "max": max, "step": step, "integer": integer })
            }
            InputKind::Date { min, max, with_time } => json!({
                "min": min.map(|min| min.to_string()), "max": max.map(|max| max.to_string()), "withTime": with_time,
            }),
            InputKind::Choice(choices) => json!({
                "options": choices.options(scope)?.views(),
                "multiple": choices.multiple,
                "minChoices": choices.min,
                "maxChoices": choices.max,
            }),
            InputKind::Rating { max } => json!({ "max": max }),
            InputKind::Confirm { yes, no } => {
                let (yes, no) = inputs::labels(yes, no, scope)?;
                json!({ "yes": yes, "no": no })
            }
            InputKind::File { types, bytes_max, files_max } => {
                json!({ "types": types, "bytesMax": bytes_max, "filesMax": files_max })
            }
            InputKind::Email | InputKind::Url | InputKind::Phone { .. } => json!({}),
        };
        let placeholder =
            input.placeholder.as_ref().map(|text| text.render(scope, Sink::Text)).transpose()?;
        let details = details.as_object_mut().expect("it was written as an object");
        details.extend(placeholder.map(|text| ("placeholder".to_owned(), text.into())));
        details.retain(|_, value| !value.is_null());
        Ok(std::mem::take(details))
    }
}

impl From<CheckError> for RunError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Eval(error) => error.into(),
            CheckError::Refused(refusal) => Self::new(super::ErrorKind::InvalidInput, refusal.message),
        }
    }
}
