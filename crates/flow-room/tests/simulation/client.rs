//! A client as browsers have it: a document that works offline, y-websocket's
//! habits, and a memory of what it was told is saved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use flow_base::{ConnId, Role, UserId};
use flow_model::{Edit, FlowDoc, ModelError, merge_updates};
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use flow_room::{Outbox, PeerInfo};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::content::Content;

/// One person's tab.
pub(crate) struct Client {
    pub(crate) user: UserId,
    pub(crate) doc: FlowDoc,
    /// Updates that cannot be applied yet; yjs keeps them inside its document and
    /// sends them along.
    aside: Vec<Vec<u8>>,
    /// What each edit of its own holds, in order.
    pub(crate) made: Vec<Content>,
    /// How many of them it was told are saved.
    pub(crate) saved: usize,
    pub(crate) may_edit: bool,
    pub(crate) link: Option<Link>,
    /// It does not connect before this step.
    pub(crate) away_until: u32,
    presence: Presence,
    next_token: u64,
}

/// Its connection, and the frames on the way.
pub(crate) struct Link {
    pub(crate) node: usize,
    pub(crate) conn: ConnId,
    pub(crate) outbox: Outbox,
    pub(crate) up: VecDeque<Bytes>,
    pub(crate) down: VecDeque<Bytes>,
    /// The server has asked for everything, and was answered.
    answered: bool,
    /// Something was not taken, and the server has not asked again since.
    pub(crate) refused: bool,
    /// Barriers on the way, and how many edits each stands for.
    barriers: BTreeMap<u64, usize>,
}

#[derive(Default)]
struct Presence {
    clock: u64,
    /// The highest clock heard of each client, departures included.
    clocks: BTreeMap<u64, u64>,
    states: BTreeSet<u64>,
}

impl Client {
    pub(crate) fn new(client_id: u64, user: UserId) -> Self {
        Self {
            user,
            doc: FlowDoc::new(Some(client_id)),
            aside: Vec::new(),
            made: Vec::new(),
            saved: 0,
            may_edit: true,
            link: None,
            away_until: 0,
            presence: Presence { clock: 1, ..Presence::default() },
            next_token: 0,
        }
    }

    pub(crate) fn info(&self) -> PeerInfo {
        let role = if self.may_edit { Role::Editor } else { Role::Viewer };
        PeerInfo { user: self.user, name: "somebody".into(), role, may_edit: self.may_edit }
    }

    /// The clients it shows as being here.
    pub(crate) fn sees(&self) -> &BTreeSet<u64> {
        &self.presence.states
    }

    pub(crate) const fn has_holes(&self) -> bool {
        !self.aside.is_empty()
    }

    pub(crate) fn connected(&mut self, node: usize, conn: ConnId, outbox: Outbox) {
        let (up, down) = (VecDeque::new(), VecDeque::new());
        let (answered, refused) = (false, false);
        self.link = Some(Link { node, conn, outbox, up, down, answered, refused, barriers: BTreeMap::new() });
        self.send(frame::step_1(&self.doc.state_vector_v1()));
        self.presence.states.clear();
        self.say_presence();
    }

    /// The tab is closed, and another opened that has nothing: what was not saved
    /// would be lost, so only when everything is.
    pub(crate) fn reopen(&mut self, client_id: u64) {
        if self.saved == self.made.len() && self.aside.is_empty() {
            self.doc = FlowDoc::new(Some(client_id));
            self.presence = Presence { clock: 1, ..Presence::default() };
        }
    }

    pub(crate) fn cut(&mut self) {
        self.link = None;
        self.presence.states.clear();
    }

    fn send(&mut self, frame: Bytes) {
        if let Some(link) = &mut self.link {
            link.up.push_back(frame);
        }
    }

    fn say_presence(&mut self) {
        let own = self.own_entry();
        self.send(frame::awareness(&awareness::encode([own].iter())));
    }

    fn own_entry(&self) -> Entry {
        let state = Bytes::from_static(b"{\"cursor\":{\"x\":1,\"y\":2}}");
        Entry { client: self.doc.client_id(), clock: self.presence.clock, state }
    }

    pub(crate) fn move_cursor(&mut self) {
        self.presence.clock += 1;
        self.say_presence();
    }

    /// Makes a random edit; answers its update, if there was anything to change.
    pub(crate) fn edit(&mut self, rng: &mut StdRng) -> Option<Vec<u8>> {
        let edit = random_edit(&self.doc, self.made.len(), rng);
        // Refused by our own rules, such as an edge from a node to itself.
        let update = self.doc.edit(&[edit]).ok()?.update?;
        self.made.push(Content::of(&update));
        self.send(frame::update(&update));
        if rng.random_bool(0.1) {
            self.send(frame::update(&update));
        }
        if rng.random_bool(0.5) {
            self.ask_whether_saved();
        }
        Some(update)
    }

    /// Only once the server has everything older.
    pub(crate) fn ask_whether_saved(&mut self) {
        let (token, made) = (self.next_token, self.made.len());
        let Some(link) = self.link.as_mut().filter(|link| link.answered) else { return };
        self.next_token += 1;
        link.barriers.insert(token, made);
        link.up.push_back(frame::barrier(&token.to_be_bytes()));
    }

