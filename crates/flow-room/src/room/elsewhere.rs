//! Who is at other nodes.
//!
//! Each node says of every flow who is in its room: changes as they are shown to its own
//! peers, and from time to time everybody. What it says may be lost, so the latter is
//! what counts; and a node that says nothing any more is gone, with everybody it had.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use flow_base::NodeId;
use flow_cluster::{self as cluster, NodePresence};

use super::Room;
use super::presence::{At, CLOCK_MAX, Presence, Shown, gone_frame};
use crate::effect::Effect;
use crate::event::Moment;

/// How often a node says who is there. The clients' own limit is 30 s, so that two in a
/// row may be lost.
const SAY_EVERY: Duration = Duration::from_secs(8);
/// A node that was not heard for so long is gone: less than the 30 s within which
/// nobody may be a ghost.
const SILENT_FOR: Duration = Duration::from_secs(25);

#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// The nodes that have this flow open, and when each was heard last.
    nodes: HashMap<NodeId, Duration>,
    /// Clients of this node that have changed since the others were told.
    untold: HashSet<u64>,
    /// When to say who is here; `None` while nobody is.
    say_at: Option<Duration>,
    /// And to ask the others.
    asks: bool,
    /// Since when this node has asked the others and heard what they say.
    heard_since: Option<Duration>,
}

impl Elsewhere {
    /// The others are to hear of this client.
    pub(super) fn tell(&mut self, client: u64) {
        self.untold.insert(client);
    }

    /// The first peer is here: until now nothing was heard.
    pub(super) fn begin(&mut self, now: Duration) {
        self.heard_since = Some(now);
        self.ask(now);
    }

    /// How long the others have had to say who is there.
    pub(super) fn heard_for(&self, now: Duration) -> Option<Duration> {
        self.heard_since.map(|since| now.saturating_sub(since))
    }

    /// Something was not heard.
    pub(super) fn ask(&mut self, now: Duration) {
        (self.say_at, self.asks) = (Some(now), true);
    }

    /// Whether the others have been told of everything.
    pub(super) fn is_settled(&self) -> bool {
        self.untold.is_empty()
    }

    /// When something is to be said, or somebody is taken to be gone.
    pub(super) fn due(&self) -> Option<Duration> {
        let silent = self.nodes.values().min().map(|&heard| heard + SILENT_FOR);
        [self.say_at, silent].into_iter().flatten().min()
    }
}

impl Presence {
    fn here(&self, client: u64) -> Option<cluster::Shown> {
        let shown = self.shown.get(&client).filter(|shown| matches!(shown.at, At::Here(_)))?;
        let state = Some(shown.state.clone());
        Some(cluster::Shown { client, clock: shown.clock, user: shown.user, state })
    }

    /// What has changed here, or who has left.
    fn news(&mut self) -> Vec<cluster::Shown> {
        let untold: Vec<u64> = self.elsewhere.untold.drain().collect();
        let news = |client: u64| match self.removed.get(&client) {
            Some(&clock) => Some(cluster::Shown { client, clock, user: NOBODY, state: None }),
            None => self.here(client),
        };
        untold.into_iter().filter_map(news).collect()
    }

    /// Nobody is here to see them; whoever comes next asks.
    fn forget_elsewhere(&mut self) {
        self.shown.retain(|_, shown| matches!(shown.at, At::Here(_)));
        self.elsewhere.nodes.clear();
        self.elsewhere.heard_since = None;
    }

    fn forget_node(&mut self, node: NodeId) {
        self.elsewhere.nodes.remove(&node);
        self.keep_there(node, &HashSet::new());
    }

    /// Of those at the node only these are left.
    fn keep_there(&mut self, node: NodeId, there: &HashSet<u64>) {
        let left = |(client, shown): (&u64, &Shown)| {
            (shown.at == At::There(node) && !there.contains(client)).then_some((*client, shown.clock))
        };
        let left: Vec<(u64, u64)> = self.shown.iter().filter_map(left).collect();
        left.into_iter().for_each(|(client, clock)| self.remove(client, clock));
    }
}

/// Who has left needs no name.
const NOBODY: flow_base::UserId = flow_base::UserId::from_uuid(uuid::Uuid::nil());

