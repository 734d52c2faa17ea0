use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use flow_base::FlowId;
use flow_model::{Edit, EditError, Edited, FlowDoc, FlowGraph, ModelError};
use flow_protocol::CloseCode;
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::link::{Cut, Link};
use super::{DocumentGrowth, PeerOptions, PeerState, Token};
use crate::backoff::Backoff;
use crate::{Api, ClientError};

pub(super) enum Command {
    Edit { edits: Vec<Edit>, reply: oneshot::Sender<Result<Edited, EditError>> },
    Document { reply: oneshot::Sender<Vec<u8>> },
    Show(Option<Value>),
    SetOnline(bool),
}

/// What the handle watches.
pub(super) struct Watched {
    pub(super) state: watch::Receiver<PeerState>,
    pub(super) graph: watch::Receiver<Arc<FlowGraph>>,
    pub(super) presence: watch::Receiver<Arc<Vec<Value>>>,
    pub(super) growth: watch::Receiver<Option<DocumentGrowth>>,
}

/// The peer's task: owns the document.
pub(super) struct Task {
    api: Api,
    flow: FlowId,
    doc: FlowDoc,
    commands: mpsc::UnboundedReceiver<Command>,
    online: bool,
    /// Own transactions, and how many of them the server has stored.
    made: u64,
    saved: u64,
    backoff: Backoff,
    presence: Presence,
    state: watch::Sender<PeerState>,
    graph: watch::Sender<Arc<FlowGraph>>,
    shown: watch::Sender<Arc<Vec<Value>>>,
    growth: watch::Sender<Option<DocumentGrowth>>,
}

struct Presence {
    own: Option<Value>,
    clock: u64,
    others: HashMap<u64, (u64, Value)>,
}

/// How far a connection has come.
#[derive(Default)]
struct Progress {
    /// The server's step 2 has come: nothing of it is missing here.
    in_step: bool,
    /// The server's step 1 has been answered: it has everything from here.
    answered: bool,
    /// Why something was refused, and how many edits were made by then.
    refused: Option<(String, u64)>,
    /// Something of the server's could not be applied: only syncing afresh helps.
    out_of_step: bool,
}

/// The handle is gone.
struct Ended;

enum End {
    Cut(Cut),
    Offline,
    Ended,
}

