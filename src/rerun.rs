//! `interflow bot --run-on-change`: a flow is run whenever what it says has changed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use flow_base::{FlowId, RunId};
use flow_client::{Api, ClientError, RunAnswer, StartRun};
use flow_model::{FlowGraph, content_hash};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::answers::{Said, listed};
use crate::run::{Waited, next_turn, variable};

/// So long nothing has to change before it is run: people type.
const QUIET: Duration = Duration::from_millis(400);

#[derive(Debug, Args)]
pub(crate) struct RerunOptions {
    /// Run the flow as it is, now and whenever what it says has changed and is stored; moving
    /// nodes about is no such change. A run under way is ended. Each prints
    /// `{"event":"ran","run":…,"status":…,"said":[…],"asks":…,"outcome":…}`, or
    /// `{"event":"notRun","message":…}`.
    #[arg(long)]
    run_on_change: bool,
    /// With --run-on-change: a variable to begin with, name=value, the value being JSON, or
    /// otherwise text. May be given several times.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable, requires = "run_on_change")]
    variables: Vec<(String, Value)>,
    /// With --run-on-change: a JSON list of answers. A run that asks for more is ended there, with
    /// the status `waiting`.
    #[arg(long, value_name = "FILE", requires = "run_on_change")]
    answers: Option<PathBuf>,
}

/// What a run came to.
#[derive(Debug, Serialize)]
pub(crate) struct Ran {
    run: RunId,
    /// `waiting` where it asks for more answers than there are; it was ended then.
    status: String,
    said: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Value>,
}

/// Runs a flow again and again.
pub(crate) struct Rerun {
    api: Api,
    flow: FlowId,
    start: StartRun,
    answers: Vec<Value>,
    /// What was run last.
    hash: Option<String>,
    /// It has changed since; it is run then.
    due: Option<Instant>,
    running: Option<JoinHandle<anyhow::Result<Ran>>>,
    /// Cancelled when the run under way is to end.
    over: CancellationToken,
}

impl RerunOptions {
    /// `None` where it is not asked for.
    pub(crate) fn begin(self, api: &Api, flow: FlowId) -> anyhow::Result<Option<Rerun>> {
        if !self.run_on_change {
            return Ok(None);
        }
        let answers = self.answers.as_deref().map(listed).transpose()?.unwrap_or_default();
        let variables: Map<String, Value> = self.variables.into_iter().collect();
        let start = StartRun { preview: true, variables, ..StartRun::default() };
        Ok(Some(Rerun {
            api: api.clone(),
            flow,
            start,
            answers,
            hash: None,
            due: None,
            running: None,
            over: CancellationToken::new(),
        }))
    }
}

impl Rerun {
    /// The flow says this now.
    pub(crate) fn changed(&mut self, graph: &FlowGraph) {
        let hash = content_hash(graph);
        if self.hash.as_ref() != Some(&hash) {
            self.hash = Some(hash);
            self.due = Some(Instant::now() + QUIET);
        }
    }

    /// Nothing is to be run, and nothing runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.due.is_none() && self.running.is_none()
    }

    /// What the next run has come to; for ever, where there is nothing to run. Nothing is begun
    /// while the server may lack something of the flow. Cancel safe.
    pub(crate) async fn next(&mut self, is_saved: bool) -> anyhow::Result<Ran> {
        loop {
            let (due, runs) = (self.due.filter(|_| is_saved), self.running.is_some());
            tokio::select! {
                () = async { sleep_until(due.expect("looked at")).await }, if due.is_some() => {
                    self.due = None;
                    self.run();
                }
                ran = async { self.running.as_mut().expect("looked at").await }, if runs => {
                    self.running = None;
                    match ran {
                        Ok(ran) => return ran,
                        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
                    }
                }
                () = std::future::pending() => {}
            }
        }
    }

    fn run(&mut self) {
        let before = self.running.take();
        let over = std::mem::take(&mut self.over);
        over.cancel();
        let (api, flow, start) = (self.api.clone(), self.flow, self.start.clone());
        let (answers, over) = (self.answers.clone(), self.over.clone());
        self.running = Some(tokio::spawn(async move {
            if let Some(before) = before {
                // It ends its run, whatever it was about to do. What came of that is of no interest:
                // the flow is another.
                drop(before.await);
            }
            let turn = api.start_run(flow, &start).await?;
            let run = turn.run_id;
            tokio::select! {
                ran = play(&api, turn, answers) => ran,
                () = over.cancelled() => {
                    end(&api, run).await?;
                    Ok(Ran { run, status: "ended".to_owned(), said: Vec::new(), asks: None, outcome: None })
                }
            }
        }));
    }
}

/// Answers what a run asks, to its end or to that of the answers.
async fn play(api: &Api, mut turn: flow_client::Turn, answers: Vec<Value>) -> anyhow::Result<Ran> {
    let (run, mut said, mut answers) = (turn.run_id, Vec::new(), answers.into_iter());
    loop {
        said.extend(
            turn.messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()),
        );
        let outcome = match (turn.outcome, turn.asks) {
            (Some(outcome), _) => outcome,
            (None, Some(asks)) => {
                let Some(said) = answers.next() else {
                    end(api, run).await?;
                    return Ok(Ran {
                        run,
                        status: "waiting".to_owned(),
                        said,
                        asks: Some(asks),
                        outcome: None,
                    });
                };
                let answer = Said::read(&asks, said).await?.answer(api, run).await?;
                let visit = asks["visit"].as_u64().and_then(|visit| u32::try_from(visit).ok());
                turn = api.answer_run(run, &RunAnswer { answer, visit, idempotency_key: None }).await?;
                continue;
            }
            (None, None) => match next_turn(api, run, turn.seq).await? {
                Waited::Turn(next) => {
                    turn = *next;
                    continue;
                }
                Waited::Ended(outcome) => outcome,
            },
        };
        let status = outcome["status"].as_str().unwrap_or("failed").to_owned();
        return Ok(Ran { run, status, said, asks: None, outcome: Some(outcome) });
    }
}

/// One that has ended by itself is as good.
async fn end(api: &Api, run: RunId) -> Result<(), ClientError> {
    match api.cancel_run(run).await {
        Err(ClientError::Refused { status: 409 | 404, .. }) => Ok(()),
        ended => ended,
    }
}
