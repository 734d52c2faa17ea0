//! A run that was, from one of its steps on: another run, of the same graph.

use std::collections::BTreeMap;

use flow_base::{RunId, UserId};
use flow_store::{NewRun, RunKind};
use serde_json::{Value as Json, json};

use super::inspect::Folded;
use super::slots::{self, Loaded};
use super::start::{Started, summary_of};
use super::{RunFailed, Runs};
use crate::machine::{At, ErrorKind, Event, Happened, Record, RunInfo, State};
use crate::plan::{BUILT_IN, Kind, Mock, Plan, Reply};
use crate::value::{Object, Value};

/// A run that is to be walked again.
#[derive(Debug, Clone)]
pub struct Replay {
    pub run: RunId,
    /// The visit that it begins with.
    pub visit: u32,
    pub user: Option<UserId>,
    /// `user` in the language.
    pub user_value: Value,
    /// Other values than the variables had before that visit.
    pub variables: Object,
    /// They come before what was recorded.
    pub mocks: BTreeMap<String, Mock>,
    pub calls: ReplayedCalls,
    pub runs_per_day: Option<u64>,
}

/// What becomes of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayedCalls {
    /// None is made: nodes yield what they were answered from that visit on, the first time; those
    /// of which nothing was recorded fail.
    Recorded,
    /// They are made anew.
    Made,
}

/// What is known of a run at the visit.
struct Known {
    node: String,
    folded: Folded,
    /// What calls were answered from there on.
    answers: BTreeMap<String, Mock>,
}

impl Runs {
    /// Begins a preview of the graph that a run is pinned to, at a visit of it: with the values
    /// that its variables had then.
    ///
    /// # Errors
    /// [`RunFailed::NoStep`] when the run has not been there, [`RunFailed::NoVariable`].
    pub async fn replay(&self, replay: Replay) -> Result<Started, RunFailed> {
        let runs = self.clone();
        self.carried(async move { runs.begin_again(replay).await }).await
    }

    async fn begin_again(&self, replay: Replay) -> Result<Started, RunFailed> {
        if self.inner.stopping.is_cancelled() {
            return Err(RunFailed::ShuttingDown);
        }
        let record = self.inner.store.run(replay.run).await?.ok_or(RunFailed::Unknown)?;
        let hash = record.summary.graph_hash;
        let known = self.known(replay.run, replay.visit).await?.ok_or(RunFailed::NoStep)?;
        let (budgets, graph) = (self.inner.limits.budgets, self.inner.plans.content(&hash).await?);
        let (own, _) = slots::read(&record.state)?;
        let mut mocks = BTreeMap::new();
        if replay.calls == ReplayedCalls::Recorded {
            let plan = self.inner.plans.plan(&hash, budgets, &BTreeMap::new()).await?;
            mocks.extend(plan.calling().map(|node| (node.to_owned(), not_recorded())));
            mocks.extend(known.answers);
        }
        mocks.extend(own);
        mocks.extend(replay.mocks);
        let plan = self.inner.plans.plan(&hash, budgets, &mocks).await?;

        let (run, now) = (RunId::generate(), self.inner.clock.now());
        let info = RunInfo { id: run.to_string(), started_at: now, user: replay.user_value, mocks: true };
        let mut state = State::new(&plan, &info);
        state.at = At::Next(plan.find(&known.node).ok_or(RunFailed::NoStep)?);
        if let Some(unknown) = replay.variables.keys().find(|name| !plan.has_variable(name)) {
            return Err(RunFailed::NoVariable(unknown.to_string()));
        }
        let mut values = known.folded.values;
        values.extend(replay.variables.into_iter().map(|(name, value)| (name.to_string(), value)));
        state.restore(&plan, values, last_reply(known.folded.answered.as_ref()), known.folded.error.as_ref());
        let begins = Record::Replayed {
            at: now,
            of: replay.run.to_string(),
            visit: replay.visit,
            variables: state.typed_variables(&plan),
        };
        let flow = record.summary.flow;
        let summary =
            summary_of(run, flow, RunKind::Preview, record.summary.flow_version, hash, replay.user, now);
        let loaded = Loaded { version: 0, state, plan, mocks, summary };
        let new = NewRun {
            flow,
            kind: RunKind::Preview,
            flow_version: record.summary.flow_version,
            graph_hash: hash,
            graph,
            user: replay.user,
            runs_per_day: replay.runs_per_day,
        };
        let event = Event { at: now, what: Happened::Go };
        self.first_turn(loaded, event, Some(begins), new).await
    }

