use std::collections::VecDeque;
use std::future::ready;
use std::time::Duration;

use flow_auth::Permission;
use flow_base::{FlowId, RunId};
use flow_executor::runner::{RunFailed, Watching};
use flow_protocol::CloseCode;
use flow_store::RunKind;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream as Socket;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::message::{ClientMessage, Said, Start, connected, error};
use super::progress::{Progress, Saying};
use super::{resume_token, resumed};
use crate::app::App;
use crate::caller::Caller;
use crate::canvas::Showable;
use crate::error::ApiError;
use crate::routes::runs::{KEY_CHARS_MAX, StartRunBody, begin};
use crate::sync::Registered;
use crate::sync::gate::Connection;

/// Parts of a journal that are read at once, when all before them is said.
const PARTS: u32 = 8;
/// How often the socket is kept alive, and it is looked whether anybody is there.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Of what is wrong with frames so much may wait for something to be typed.
const COMPLAINTS_MAX: usize = 256;
/// Of what is wrong with a frame; it may quote all of it.
const COMPLAINT_CHARS_MAX: usize = 200;

/// Whoever has not taken a frame after so long reads no more.
const SENDING: Duration = Duration::from_secs(30);
/// A socket that is closed has so long to answer.
const CLOSING: Duration = Duration::from_secs(2);

/// What a socket is made of: a TCP connection, or what stands for one in a test.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One socket, and the chat on it.
pub(super) struct Session {
    app: App,
    flow: FlowId,
    name: String,
    caller: Caller,
    /// Whether they may look into runs, and not only talk.
    reads: bool,
    /// One of those that they may have.
    _connection: Connection,
    /// By which it is sent away.
    registered: Registered,
    chat: Option<Chat>,
    /// What is to be said, in order.
    queue: VecDeque<Saying>,
    /// Before this nothing more is said: something is being typed.
    typing_until: Option<Instant>,
    heard: Instant,
    keep_alive_at: Instant,
}

/// Who may talk here.
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) reads: bool,
    pub(super) connection: Connection,
    pub(super) registered: Registered,
}

/// A run that somebody talks to.
struct Chat {
    run: RunId,
    kind: RunKind,
    start: Start,
    watching: Watching,
    progress: Progress,
}

/// Why a socket ends.
enum Over {
    /// The client goes, or is gone.
    Gone,
    Closed(CloseCode),
}

impl Session {
    pub(super) fn new(app: App, flow: FlowId, name: String, admitted: Admitted) -> Self {
        let Admitted { caller, reads, connection, registered } = admitted;
        let now = Instant::now();
        Self {
            app,
            flow,
            name,
            caller,
            reads,
            _connection: connection,
            registered,
            chat: None,
            queue: VecDeque::new(),
            typing_until: None,
            heard: now,
            keep_alive_at: now + KEEP_ALIVE_EVERY,
        }
    }

    pub(super) async fn run(mut self, mut socket: Box<Socket<impl Stream>>) {
        let over = self.serve(&mut socket).await;
        if let Over::Closed(code) = over {
            close(&mut socket, code).await;
        }
    }