impl Task {
    pub(super) fn new(
        api: Api,
        options: PeerOptions,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<(Self, Watched), ModelError> {
        let PeerOptions { flow, client_id, document, presence, online } = options;
        let mut doc = FlowDoc::new(client_id);
        if let Some(document) = &document {
            doc.apply_update_v1(document)?;
        }
        // Whether what is kept was ever stored is not known: it counts as unsaved
        // until the server has answered for it.
        let made = u64::from(document.is_some());
        let (state, state_watched) = watch::channel(PeerState::Offline { unsaved: made });
        let (graph, graph_watched) = watch::channel(Arc::new(doc.graph().clone()));
        let (shown, presence_watched) = watch::channel(Arc::default());
        let (growth, growth_watched) = watch::channel(None);
        let presence = Presence { own: presence, clock: 1, others: HashMap::new() };
        let backoff = Backoff::default();
        let task = Self {
            api,
            flow,
            doc,
            commands,
            online,
            made,
            saved: 0,
            backoff,
            presence,
            state,
            graph,
            shown,
            growth,
        };
        let watched = Watched {
            state: state_watched,
            graph: graph_watched,
            presence: presence_watched,
            growth: growth_watched,
        };
        Ok((task, watched))
    }

    pub(super) async fn run(mut self) {
        loop {
            let end = if self.online { self.connected().await } else { End::Offline };
            self.set_state(PeerState::Offline { unsaved: self.unsaved() });
            self.presence.others.clear();
            self.show_others();
            match end {
                End::Ended => return,
                End::Cut(Cut::Final(code)) => return self.closed(code).await,
                End::Cut(Cut::Passing) => {
                    let pause = self.backoff.next();
                    if self.wait(pause).await.is_err() {
                        return;
                    }
                }
                End::Offline => match self.commands.recv().await {
                    Some(command) => self.obey(command),
                    None => return,
                },
            }
        }
    }

    /// Sent away for good: edits are still made and kept, for whoever asks for
    /// the document.
    async fn closed(mut self, code: CloseCode) {
        loop {
            self.set_state(PeerState::Closed { unsaved: self.unsaved(), code });
            match self.commands.recv().await {
                Some(command) => self.obey(command),
                None => return,
            }
        }
    }

    async fn wait(&mut self, pause: std::time::Duration) -> Result<(), Ended> {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Ok(()),
                command = self.commands.recv() => {
                    self.obey(command.ok_or(Ended)?);
                    self.set_state(PeerState::Offline { unsaved: self.unsaved() });
                }
            }
        }
    }

    async fn connected(&mut self) -> End {
        let Some(token) = self.token().await else { return End::Cut(Cut::Passing) };
        let lineage = self.doc.lineage().map(|lineage| lineage.to_string());
        let (api, flow) = (self.api.clone(), self.flow);
        let connecting = pin!(Link::connect(&api, flow, &token, lineage));
        let mut link = match self.meanwhile(connecting).await {
            Ok(Ok(link)) => link,
            Ok(Err(cut)) => return End::Cut(cut),
            Err(end) => return end,
        };
        match self.talk(&mut link).await {
            // An expired access token, perhaps: a new one is worth one more try.
            End::Cut(Cut::Final(CloseCode::SignedOut)) => self.refresh().await,
            end => end,
        }
    }

    /// Only what says that the sign-in has ended ends this peer: a server that is busy, or
    /// whose database is away, knows nothing of it.
    async fn refresh(&mut self) -> End {
        self.set_state(PeerState::Offline { unsaved: self.unsaved() });
        let api = self.api.clone();
        // On a task of its own: given up halfway it could lose the tokens that it renews.
        let mut refreshing = tokio::spawn(async move { api.refresh().await });
        let refreshed = loop {
            match self.meanwhile(&mut refreshing).await {
                Ok(refreshed) => break refreshed,
                Err(End::Ended) => return End::Ended,
                Err(End::Offline | End::Cut(_)) => {}
            }
        };
        match refreshed {
            Ok(Err(ClientError::SignedOut)) => End::Cut(Cut::Final(CloseCode::SignedOut)),
            Ok(Ok(())) => End::Cut(Cut::Passing),
            Ok(Err(error)) => {
                tracing::debug!(flow = %self.flow, %error, "could not refresh the sign-in");
                End::Cut(Cut::Passing)
            }
            Err(error) => {
                tracing::error!(flow = %self.flow, %error, "refreshing the sign-in broke off");
                End::Cut(Cut::Passing)
            }
        }
    }

    /// Does what is asked for while something is awaited, which may take as long as a silent
    /// network is given. Whoever wants to be online no more does not wait for it.
    async fn meanwhile<T>(&mut self, mut work: impl Future<Output = T> + Unpin) -> Result<T, End> {
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                command = self.commands.recv() => match command {
                    None => return Err(End::Ended),
                    Some(command) => self.obey(command),
                },
            }
            if !self.online {
                return Err(End::Offline);
            }
        }
    }

    async fn token(&self) -> Option<Token> {
        self.api.token()
    }

    async fn talk(&mut self, link: &mut Link) -> End {
        let mut progress = Progress::default();
        let hello = [
            Some(frame::step_1(&self.doc.state_vector_v1())),
            Some(frame::ask_growth()),
            self.presence.announce(self.doc.client_id()),
        ];
        if let Err(cut) = link.send(hello.into_iter().flatten()).await {
            return End::Cut(cut);
        }
        loop {
            self.set_state(self.standing(&progress));
            let mut out = Vec::new();
            tokio::select! {
                received = link.receive() => match received {
                    Ok(messages) => {
                        for message in messages {
                            self.handle(message, &mut progress, &mut out);
                        }
                        if progress.out_of_step {
                            return End::Cut(Cut::Passing);
                        }
                    }
                    Err(cut) => return End::Cut(cut),
                },
                command = self.commands.recv() => match command {
                    None => return End::Ended,
                    Some(command) => self.obey_connected(command, &progress, &mut out),
                },
            }
            if !self.online {
                return End::Offline;
            }
            if let Err(cut) = link.send(out).await {
                return End::Cut(cut);
            }
        }
    }

    fn standing(&self, progress: &Progress) -> PeerState {
        let unsaved = self.unsaved();
        match &progress.refused {
            Some((reason, _)) => PeerState::Refused { unsaved, reason: reason.clone() },
            None if progress.in_step => PeerState::Live { unsaved },
            None => PeerState::Joining { unsaved },
        }
    }

    fn handle(&mut self, message: Message, progress: &mut Progress, out: &mut Vec<Bytes>) {
        match message {
            Message::Step1 { state_vector } => match self.doc.encode_diff_v1(&state_vector) {
                Ok(diff) => {
                    out.push(frame::step_2(&diff));
                    progress.answered = true;
                    // Asked anew, as one whose refused edits may be welcome by now.
                    progress.refused = None;
                    self.ask_whether_saved(out);
                }
                Err(error) => {
                    tracing::error!(flow = %self.flow, %error, "the server's step 1 cannot be read");
                }
            },
            Message::Step2 { update } => {
                self.apply(&update, progress);
                progress.in_step = true;
                self.backoff.reset();
                // A viewer is never asked for what it has. Whether it has anything of
                // its own is seen by offering it: what adds nothing is ignored, what
                // does is refused.
                if self.unsaved() > 0 && !progress.answered {
                    out.push(frame::update(&self.doc.encode_state_v1()));
                    self.ask_whether_saved(out);
                }
            }
            Message::Update { update } => self.apply(&update, progress),
            Message::Awareness { update } => {
                if self.presence.apply(&update, self.doc.client_id()) {
                    out.extend(self.presence.announce(self.doc.client_id()));
                }
                self.show_others();
            }
            Message::QueryAwareness => out.extend(self.presence.announce(self.doc.client_id())),
            Message::Barrier { token } => {
                // A token of ours is the count of edits it stands for.
                if let Ok(made) = <[u8; 8]>::try_from(&token[..]).map(u64::from_le_bytes) {
                    self.saved = self.saved.max(made).min(self.made);
                    // Behind a refused edit there is no answer: what was refused
                    // before this barrier was no edit.
                    progress.refused.take_if(|(_, by_then)| made >= *by_then);
                }
            }
            Message::PermissionDenied { reason } => progress.refused = Some((reason, self.made)),
            Message::Growth { size } => {
                let size = frame::read_growth(&size);
                self.growth.send_replace(size.map(|(bytes, bytes_max)| DocumentGrowth { bytes, bytes_max }));
            }
            Message::Unknown { .. } => {}
        }
    }

    fn ask_whether_saved(&self, out: &mut Vec<Bytes>) {
        out.push(frame::barrier(&self.made.to_le_bytes()));
    }

    fn obey_connected(&mut self, command: Command, progress: &Progress, out: &mut Vec<Bytes>) {
        match command {
            Command::Edit { edits, reply } => {
                let update = self.edit(&edits, reply);
                // Before the server has asked, everything is part of the answer.
                if let Some(update) = update.filter(|_| progress.answered || progress.in_step) {
                    out.push(frame::update(&update));
                    self.ask_whether_saved(out);
                }
            }
            Command::Show(presence) => {
                self.presence.show(presence);
                out.push(self.presence.state(self.doc.client_id()));
            }
            other => self.obey(other),
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Edit { edits, reply } => drop(self.edit(&edits, reply)),
            // A caller that went away needs no answer.
            Command::Document { reply } => drop(reply.send(self.doc.encode_state_v1())),
            Command::Show(presence) => self.presence.show(presence),
            Command::SetOnline(online) => self.online = online,
        }
    }

    fn edit(&mut self, edits: &[Edit], reply: oneshot::Sender<Result<Edited, EditError>>) -> Option<Vec<u8>> {
        let edited = self.doc.edit(edits);
        let update = edited.as_ref().ok().and_then(|edited| edited.update.clone());
        if update.is_some() {
            self.made += 1;
            // Before the caller hears of it: an edit that is made is never taken
            // for saved.
            self.state.send_modify(|state| state.set_unsaved(self.made - self.saved));
            self.show_graph();
        }
        // A caller that went away needs no answer.
        drop(reply.send(edited));
        update
    }

    fn apply(&mut self, update: &[u8], progress: &mut Progress) {
        match self.doc.apply_update_v1(update) {
            Ok(applied) => {
                progress.out_of_step |= applied.rest.is_some();
                if applied.changed {
                    self.show_graph();
                }
            }
            Err(error) => {
                tracing::error!(flow = %self.flow, %error, "the server sent an update that cannot be applied");
                progress.out_of_step = true;
            }
        }
    }

    const fn unsaved(&self) -> u64 {
        self.made - self.saved
    }

    fn set_state(&self, state: PeerState) {
        self.state.send_if_modified(|now| {
            let changed = *now != state;
            *now = state;
            changed
        });
    }

    fn show_graph(&self) {
        self.graph.send_replace(Arc::new(self.doc.graph().clone()));
    }

    fn show_others(&self) {
        self.shown
            .send_replace(Arc::new(self.presence.others.values().map(|(_, state)| state.clone()).collect()));
    }
}

