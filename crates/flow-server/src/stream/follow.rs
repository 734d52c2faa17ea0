use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ActorId, ConnId, Role, UserId};
use flow_model::{diff, summary};
use flow_protocol::awareness::{self, GONE};
use flow_protocol::frame::{self, Message};
use flow_room::{EditDone, EditFailed, EditRequest, Inbound, PeerInfo, RoomClosed, RoomHandle, Taken};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::feed::{AGAIN_AFTER, ChangeView, ClientView, Feed, PresenceView};
use crate::app::App;

/// Changes and presence are told together, at most so often.
const TOLD_EVERY: Duration = Duration::from_millis(100);
/// New versions are looked for so often, and whether anybody still listens.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Asked = Pin<Box<dyn Future<Output = Result<Box<EditDone>, EditFailed>> + Send>>;

/// A feed's place in a room.
pub(super) struct Follower<'a> {
    feed: &'a Feed,
    room: RoomHandle,
    conn: ConnId,
    outbox: flow_room::Outbox,
    /// Something has changed that was not told.
    dirty: bool,
    /// What everybody has come to since presence was told; `None`: gone.
    presence: BTreeMap<u64, Option<Value>>,
    /// All of it is told, because it is another room.
    anew: bool,
}

impl<'a> Follower<'a> {
    pub(super) async fn join(
        app: &App,
        feed: &'a Feed,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        feed.look_for_versions(app.store()).await?;
        let room = app.room(feed.flow).await?;
        let conn = ConnId::next();
        let nobody =
            PeerInfo { user: UserId::generate(), name: String::new(), role: Role::Viewer, may_edit: false };
        let outbox = room.join(conn, nobody).await?;
        // Updates come only to who has asked; what they say is read from the room.
        room.receive(conn, Inbound::Step1 { state_vector: Bytes::from_static(&[0]) }).await?;
        let presence = BTreeMap::new();
        Ok(Self { feed, room, conn, outbox, dirty: true, presence, anew: true })
    }

    /// Until the room ends or nobody listens.
    pub(super) async fn follow(mut self, app: &App) {
        let (mut due, mut asked): (_, Option<Asked>) = (Instant::now(), None);
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let waits = self.dirty && asked.is_none() || self.anew || !self.presence.is_empty();
            tokio::select! {
                taken = self.outbox.take() => {
                    if !self.take(taken).await {
                        break;
                    }
                }
                () = sleep_until(due), if waits => {
                    due = Instant::now() + TOLD_EVERY;
                    self.tell_presence();
                    if self.dirty && asked.is_none() {
                        self.dirty = false;
                        asked = Some(self.ask());
                    }
                }
                done = async { asked.as_mut().expect("looked at").await }, if asked.is_some() => {
                    asked = None;
                    match done {
                        Ok(done) => self.tell_change(*done).await,
                        // Tried again; what is not stored is not told.
                        Err(_) => (self.dirty, due) = (true, Instant::now() + AGAIN_AFTER),
                    }
                }
                _ = looks.tick() => {
                    let stops = app.stopping().is_cancelled() && self.feed.state().listeners == 0;
                    if stops || self.feed.is_unheard() {
                        break;
                    }
                    if let Err(error) = self.feed.look_for_versions(app.store()).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::debug!(flow = %self.feed.flow, error, "a feed could not look for versions");
                    }
                }
            }
        }
        // A room that has ended has let go of its peers by itself.
        drop(self.room.leave(self.conn).await);
    }

    /// The flow as it is, once all of that is stored.
    fn ask(&self) -> Asked {
        let room = self.room.clone();
        Box::pin(async move { room.edit(EditRequest::edits(ActorId::Server, Vec::new())).await })
    }

    /// `false` when the room is gone.
    async fn take(&mut self, taken: Taken) -> bool {
        match taken {
            Taken::Frames(frames) => {
                for message in frames.into_iter().flat_map(frame::messages).flatten() {
                    match message {
                        Message::Update { .. } | Message::Step2 { .. } => self.dirty = true,
                        Message::Awareness { update } => self.note_presence(&update),
                        _ => {}
                    }
                }
                true
            }
            Taken::AskSince(position) => {
                !matches!(self.room.drained(self.conn, position).await, Err(RoomClosed))
            }
            Taken::Close(_) | Taken::Ended => false,
        }
    }

    fn note_presence(&mut self, update: &Bytes) {
        // Written by the room, which writes what we read.
        let Ok(entries) = awareness::decode(update) else { return };
        for entry in entries {
            let state = (entry.state != GONE).then(|| serde_json::from_slice(&entry.state).ok()).flatten();
            self.presence.insert(entry.client, state);
        }
    }

    fn tell_presence(&mut self) {
        if !self.anew && self.presence.is_empty() {
            return;
        }
        let (news, anew) = (std::mem::take(&mut self.presence), std::mem::take(&mut self.anew));
        self.feed.tell(|state| {
            if anew {
                state.presence.clear();
            }
            let (mut clients, mut gone) = (Vec::new(), Vec::new());
            for (client_id, now) in news {
                match now {
                    Some(now) => {
                        state.presence.insert(client_id, now.clone());
                        clients.push(ClientView { client_id, state: now });
                    }
                    None if state.presence.remove(&client_id).is_some() => gone.push(client_id),
                    None => {}
                }
            }
            let view = PresenceView { all: anew, clients: &clients, gone: &gone };
            state.ring.push("presence", state.seq, &view);
        });
    }

    async fn tell_change(&self, done: EditDone) {
        let EditDone { graph, seq, .. } = done;
        let (after, before) = (Arc::new(graph), self.feed.state().graph.clone());
        let Some(before) = before else {
            return self.feed.tell(|state| (state.graph, state.seq) = (Some(after), seq));
        };
        let compared = tokio::task::spawn_blocking({
            let after = Arc::clone(&after);
            move || {
                let diff = diff(&before, &after);
                (summary(&diff, &after), diff)
            }
        });
        let Ok((summary, diff)) = compared.await else { return };
        self.feed.tell(|state| {
            (state.graph, state.seq) = (Some(after), seq);
            if !diff.is_empty() {
                state.ring.push("change", seq, &ChangeView { seq, summary, diff: &diff });
            }
        });
    }
}