    async fn serve(&mut self, socket: &mut Socket<impl Stream>) -> Over {
        loop {
            // Before anything else: who may not be here any more is neither heard nor told.
            if self.registered.is_sent_away() {
                return Over::Closed(self.registered.sent_away().await);
            }
            let (typing_until, keep_alive_at, speaks) =
                (self.typing_until, self.keep_alive_at, self.speaks());
            // One thing after the other, and none before all others: who has much to say hears,
            // too, and who is talked to without end still answers.
            let done = tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(frame)) => self.hear(frame).await,
                    Some(Err(_)) | None => Err(Over::Gone),
                },
                () = ready(()), if speaks => self.speak(socket).await,
                () = told(&mut self.chat) => Ok(()),
                () = sleep_until(typing_until.unwrap_or(self.heard)), if typing_until.is_some() => {
                    self.typing_until = None;
                    Ok(())
                }
                () = sleep_until(keep_alive_at) => self.keep(socket).await,
                code = self.registered.sent_away() => Err(Over::Closed(code)),
            };
            if let Err(over) = done {
                return over;
            }
        }
    }

    /// There is something to say, or may be in the journal, and nothing is being typed.
    fn speaks(&self) -> bool {
        let looks = self.chat.as_ref().is_some_and(|chat| chat.progress.looks());
        self.typing_until.is_none() && (!self.queue.is_empty() || looks)
    }

    /// Says what is next, or reads on where all is said.
    async fn speak(&mut self, socket: &mut Socket<impl Stream>) -> Result<(), Over> {
        let Some(mut next) = self.queue.pop_front() else { return self.look().await };
        let typing = std::mem::take(&mut next.typing);
        if typing.is_zero() {
            return self.send(socket, &next.value).await;
        }
        // Shown before it is said.
        self.queue.push_front(next);
        self.typing_until = Some(Instant::now() + typing);
        self.send(socket, &json!({ "type": "chat:typing", "ms": typing.as_millis() })).await
    }

    /// Who is sent away while a frame is on its way is told why behind it, if they take it.
    async fn send(&self, socket: &mut Socket<impl Stream>, value: &Value) -> Result<(), Over> {
        let sending = timeout(SENDING, socket.send(Frame::Text(value.to_string().into())));
        tokio::select! {
            sent = sending => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Over::Gone),
            },
            code = self.registered.sent_away() => Err(Over::Closed(code)),
        }
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), Over> {
        self.heard = Instant::now();
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Close(_) => return Err(Over::Gone),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => return Ok(()),
            Frame::Binary(_) => return Err(Over::Closed(CloseCode::Malformed)),
        };
        let done = match serde_json::from_str(&text) {
            Ok(ClientMessage::Start(start)) => self.start(start).await,
            Ok(ClientMessage::Message(said)) => self.answer(said).await,
            Ok(ClientMessage::Reset) => self.reset().await,
            Ok(ClientMessage::Disconnect) => return self.leave().await,
            Err(problem) => self.refuse(&problem).await,
        };
        match done {
            Ok(()) => {}
            Err(ApiError::SignedOut) => return Err(Over::Closed(CloseCode::SignedOut)),
            Err(problem) => self.complain(&problem),
        }
        if self.is_flooded() { Err(Over::Closed(CloseCode::Overloaded)) } else { Ok(()) }
    }

    /// The client sends on whatever it is told. What the run says is bounded where it is read,
    /// and does not count: somebody who goes on with a long chat may answer meanwhile.
    fn is_flooded(&self) -> bool {
        let complaints = || self.queue.iter().filter(|saying| saying.value["type"] == "chat:error");
        self.queue.len() > COMPLAINTS_MAX && complaints().count() > COMPLAINTS_MAX
    }

    /// The client goes and does not come back. What was only tried ends with that.
    async fn leave(&mut self) -> Result<(), Over> {
        let tried = self.chat.take().filter(|chat| chat.kind == RunKind::Preview);
        if let Some(chat) = tried
            && let Err(failed) = self.app.runs().cancel(chat.run).await
            && !matches!(failed, RunFailed::NotWaited(_))
        {
            // It is found in the list of runs, where it can be ended.
            tracing::warn!(run = %chat.run, error = &failed as &dyn std::error::Error, "a preview that was left could not be ended");
        }
        Err(Over::Gone)
    }

    /// A frame that cannot be read. It counts like one that can.
    async fn refuse(&mut self, problem: &serde_json::Error) -> Result<(), ApiError> {
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        let problem: String = problem.to_string().chars().take(COMPLAINT_CHARS_MAX).collect();
        self.queue.push_back(error("malformed", &problem).into());
        Ok(())
    }

    fn complain(&mut self, problem: &ApiError) {
        let mut told = error(problem.code(), &problem.to_string());
        if let ApiError::NotWaiting(run) = problem {
            told["asks"] = json!(run.asks);
        }
        self.queue.push_back(told.into());
    }

    /// Begins a chat, or goes on with one.
    async fn start(&mut self, start: Start) -> Result<(), ApiError> {
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        let Some(token) = &start.resume else { return self.begin(start).await };
        let run =
            resumed(&self.app, token).ok_or_else(|| ApiError::invalid("resume", "is no token of a chat"))?;
        let record = self.app.store().run(run).await?;
        let record = record.filter(|record| record.summary.flow == self.flow);
        let record = record.ok_or(ApiError::NotFound("run"))?;
        self.caller.require(&self.app, self.flow, Permission::TalkToFlow).await?;
        // A reset begins the same again; of which version, if it was chosen, the client says anew.
        let start = Start {
            preview: record.summary.kind == RunKind::Preview,
            variables: self.begun_with(run).await?,
            ..start
        };
        self.go_on(run, record.summary.kind, start, record.version);
        Ok(())
    }

    /// The parameters that a run was given.
    async fn begun_with(&self, run: RunId) -> Result<Map<String, Value>, ApiError> {
        let parts = self.app.store().run_journal(run, 0, 1).await?;
        let Some(first) = parts.first() else { return Ok(Map::new()) };
        let mut entries: Vec<Value> = serde_json::from_slice(&first.entries).map_err(ApiError::internal)?;
        let started = entries.first_mut().filter(|entry| entry["type"] == "started");
        let given = started.map(|started| started["input"].take());
        // A run that was walked again from a step was given none; what is begun is the whole flow.
        Ok(given.and_then(|given| serde_json::from_value(given).ok()).unwrap_or_default())
    }

    async fn begin(&mut self, start: Start) -> Result<(), ApiError> {
        let body = StartRunBody::of(start.preview, start.version, start.variables.clone());
        let kind = if start.preview { RunKind::Preview } else { RunKind::Published };
        let begun = begin(&self.app, self.flow, self.caller, body).await?;
        self.go_on(begun.turn.run, kind, start, 0);
        Ok(())
    }

    /// Everything of the run that the client has not got, and then what happens. What was said
    /// up to the turn `replayed` is not typed again.
    fn go_on(&mut self, run: RunId, kind: RunKind, start: Start, replayed: u64) {
        let token = resume_token(&self.app, run);
        self.queue.clear();
        self.typing_until = None;
        self.queue.push_back(connected(&run.to_string(), &token, self.flow, &self.name).into());
        let message = if start.resume.is_some() { start.after } else { 0 };
        let watching = self.app.runs().watch(run);
        // A reset is a new chat.
        let start = Start { resume: None, after: 0, ..start };
        self.chat = Some(Chat { run, kind, start, watching, progress: Progress::new(message, replayed) });
    }

    /// The chat stays as it is unless another has begun.
    async fn reset(&mut self) -> Result<(), ApiError> {
        let Some(chat) = &self.chat else {
            return Err(ApiError::invalid("type", "nothing was started"));
        };
        let (run, start) = (chat.run, chat.start.clone());
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        match self.app.runs().cancel(run).await {
            // It has ended by itself.
            Ok(_) | Err(RunFailed::NotWaited(_)) => {}
            Err(failed) => return Err(failed.into()),
        }
        self.begin(start).await
    }

    async fn answer(&mut self, mut said: Said) -> Result<(), ApiError> {
        let chat = self.chat.as_ref().map(|chat| (chat.run, chat.kind));
        let (run, kind) = chat.ok_or_else(|| ApiError::invalid("type", "nothing was started"))?;
        let answer = said.answer();
        let answer = answer
            .ok_or_else(|| ApiError::invalid("text", "exactly one of text, value, choice and files"))?;
        let key = said.idempotency_key;
        if key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > KEY_CHARS_MAX) {
            return Err(ApiError::invalid("idempotencyKey", format!("has 1 to {KEY_CHARS_MAX} characters")));
        }
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        let answer = answer.read(&self.app, run).await?;
        // What was still to be typed is said at once: they have gone on.
        self.typing_until = None;
        self.queue.iter_mut().for_each(Saying::at_once);
        // What follows is read from the journal, where all of it is.
        let turned = self.app.runs().answer(run, answer, key, said.visit).await?;
        let shown = Showable { run, flow: self.flow, kind, user: Some(self.caller.user) };
        self.app.canvas().show(&self.app, shown, &turned);
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Over> {
        if let Err(problem) = self.read_on().await {
            // They come back, and go on where they were.
            tracing::warn!(error = &problem as &dyn std::error::Error, "a chat could not be read on");
            return Err(Over::Closed(CloseCode::Overloaded));
        }
        Ok(())
    }

    /// What was done since, part by part, and what the run asks now.
    async fn read_on(&mut self) -> Result<(), ApiError> {
        let Some(chat) = &mut self.chat else { return Ok(()) };
        let progress = &mut chat.progress;
        let parts = self.app.store().run_journal(chat.run, progress.turn(), PARTS).await?;
        progress.set_looks(parts.len() == PARTS as usize);
        for part in &parts {
            self.queue.extend(progress.tell(part, self.reads).map_err(ApiError::internal)?);
        }
        if progress.owes_input() {
            let view = self.app.runs().view(chat.run).await?;
            self.queue.extend(progress.input(view.version, view.asks));
        }
        Ok(())
    }

    async fn keep(&mut self, socket: &mut Socket<impl Stream>) -> Result<(), Over> {
        if self.heard.elapsed() > self.app.limits().silent_for {
            return Err(Over::Closed(CloseCode::Idle));
        }
        self.keep_alive_at = Instant::now() + KEEP_ALIVE_EVERY;
        match timeout(SENDING, socket.send(Frame::Ping(Vec::new().into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over::Gone),
        }
    }
}

/// Says why, and gives the client time to read it.
pub(super) async fn close(socket: &mut Socket<impl Stream>, code: CloseCode) {
    let why = CloseFrame { code: code.code().into(), reason: code.reason().into() };
    let telling = async {
        if socket.send(Frame::Close(Some(why))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    if timeout(CLOSING, telling).await.is_err() {
        tracing::debug!(%code, "a chat's socket did not let itself be told why");
    }
}

/// Waits until the run has done something; for ever, where there is none. Cancel safe.
async fn told(chat: &mut Option<Chat>) {
    match chat {
        Some(chat) => {
            chat.watching.next().await;
            chat.progress.set_looks(true);
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
