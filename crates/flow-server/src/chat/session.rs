use std::collections::VecDeque;
use std::time::Duration;

use flow_auth::Permission;
use flow_base::{FlowId, RunId};
use flow_executor::runner::{RunFailed, Watching};
use flow_protocol::CloseCode;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::message::{ClientMessage, Said, Start, connected, error, typed};
use super::{resume_token, resumed};
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::routes::runs::{KEY_CHARS_MAX, StartRunBody, begin, check_answer};
use crate::sync::handshake::Plain as Socket;

/// Parts of a journal that are read at once.
const PARTS: u32 = 100;
/// How often it is asked whether whoever is here still may be, and the socket is kept alive.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// A socket that is closed has so long to answer.
const CLOSING: Duration = Duration::from_secs(2);

/// One socket, and the chat on it.
pub(super) struct Session {
    app: App,
    flow: FlowId,
    name: String,
    caller: Caller,
    chat: Option<Chat>,
    /// What is to be said, in order.
    queue: VecDeque<Value>,
    /// Before this nothing more is said: something is being typed.
    typing_until: Option<Instant>,
    heard: Instant,
}

/// A run that somebody talks to.
struct Chat {
    run: RunId,
    start: Start,
    watching: Watching,
    /// The last turn that was read, and the last message that the client has.
    turn: u64,
    message: u32,
}

/// Why a socket ends.
enum Over {
    /// The client goes, or is gone.
    Gone,
    Closed(CloseCode),
}

impl Session {
    pub(super) fn new(app: App, flow: FlowId, name: String, caller: Caller) -> Self {
        let (chat, queue, typing_until) = (None, VecDeque::new(), None);
        Self { app, flow, name, caller, chat, queue, typing_until, heard: Instant::now() }
    }

    pub(super) async fn run(mut self, mut socket: Box<Socket>) {
        let over = self.serve(&mut socket).await;
        if let Over::Closed(code) = over {
            close(&mut socket, code).await;
        }
    }