impl Room {
    /// Another node says who is there.
    pub(super) fn hear_node(
        &mut self,
        now: Moment,
        node: NodeId,
        said: &NodePresence,
        effects: &mut Vec<Effect>,
    ) {
        if self.peers.is_empty() {
            return;
        }
        let is_new = self.presence.elsewhere.nodes.insert(node, now.elapsed).is_none();
        match said {
            NodePresence::Everybody { shown, asks } => {
                let there = shown.iter().map(|shown| shown.client).collect();
                self.presence.keep_there(node, &there);
                // What has no state here was said before.
                let said_now = shown.iter().filter(|shown| shown.state.is_some());
                said_now.for_each(|shown| self.hear_shown(node, shown, effects));
                // A node that was not known has missed what changed since it asked.
                if *asks || is_new {
                    self.presence.elsewhere.say_at = Some(now.elapsed);
                }
            }
            NodePresence::Changed(shown) => {
                shown.iter().for_each(|shown| self.hear_shown(node, shown, effects));
                if is_new {
                    // It was not heard from the beginning.
                    self.presence.elsewhere.ask(now.elapsed);
                }
            }
        }
    }

    fn hear_shown(&mut self, node: NodeId, heard: &cluster::Shown, effects: &mut Vec<Effect>) {
        let presence = &mut self.presence;
        let (client, clock) = (heard.client, heard.clock);
        if clock > CLOCK_MAX {
            return;
        }
        let Some(state) = &heard.state else {
            match presence.shown.get(&client) {
                Some(shown) if shown.at == At::There(node) && shown.clock <= clock => {
                    presence.remove(client, clock);
                }
                // It was there before it came here, and has been shown as gone. A stock
                // client that hears this announces itself anew.
                Some(Shown { at: At::Here(conn), clock: ours, .. }) if *ours <= clock => {
                    effects.push(Effect::Send { conn: *conn, frame: gone_frame(client, clock) });
                }
                Some(_) | None => {}
            }
            return;
        };
        let at = At::There(node);
        match presence.shown.get_mut(&client) {
            Some(shown) if shown.user != heard.user || clock < shown.clock => {}
            Some(shown) if clock == shown.clock => {
                // It may have moved from node to node; from here it would have left.
                if matches!(shown.at, At::There(_)) {
                    shown.at = at;
                }
            }
            // Our peers have seen it leave with this clock, and wait for the next.
            None if presence.removed.get(&client).is_some_and(|removed| *removed >= clock) => {}
            Some(_) | None => {
                presence.show(client, Shown { clock, state: state.clone(), at, user: heard.user });
            }
        }
    }

    /// Tells the other nodes what they should know, and lets go of those that are gone.
    pub(super) fn settle_elsewhere(&mut self, now: Moment, flushed: bool, effects: &mut Vec<Effect>) {
        let presence = &mut self.presence;
        let silent =
            |(node, heard): (&NodeId, &Duration)| (*heard + SILENT_FOR <= now.elapsed).then_some(*node);
        let silent: Vec<NodeId> = presence.elsewhere.nodes.iter().filter_map(silent).collect();
        if !self.peers.is_empty() {
            silent.into_iter().for_each(|node| presence.forget_node(node));
        }
        if presence.elsewhere.say_at.is_some_and(|at| at <= now.elapsed) {
            let clients: Vec<u64> = presence.shown.keys().copied().collect();
            let shown = clients.into_iter().filter_map(|client| presence.here(client)).collect();
            let elsewhere = &mut presence.elsewhere;
            elsewhere.untold.clear();
            let asks = std::mem::take(&mut elsewhere.asks);
            elsewhere.say_at = (!self.peers.is_empty()).then(|| now.elapsed + SAY_EVERY);
            effects.push(Effect::TellNodes(NodePresence::Everybody { shown, asks }));
        } else if flushed {
            let news = presence.news();
            if !news.is_empty() && !presence.elsewhere.nodes.is_empty() {
                effects.push(Effect::TellNodes(NodePresence::Changed(news)));
            }
        }
        if self.peers.is_empty() && self.presence.elsewhere.untold.is_empty() {
            self.presence.forget_elsewhere();
        }
    }
}
