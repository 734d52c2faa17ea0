//! `interflow run`: a run of a flow, in the terminal.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use flow_base::{FlowId, RunId};
use flow_client::{Answer, Api, ClientError, RunAnswer, RunTold, StartRun, Turn};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answers::{Said, listed};
use crate::cli::{Failure, flow_id};
use crate::maintenance::output;
use crate::server::{Server, refused};

/// Runs a flow and talks to it: prints what it says, and asks for what it asks. A file that it asks
/// for is given by its path, several as a JSON list of paths. Exit code 0: it
/// completed; 4: it waits for an answer that there is none for; 5: it failed; 6: it was
/// cancelled.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    /// The flow as it is, with the mocks of its nodes, in place of the version that is active.
    #[arg(long)]
    preview: bool,
    /// A version, in place of the one that is active.
    #[arg(long, conflicts_with = "preview")]
    version: Option<u32>,
    /// A parameter of the start or another variable: name=value, the value being JSON, or
    /// otherwise text. May be given several times.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, Value)>,
    /// A JSON list of answers, in place of standard input: texts as they are typed, and other
    /// values. Where a file is asked for, its path, or a list of paths.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// One JSON object a line: `run`, `message`, `input`, `ended`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(crate) fn variable(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected name=value".to_owned())?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

/// Where answers come from.
enum Answers {
    Listed(VecDeque<Value>),
    Typed,
}

struct Conversation {
    api: Api,
    run: RunId,
    answers: Answers,
    as_json: bool,
    /// The last turn that was told.
    seq: u64,
}

impl Run {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self { flow, preview, version, variables, answers, json, server } = self;
        let answers = match answers {
            None => Answers::Typed,
            Some(path) => Answers::Listed(listed(&path)?.into()),
        };
        let api = server.sign_in().await?;
        let variables: Map<String, Value> = variables.into_iter().collect();
        let start = StartRun { preview, version, variables, ..StartRun::default() };
        let turn = api.start_run(flow, &start).await;
        let turn = turn.map_err(|error| refused(error, format!("could not run flow {flow}")))?;
        let mut conversation = Conversation { api, run: turn.run_id, answers, as_json: json, seq: 0 };
        if json {
            output::json(&json!({ "type": "run", "id": turn.run_id }))?;
        }
        conversation.go_on(turn).await
    }
}

impl Conversation {
    async fn go_on(&mut self, mut turn: Turn) -> Result<(), Failure> {
        loop {
            self.seq = turn.seq;
            for message in &turn.messages {
                self.say(message)?;
            }
            if let Some(outcome) = &turn.outcome {
                return self.ended(outcome);
            }
            turn = match &turn.asks {
                Some(asks) => self.answer(asks).await?,
                None => match self.wait().await? {
                    Waited::Turn(turn) => *turn,
                    Waited::Ended(outcome) => return self.ended(&outcome),
                },
            };
        }
    }

    async fn answer(&mut self, asks: &Value) -> Result<Turn, Failure> {
        self.ask(asks)?;
        let answer = self.said(asks).await?.answer(&self.api, self.run).await;
        let answer = answer.map_err(|error| refused(error, "could not send it".to_owned()))?;
        let visit = asks["visit"].as_u64().and_then(|visit| u32::try_from(visit).ok());
        // Sent again by hand it would be another; a lost answer is sent again here.
        let answer = RunAnswer { answer, visit, idempotency_key: Some(Uuid::now_v7().to_string()) };
        for _ in 0..3 {
            match self.api.answer_run(self.run, &answer).await {
                Err(ClientError::Transport(_)) => {}
                answered => return answered.map_err(|error| refused(error, "could not answer".to_owned())),
            }
        }
        let answered = self.api.answer_run(self.run, &answer).await;
        answered.map_err(|error| refused(error, "could not answer".to_owned()))
    }