    async fn serve(&mut self, socket: &mut Socket) -> Over {
        let mut looks = interval(LOOK_EVERY);
        looks.tick().await;
        let stopping = self.app.stopping().clone();
        loop {
            if let Err(over) = self.speak(socket).await {
                return over;
            }
            let typing_until = self.typing_until;
            let done = tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(frame)) => self.hear(frame).await,
                    Some(Err(_)) | None => Err(Over::Gone),
                },
                () = told(&mut self.chat) => self.look().await,
                () = sleep_until(typing_until.unwrap_or(self.heard)), if typing_until.is_some() => {
                    self.typing_until = None;
                    Ok(())
                }
                _ = looks.tick() => self.check(socket).await,
                () = stopping.cancelled() => Err(Over::Closed(CloseCode::Restarting)),
            };
            if let Err(over) = done {
                return over;
            }
        }
    }

    /// Says what there is to say, as far as nothing is being typed.
    async fn speak(&mut self, socket: &mut Socket) -> Result<(), Over> {
        while self.typing_until.is_none() {
            let Some(mut value) = self.queue.pop_front() else { return Ok(()) };
            // Shown before it is said.
            let ms = value["message"]["typingMs"].as_u64().unwrap_or(0);
            if ms > 0 && value["typed"].is_null() {
                value["typed"] = true.into();
                self.queue.push_front(value);
                self.typing_until = Some(Instant::now() + Duration::from_millis(ms));
                send(socket, &json!({ "type": "chat:typing", "ms": ms })).await?;
                continue;
            }
            if let Some(fields) = value.as_object_mut() {
                fields.remove("typed");
            }
            send(socket, &value).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), Over> {
        self.heard = Instant::now();
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Close(_) => return Err(Over::Gone),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => return Ok(()),
            Frame::Binary(_) => return Err(Over::Closed(CloseCode::Malformed)),
        };
        let message = match serde_json::from_str(&text) {
            Ok(message) => message,
            Err(problem) => {
                self.queue.push_back(error("malformed", &problem.to_string()));
                return Ok(());
            }
        };
        let done = match message {
            ClientMessage::Start(start) => self.start(start).await,
            ClientMessage::Message(said) => self.answer(said).await,
            ClientMessage::Reset => self.reset().await,
            ClientMessage::Disconnect => return Err(Over::Gone),
        };
        match done {
            Ok(()) => Ok(()),
            Err(ApiError::SignedOut) => Err(Over::Closed(CloseCode::SignedOut)),
            Err(problem) => {
                self.complain(&problem);
                Ok(())
            }
        }
    }

    fn complain(&mut self, problem: &ApiError) {
        let mut told = error(problem.code(), &problem.to_string());
        if let ApiError::NotWaiting(run) = problem {
            told["asks"] = json!(run.asks);
        }
        self.queue.push_back(told);
    }

    /// Begins a chat, or goes on with one.
    async fn start(&mut self, start: Start) -> Result<(), ApiError> {
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        let Some(token) = &start.resume else { return self.begin(start).await };
        let run =
            resumed(&self.app, token).ok_or_else(|| ApiError::invalid("resume", "is no token of a chat"))?;
        let record = self.app.store().run(run).await?;
        let record = record.filter(|record| record.summary.flow == self.flow);
        record.ok_or(ApiError::NotFound("run"))?;
        self.caller.require(&self.app, self.flow, Permission::TalkToFlow).await?;
        self.go_on(run, start).await
    }

    async fn begin(&mut self, start: Start) -> Result<(), ApiError> {
        let body = StartRunBody::of(start.preview, start.variables.clone());
        let begun = begin(&self.app, self.flow, self.caller, body).await?;
        self.go_on(begun.turn.run, start).await
    }

    /// Everything of the run that the client has not got, and then what happens.
    async fn go_on(&mut self, run: RunId, start: Start) -> Result<(), ApiError> {
        let token = resume_token(&self.app, run);
        self.queue.clear();
        self.typing_until = None;
        self.queue.push_back(connected(&run.to_string(), &token, self.flow, &self.name));
        let message = if start.resume.is_some() { start.after } else { 0 };
        let watching = self.app.runs().watch(run);
        // A reset is a new chat.
        let start = Start { resume: None, after: 0, ..start };
        self.chat = Some(Chat { run, start, watching, turn: 0, message });
        self.read_on().await
    }

    async fn reset(&mut self) -> Result<(), ApiError> {
        let Some(chat) = self.chat.take() else {
            return Err(ApiError::invalid("type", "nothing was started"));
        };
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        match self.app.runs().cancel(chat.run).await {
            // It has ended by itself.
            Ok(_) | Err(RunFailed::NotWaited(_)) => {}
            Err(failed) => return Err(failed.into()),
        }
        self.begin(chat.start).await
    }

    async fn answer(&mut self, mut said: Said) -> Result<(), ApiError> {
        let run = self.chat.as_ref().map(|chat| chat.run);
        let run = run.ok_or_else(|| ApiError::invalid("type", "nothing was started"))?;
        let answer = said.answer();
        let answer =
            answer.ok_or_else(|| ApiError::invalid("text", "exactly one of text, value and choice"))?;
        check_answer(&answer)?;
        let key = said.idempotency_key;
        if key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > KEY_CHARS_MAX) {
            return Err(ApiError::invalid("idempotencyKey", format!("has 1 to {KEY_CHARS_MAX} characters")));
        }
        self.app.requests().count(self.caller.user, self.caller.credential).await?;
        // What was still to be typed is said at once: they have gone on.
        self.typing_until = None;
        for value in &mut self.queue {
            value["message"]["typingMs"] = 0.into();
        }
        // What follows is read from the journal, where all of it is.
        self.app.runs().answer(run, answer, key, said.visit).await?;
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

    /// What was done since.
    async fn read_on(&mut self) -> Result<(), ApiError> {
        let Some(chat) = &mut self.chat else { return Ok(()) };
        let mut is_new = false;
        loop {
            let parts = self.app.store().run_journal(chat.run, chat.turn, PARTS).await?;
            let is_all = parts.len() < PARTS as usize;
            for part in parts {
                is_new = true;
                chat.turn = part.version;
                let entries: Vec<Value> =
                    serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
                for entry in entries {
                    tell(&mut self.queue, &mut chat.message, entry);
                }
            }
            if is_all {
                break;
            }
        }
        if is_new {
            let view = self.app.runs().view(chat.run).await?;
            self.queue.extend(view.asks.map(|asks| typed("chat:input", json!(asks))));
        }
        Ok(())
    }

    /// Whether whoever is here still may be.
    async fn check(&mut self, socket: &mut Socket) -> Result<(), Over> {
        if self.heard.elapsed() > self.app.limits().silent_for {
            return Err(Over::Closed(CloseCode::Idle));
        }
        match self.caller.require(&self.app, self.flow, Permission::TalkToFlow).await {
            Ok(_) => {}
            Err(ApiError::SignedOut) => return Err(Over::Closed(CloseCode::SignedOut)),
            Err(ApiError::Forbidden) => return Err(Over::Closed(CloseCode::NotAllowed)),
            Err(ApiError::NotFound(_)) => return Err(Over::Closed(CloseCode::NoSuchFlow)),
            // The database is away; it is asked again.
            Err(_) => {}
        }
        socket.send(Frame::Ping(Vec::new().into())).await.map_err(|_| Over::Gone)
    }
}

/// Says why, and gives the client time to read it.
pub(super) async fn close(socket: &mut Socket, code: CloseCode) {
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

/// Waits until the run has done something; for ever, where there is none.
async fn told(chat: &mut Option<Chat>) {
    match chat {
        Some(chat) => drop(chat.watching.next().await),
        None => std::future::pending().await,
    }
}

/// What an entry of the journal is to the client.
fn tell(queue: &mut VecDeque<Value>, known: &mut u32, mut entry: Value) {
    match entry["type"].as_str() {
        Some("emitted") => {
            let message = entry["message"].take();
            let id = message["id"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
            if id > *known {
                *known = id;
                queue.push_back(json!({ "type": "chat:bot_message", "message": message }));
            }
        }
        Some("ended") => {
            let outcome = entry["outcome"].take();
            queue.push_back(json!({
                "type": "chat:ended",
                "reason": outcome["status"],
                "output": outcome["output"],
                "error": outcome["error"]["message"],
            }));
        }
        _ => {}
    }
}

async fn send(socket: &mut Socket, value: &Value) -> Result<(), Over> {
    socket.send(Frame::Text(value.to_string().into())).await.map_err(|_| Over::Gone)
}