    /// `None` when it has not left a node on this visit.
    async fn known(&self, run: RunId, visit: u32) -> Result<Option<Known>, RunFailed> {
        let mut folded = Folded::default();
        let mut node = None;
        let mut answers = BTreeMap::new();
        self.entries(run, |entry| {
            if Folded::is_step(&entry, visit) {
                node = entry["node"].as_str().map(str::to_owned);
            }
            if node.is_none() {
                folded.take(&entry);
            } else if let Some((node, mock)) = answer_of(&entry) {
                // The first of several: a mock is the same each time.
                answers.entry(node).or_insert(mock);
            }
            true
        })
        .await?;
        Ok(node.map(|node| Known { node, folded, answers }))
    }
}

/// What a call was answered, if this is the step of one and all of the answer was kept.
fn answer_of(step: &Json) -> Option<(String, Mock)> {
    if step["type"] != "step" {
        return None;
    }
    let node = step["node"].as_str()?.to_owned();
    let output = &step["output"];
    let mock = match (output.get("status"), &step["error"]["message"]) {
        (Some(status), _) => {
            let body = &output["body"];
            if body.get("cut").is_some() && body.get("bytes").is_some() {
                Mock::Error(format!(
                    "the answer has {} bytes, of which only the first were kept",
                    body["bytes"]
                ))
            } else {
                Mock::Output(Value::from(&json!({ "status": status, "body": body })))
            }
        }
        (None, Json::String(message)) if is_of_a_call(&step["error"]["kind"]) => Mock::Error(message.clone()),
        _ => return None,
    };
    Some((node, mock))
}

/// Errors of calls that were made, and came to nothing.
fn is_of_a_call(kind: &Json) -> bool {
    const KINDS: [ErrorKind; 6] = [
        ErrorKind::Unreachable,
        ErrorKind::Timeout,
        ErrorKind::BrokenConnection,
        ErrorKind::RefusedAddress,
        ErrorKind::ResponseTooLarge,
        ErrorKind::UnknownOutcome,
    ];
    KINDS.iter().any(|known| kind == known.as_str())
}

fn not_recorded() -> Mock {
    Mock::Error("nothing was recorded of this call".to_owned())
}

/// `input` in the language, from the step of the last answer.
fn last_reply(step: Option<&Json>) -> Value {
    let Some(step) = step else { return Value::Null };
    let raw = step["input"]["answer"].as_str().unwrap_or_default();
    let mut fields = Object::new();
    fields.insert("value".into(), Value::from(&step["output"]));
    fields.insert("raw".into(), Value::text(raw));
    fields.insert("valid".into(), Value::Bool(!step["output"].is_null()));
    Value::object(fields)
}

impl Plan {
    fn has_variable(&self, name: &str) -> bool {
        self.names.find(name).is_some() && !BUILT_IN.contains(&name)
    }

    /// The nodes that call web services, and have no mocks of their own.
    fn calling(&self) -> impl Iterator<Item = &str> {
        let calls = |kind: &Kind| matches!(kind, Kind::Api(api) if matches!(api.reply, Reply::Http(_)));
        self.nodes().filter(move |node| calls(&node.kind) && node.mock.is_none()).map(|node| &*node.id)
    }
}