    /// A frame of the server, or a sibling tab's update around it. Answers how many
    /// edits are saved now, when it was told.
    pub(crate) fn receive(&mut self, frame: Bytes) -> Option<usize> {
        let message = frame::messages(frame).next().expect("a frame says something");
        match message.expect("the server's frames are sound") {
            Message::Step1 { state_vector } => {
                let everything = self.everything_after(&state_vector);
                self.send(frame::step_2(&everything));
                if let Some(link) = &mut self.link {
                    (link.answered, link.refused) = (true, false);
                }
                self.ask_whether_saved();
            }
            Message::Step2 { update } | Message::Update { update } => self.apply(&update),
            Message::Awareness { update } => self.hear_presence(&update),
            Message::Barrier { token } => {
                let token = u64::from_be_bytes(token[..].try_into().expect("a token of ours"));
                let link = self.link.as_mut().expect("frames come over a link");
                let saved = link.barriers.remove(&token).expect("a barrier is answered once");
                self.saved = self.saved.max(saved);
                return Some(saved);
            }
            Message::PermissionDenied { .. } => {
                self.link.as_mut().expect("frames come over a link").refused = true;
            }
            other => panic!("the server sent {other:?}"),
        }
        None
    }

    fn everything_after(&self, state_vector: &[u8]) -> Vec<u8> {
        let diff = self.doc.encode_diff_v1(state_vector).expect("the server's state vector is sound");
        let parts: Vec<Vec<u8>> = std::iter::once(diff).chain(self.aside.iter().cloned()).collect();
        merge_updates(&parts).expect("updates of our own")
    }

    /// Applies what can be; the rest waits for what it needs.
    pub(crate) fn apply(&mut self, update: &[u8]) {
        let mut waiting = std::mem::take(&mut self.aside);
        waiting.push(update.to_vec());
        loop {
            let before = waiting.len();
            let mut changed = false;
            let mut still = Vec::new();
            for update in waiting {
                match self.doc.apply_update_v1(&update) {
                    Ok(applied) => {
                        changed |= applied.changed;
                        still.extend(applied.rest);
                    }
                    Err(ModelError::Gap { .. }) => still.push(update),
                    Err(error) => panic!("an update that passed the server cannot be applied: {error}"),
                }
            }
            waiting = still;
            if waiting.is_empty() || (waiting.len() == before && !changed) {
                break;
            }
        }
        waiting.dedup();
        self.aside = waiting;
    }

    /// y-protocols' rules, and y-websocket's habit of sending back what changed.
    fn hear_presence(&mut self, update: &Bytes) {
        let mut changed = Vec::new();
        for entry in awareness::decode(update).expect("the server's presence is sound") {
            let own = entry.client == self.doc.client_id();
            let presence = &mut self.presence;
            let known = if own { Some(presence.clock) } else { presence.clocks.get(&entry.client).copied() };
            let known_clock = known.unwrap_or(0);
            let shown = own || presence.states.contains(&entry.client);
            if !(known_clock < entry.clock || (known_clock == entry.clock && entry.is_gone() && shown)) {
                continue;
            }
            if own {
                presence.clock = entry.clock + u64::from(entry.is_gone());
                changed.push(self.own_entry());
                continue;
            }
            presence.clocks.insert(entry.client, entry.clock);
            if entry.is_gone() {
                presence.states.remove(&entry.client);
            } else {
                presence.states.insert(entry.client);
            }
            changed.push(entry);
        }
        if !changed.is_empty() {
            self.send(frame::awareness(&awareness::encode(changed.iter())));
        }
    }
}

fn random_edit(doc: &FlowDoc, made: usize, rng: &mut StdRng) -> Edit {
    let nodes: Vec<String> = doc.graph().nodes.keys().map(ToString::to_string).collect();
    let any = |rng: &mut StdRng| nodes[rng.random_range(0..nodes.len())].clone();
    let fresh = format!("n{}-{made}", doc.client_id());
    let edit = if nodes.len() < 2 {
        serde_json::json!({ "op": "addNode", "id": fresh, "type": "note", "data": { "text": "a🙂b" } })
    } else {
        match rng.random_range(0..10) {
            0 | 1 => {
                serde_json::json!({ "op": "addNode", "id": fresh, "type": "note", "data": { "text": "a🙂b" } })
            }
            2..=4 => {
                serde_json::json!({ "op": "moveNode", "id": any(rng), "x": rng.random_range(0..999), "y": 0 })
            }
            5..=7 => serde_json::json!({
                "op": "editText", "node": any(rng), "field": "text", "index": 0,
                "delete": rng.random_range(0..2), "insert": "é".repeat(rng.random_range(1..40)),
            }),
            8 => serde_json::json!({ "op": "connect", "source": any(rng), "target": any(rng) }),
            _ => serde_json::json!({ "op": "removeNode", "id": any(rng) }),
        }
    };
    serde_json::from_value(edit).expect("an edit of ours")
}

/// So many bytes as nobody can guess, but the seed.
pub(crate) fn client_id(rng: &mut StdRng) -> u64 {
    u64::from(rng.next_u32()).max(10)
}