impl Presence {
    fn show(&mut self, presence: Option<Value>) {
        self.own = presence;
        self.clock += 1;
    }

    /// The own state, if it shows one.
    fn announce(&self, client: u64) -> Option<Bytes> {
        self.own.is_some().then(|| self.state(client))
    }

    fn state(&self, client: u64) -> Bytes {
        let state = self.own.as_ref().map_or_else(|| "null".to_owned(), Value::to_string);
        let entry = Entry { client, clock: self.clock, state: state.into() };
        frame::awareness(&awareness::encode([entry].iter()))
    }

    /// Whether the own state has to be announced anew: somebody believes that
    /// this client has left.
    fn apply(&mut self, update: &Bytes, client: u64) -> bool {
        let mut announce = false;
        for entry in awareness::decode(update).unwrap_or_default() {
            if entry.client == client {
                if entry.is_gone() && self.own.is_some() {
                    self.clock = self.clock.max(entry.clock) + 1;
                    announce = true;
                }
                continue;
            }
            let known = self.others.get(&entry.client).map(|(clock, _)| *clock);
            if entry.is_gone() {
                if known.is_some_and(|clock| clock <= entry.clock) {
                    self.others.remove(&entry.client);
                }
            } else if known.is_none_or(|clock| clock < entry.clock) {
                // What is no JSON shows nothing.
                if let Ok(state) = serde_json::from_slice(&entry.state) {
                    self.others.insert(entry.client, (entry.clock, state));
                }
            }
        }
        announce
    }
}