    /// What is answered, with the files that it names.
    async fn said(&mut self, asks: &Value) -> Result<Said, Failure> {
        loop {
            let value = self.next_answer().await?.ok_or_else(|| Failure {
                error: anyhow!("run {} waits for an answer, and there is none", self.run),
                code: 4,
            })?;
            match Said::read(asks, value).await {
                // Whoever types tries again.
                Err(error) if matches!(self.answers, Answers::Typed) => {
                    let why = format!("{error:#}\n");
                    std::io::stderr().write_all(why.as_bytes()).context("could not write")?;
                    self.ask(asks)?;
                }
                said => {
                    let said = said?;
                    if let Said::Plain(Answer::Text(text)) = &said
                        && asks["kind"] == "file"
                    {
                        let note = format!("there is no file {text:?}; it is said as it is\n");
                        std::io::stderr().write_all(note.as_bytes()).context("could not write")?;
                    }
                    return Ok(said);
                }
            }
        }
    }

    async fn next_answer(&mut self) -> Result<Option<Value>, Failure> {
        match &mut self.answers {
            Answers::Listed(list) => Ok(list.pop_front()),
            Answers::Typed => {
                let read = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next().transpose());
                let line = read.await.context("could not read")?.context("could not read")?;
                Ok(line.map(Value::String))
            }
        }
    }

    /// Until it has done something by itself.
    async fn wait(&mut self) -> Result<Waited, Failure> {
        let waited = next_turn(&self.api, self.run, self.seq).await;
        waited.map_err(|error| refused(error, "could not watch the run".to_owned()))
    }

    fn say(&self, message: &Value) -> anyhow::Result<()> {
        if self.as_json {
            return output::json(&json!({ "type": "message", "message": message }));
        }
        output::line(message["text"].as_str().unwrap_or_default())
    }

    fn ask(&self, asks: &Value) -> anyhow::Result<()> {
        if self.as_json {
            return output::json(&json!({ "type": "input", "asks": asks }));
        }
        for (at, option) in asks["options"].as_array().into_iter().flatten().enumerate() {
            output::line(&format!("  {}. {}", at + 1, option["label"].as_str().unwrap_or_default()))?;
        }
        if asks["kind"] == "confirm" {
            let label = |name: &str| asks[name].as_str().unwrap_or_default().to_owned();
            output::line(&format!("  {} / {}", label("yes"), label("no")))?;
        }
        // A prompt is for who types.
        if matches!(self.answers, Answers::Typed) && std::io::stdin().is_terminal() {
            let mut out = std::io::stdout().lock();
            write!(out, "> ").and_then(|()| out.flush()).context("could not write")?;
        }
        Ok(())
    }

    fn ended(&self, outcome: &Value) -> Result<(), Failure> {
        if self.as_json {
            output::json(&json!({ "type": "ended", "outcome": outcome }))?;
        } else if !outcome["output"].is_null() {
            output::line(&serde_json::to_string_pretty(&outcome["output"]).context("could not write")?)?;
        }
        match outcome["status"].as_str() {
            Some("completed") => Ok(()),
            Some("cancelled") => Err(Failure { error: anyhow!("the run was cancelled"), code: 6 }),
            _ => {
                let error = &outcome["error"];
                let message = error["message"].as_str().unwrap_or("the run failed").to_owned();
                let at = error["node"].as_str().map(|node| format!(" (node {node})")).unwrap_or_default();
                Err(Failure { error: anyhow!("{message}{at}"), code: 5 })
            }
        }
    }
}

/// What a run has come to by itself.
pub(crate) enum Waited {
    Turn(Box<Turn>),
    Ended(Value),
}

/// Waits until a run has done something by itself, after a turn.
pub(crate) async fn next_turn(api: &Api, run: RunId, after: u64) -> Result<Waited, ClientError> {
    let mut stream = api.run_stream(run, after);
    let told = match stream.next().await {
        Some(Ok(RunTold::Turn(told))) => told,
        Some(Ok(RunTold::End(end))) => return Ok(Waited::Ended(end["outcome"].clone())),
        Some(Err(error)) => return Err(error),
        None => return Ok(Waited::Ended(Value::Null)),
    };
    let now = api.run(run).await?;
    let seq = told["seq"].as_u64().unwrap_or(after);
    let messages = told["messages"].as_array().cloned().unwrap_or_default();
    let is_newest = now.seq == seq;
    Ok(Waited::Turn(Box::new(Turn {
        run_id: run,
        seq,
        status: now.summary.status,
        messages,
        asks: now.asks.filter(|_| is_newest),
        outcome: now.outcome.filter(|_| is_newest),
    })))
}
