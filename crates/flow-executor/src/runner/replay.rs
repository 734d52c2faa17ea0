//! A run that was, from one of its steps on: another run, of the same graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use flow_base::{RunId, UserId};
use flow_store::{GraphHash, NewRun, RunKind};
use serde_json::{Value as Json, json};
use tokio::task::spawn_blocking;

use super::inspect::Folded;
use super::slots::{self, Loaded};
use super::start::{Started, summary_of};
use super::{PinError, RunFailed, Runs};
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
    visit: u32,
    folded: Folded,
    /// None before it is found.
    node: Option<String>,
    /// What nodes were answered from there on.
    answers: BTreeMap<String, Mock>,
}

impl Known {
    fn take(&mut self, entry: &Json) -> bool {
        if Folded::is_step(entry, self.visit) {
            self.node = entry["node"].as_str().map(str::to_owned);
        }
        if self.node.is_none() {
            self.folded.take(entry);
        } else if let Some((node, mock)) = answer_of(entry) {
            // The first of several: a mock is the same each time.
            self.answers.entry(node).or_insert(mock);
        }
        true
    }
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
        let known =
            Known { visit: replay.visit, folded: Folded::default(), node: None, answers: BTreeMap::new() };
        let Known { folded, node, answers, .. } = self.fold(replay.run, known, Known::take).await?;
        let node = node.ok_or(RunFailed::NoStep)?;
        let graph = self.inner.plans.content(&hash).await?;
        let (mut own, _) = slots::read(&record.state)?;
        // What it had from a run before is as recorded as the rest.
        let inherited: BTreeMap<String, Mock> =
            folded.recorded.iter().filter_map(|node| own.remove_entry(node)).collect();
        let (plan, mocks, recorded) = {
            let (runs, graph) = (self.clone(), graph.clone());
            let given = replay.mocks;
            let calls = replay.calls;
            let compiling = spawn_blocking(move || {
                let none = BTreeMap::new();
                let mut mocks = BTreeMap::new();
                if calls == ReplayedCalls::Recorded {
                    let plan = runs.plan_of(hash, &graph, &none)?;
                    let calling: BTreeSet<&str> = plan.calling().collect();
                    mocks.extend(calling.iter().map(|node| ((*node).to_owned(), not_recorded())));
                    mocks.extend(inherited);
                    mocks.extend(answers.into_iter().filter(|(node, _)| calling.contains(&**node)));
                }
                let recorded: Vec<String> = mocks.keys().cloned().collect();
                mocks.extend(own);
                mocks.extend(given);
                let plan = runs.plan_of(hash, &graph, &mocks)?;
                Ok::<_, RunFailed>((plan, mocks, recorded))
            });
            compiling.await.expect("compiling takes any graph")?
        };
        if let Some(unknown) = replay.variables.keys().find(|name| !plan.has_variable(name)) {
            return Err(RunFailed::NoVariable(unknown.to_string()));
        }

        let (run, now) = (RunId::generate(), self.inner.clock.now());
        let info = RunInfo { id: run.to_string(), started_at: now, user: replay.user_value, mocks: true };
        let mut state = State::new(&plan, &info);
        state.at = At::Next(plan.find(&node).ok_or(RunFailed::NoStep)?);
        let mut values = folded.values;
        values.extend(replay.variables.into_iter().map(|(name, value)| (name.to_string(), value)));
        let (input, last_error) = (folded.input, folded.last_error);
        let begins = Record::Replayed {
            at: now,
            of: replay.run.to_string(),
            visit: replay.visit,
            variables: {
                state.restore(&plan, values, input.clone(), last_error.clone());
                state.typed_variables(&plan)
            },
            input: input.to_typed_json(),
            last_error: last_error.to_typed_json(),
            recorded,
        };
        let (flow, version) = (record.summary.flow, record.summary.flow_version);
        let summary = summary_of(run, flow, RunKind::Preview, version, hash, replay.user, now);
        let loaded = Loaded { version: 0, state, plan, mocks, summary };
        let new = NewRun {
            flow,
            kind: RunKind::Preview,
            flow_version: version,
            graph_hash: hash,
            graph,
            user: replay.user,
            runs_per_day: replay.runs_per_day,
        };
        let event = Event { at: now, what: Happened::Go };
        self.first_turn(loaded, event, Some(begins), new).await
    }

    fn plan_of(
        &self,
        hash: GraphHash,
        graph: &Bytes,
        mocks: &BTreeMap<String, Mock>,
    ) -> Result<Arc<Plan>, PinError> {
        self.inner.plans.read(hash, graph, self.inner.limits.budgets, mocks)
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
