//! `interflow bot`: a peer without a screen.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use flow_base::FlowId;
use flow_client::{Peer, PeerOptions, PeerState};
use flow_model::{Edit, FlowGraph};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::cli::flow_id;
use crate::rerun::{Ran, Rerun, RerunOptions};
use crate::server::Server;

/// Joins a flow. Prints one JSON object a line: `{"event":"graph","graph":…}` now
/// and at each change, `{"event":"state","state":…,"unsaved":n}` as the connection
/// changes, and for each line of input `{"event":"edited","line":n,"ids":[…]}` or
/// `{"event":"refused","line":n,"message":…}`.
///
/// A line of input is a typed edit or a list of them, which is made whole or not
/// at all: `{"op":"addNode","type":"message","data":{…}}`.
#[derive(Debug, Args)]
pub(crate) struct Bot {
    /// The flow to join.
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    #[command(flatten)]
    server: Server,
    /// Name shown to the others.
    #[arg(long, default_value = "bot")]
    name: String,
    /// End when the input has ended and everything is stored.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    rerun: RerunOptions,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
enum Report<'a> {
    Graph {
        graph: &'a FlowGraph,
    },
    State {
        state: &'static str,
        unsaved: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Edited {
        line: u64,
        ids: Vec<Option<String>>,
    },
    Refused {
        line: u64,
        message: String,
    },
    Ran(Ran),
    NotRun {
        message: String,
    },
}

/// One edit, or several that belong together.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Several(Vec<Edit>),
    One(Box<Edit>),
}

impl Bot {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let api = self.server.sign_in().await?;
        let options = PeerOptions {
            presence: Some(json!({ "user": { "name": self.name, "color": "#6b7280" } })),
            ..PeerOptions::new(self.flow)
        };
        let peer = Peer::open(&api, options).context("could not start the peer")?;
        let mut rerun = self.rerun.begin(&api, self.flow)?;
        let (mut state, mut graph) = (peer.state(), peer.graph());
        let mut lines = BufReader::new(stdin()).lines();
        let (mut line, mut reading) = (0, true);
        loop {
            let is_saved = state.borrow().is_saved();
            tokio::select! {
                biased;
                changed = state.changed() => {
                    changed.context("the peer ended")?;
                    report(&Report::of(&state.borrow_and_update()))?;
                    if let PeerState::Closed { code, .. } = *state.borrow() {
                        bail!("the server closed the connection: {code}");
                    }
                }
                changed = graph.changed() => {
                    changed.context("the peer ended")?;
                    let graph = Arc::clone(&graph.borrow_and_update());
                    report(&Report::Graph { graph: &graph })?;
                    // Before the first answer there is nothing to run.
                    if let Some(rerun) = rerun.as_mut().filter(|_| !graph.nodes.is_empty()) {
                        rerun.changed(&graph);
                    }
                }
                ran = ran(rerun.as_mut(), is_saved) => report(&match ran {
                    Ok(ran) => Report::Ran(ran),
                    Err(error) => Report::NotRun { message: error.to_string() },
                })?,
                read = lines.next_line(), if reading => match read.context("could not read the input")? {
                    Some(text) => {
                        line += 1;
                        report(&edit(&peer, line, &text).await?)?;
                    }
                    None => reading = false,
                },
                saved = peer.saved(), if self.once && !reading && rerun.as_ref().is_none_or(Rerun::is_idle) => {
                    let saved = saved.context("the peer ended")?;
                    let graph = Arc::clone(&graph.borrow_and_update());
                    report(&Report::Graph { graph: &graph })?;
                    report(&Report::of(&saved))?;
                    if !saved.is_saved() {
                        bail!("{} edits are not stored", saved.unsaved());
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// Waits for ever where nothing is run.
async fn ran(rerun: Option<&mut Rerun>, is_saved: bool) -> anyhow::Result<Ran> {
    match rerun {
        Some(rerun) => rerun.next(is_saved).await,
        None => std::future::pending().await,
    }
}

async fn edit(peer: &Peer, line: u64, text: &str) -> anyhow::Result<Report<'static>> {
    let edits = match serde_json::from_str(text) {
        Ok(Line::Several(edits)) => edits,
        Ok(Line::One(edit)) => vec![*edit],
        // Read again as one edit: the error of the untagged form says nothing.
        Err(_) => match serde_json::from_str::<Edit>(text) {
            Ok(edit) => vec![edit],
            Err(error) => return Ok(Report::Refused { line, message: error.to_string() }),
        },
    };
    Ok(match peer.edit(edits).await.context("the peer ended")? {
        Ok(edited) => Report::Edited { line, ids: edited.ids },
        Err(error) => Report::Refused { line, message: format!("{error}: {}", error.refusal) },
    })
}

impl Report<'_> {
    fn of(state: &PeerState) -> Self {
        let unsaved = state.unsaved();
        let (state, reason) = match state {
            PeerState::Offline { .. } => ("offline", None),
            PeerState::Joining { .. } => ("joining", None),
            PeerState::Live { .. } => ("live", None),
            PeerState::Refused { reason, .. } => ("refused", Some(reason.clone())),
            PeerState::Closed { code, .. } => ("closed", Some(code.reason().to_owned())),
        };
        Self::State { state, unsaved, reason }
    }
}

fn report(report: &Report<'_>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, report).context("could not write")?;
    out.write_all(b"\n").and_then(|()| out.flush()).context("could not write")
}
