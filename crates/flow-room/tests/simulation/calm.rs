//! How a run ends: all that is on its way arrives.

use std::time::Duration;

use super::World;
use crate::client::Client;

/// Time that passes between two looks at whether everything has come to rest.
const CALM_ROUND: Duration = Duration::from_secs(1);
/// Rounds until a node that died is taken to be gone, and a node says who is there.
const FORGOTTEN: u32 = 30;
const SAID: u32 = 10;

impl World {
    /// Nobody edits any more, and things still go wrong: what is lost last is made up
    /// for by nothing that follows.
    pub(super) fn tail_off(&mut self) {
        for _ in 0..40 {
            for at in 0..self.nodes.len() {
                self.step_node(at);
            }
            for at in 0..self.clients.len() {
                (0..3).all(|_| self.deliver_up(at));
                (0..3).all(|_| self.deliver_down(at));
            }
        }
    }

    /// Nothing goes wrong any more, everybody is there, and all that is on its way
    /// arrives. Whoever was connected stays so: nobody is to be left with a hole that
    /// only a new connection would fill.
    pub(super) fn calm_down(&mut self) {
        self.shared.fail_loads(false);
        for at in 0..self.clients.len() {
            if !self.clients[at].may_edit {
                self.change_access(at);
            }
        }
        let mut quiet = 0;
        for round in 0.. {
            assert!(round < 400, "it does not come to rest: {}", self.describe());
            for at in 0..self.clients.len() {
                self.connect(at);
            }
            let mut busy = false;
            for at in 0..self.nodes.len() {
                self.nodes[at].settle(&self.shared, &mut self.rng);
                if self.nodes[at].draining {
                    self.nodes[at].evict(&self.shared);
                }
            }
            for at in 0..self.clients.len() {
                while self.deliver_up(at) {
                    busy = true;
                }
                while self.deliver_down(at) {
                    busy = true;
                }
            }
            self.see_heads();
            self.shared.pass(CALM_ROUND);
            for node in &mut self.nodes {
                busy |= node.draining;
                busy |= node.open.as_mut().is_some_and(|open| !open.is_idle() || !open.room.is_saved());
            }
            busy |= self.clients.iter().any(|client| client.link.is_none());
            // Whoever was refused something for good tries again on a new connection.
            for at in 0..self.clients.len() {
                if !busy && self.clients[at].link.as_ref().is_some_and(|link| link.refused) {
                    self.cut(at);
                }
            }
            busy |= self.clients.iter().any(|client| client.link.is_none());
            quiet += u32::from(!busy);
            if !busy && quiet == FORGOTTEN {
                // Stock clients say every 15 s that they are still here. Who comes back
                // itself knows the others' clocks, and waits for the next.
                self.clients.iter_mut().for_each(Client::move_cursor);
            }
            if !busy && quiet > FORGOTTEN + SAID {
                break;
            }
        }
    }

    fn describe(&mut self) -> String {
        let nodes: Vec<_> = self
            .nodes
            .iter_mut()
            .map(|node| {
                (node.draining, node.open.as_mut().map(|open| (open.under_way(), open.room.is_saved())))
            })
            .collect();
        let links: Vec<_> =
            self.clients.iter().map(|client| client.link.as_ref().map(|link| link.conn)).collect();
        format!("nodes (draining, under way, saved) {nodes:?}, connections {links:?}")
    }
}
