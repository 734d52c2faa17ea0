//! What has to be equal in the end.

use std::collections::BTreeSet;

use flow_room::{HotTier, LoadedFlow, Room};

use super::World;
use crate::content::Content;
use crate::now;

impl World {
    pub(super) fn compare(&mut self) {
        self.read_durable();
        let durable = Content::of_doc(&self.durable);
        for (at, client) in self.clients.iter().enumerate() {
            assert!(!client.has_holes(), "client {at} still waits for something");
            assert_eq!(Content::of_doc(&client.doc), durable, "client {at} and the log differ");
            assert_eq!(client.doc.graph(), self.durable.graph(), "client {at} shows another flow");
            for (edit, made) in client.made.iter().enumerate() {
                assert_eq!(durable.lacks(made), None, "edit {edit} of client {at} is lost");
            }
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(open) = &node.open else { continue };
            assert!(!open.is_reloading());
            let doc = open.room.document().expect("it is there");
            assert_eq!(Content::of_doc(doc), durable, "node {at} and the log differ");
            assert_eq!(doc.graph(), self.durable.graph(), "node {at} shows another flow");
        }
        self.compare_reloads(&durable);
        self.compare_presence();
        self.tally.snapshots +=
            usize::from(now(self.shared.store.load(self.shared.flow)).unwrap().unwrap().snapshot.is_some());
    }

    /// Opened from the cache, and from the store alone, the flow is the same.
    fn compare_reloads(&self, durable: &Content) {
        for empty in [false, true] {
            if empty {
                self.shared.forget();
            }
            let read =
                now(HotTier::new(self.shared.flow, self.shared.cache()).read(&*self.shared.store)).unwrap();
            let loaded = LoadedFlow::build(self.shared.flow, &read).unwrap();
            let room = Room::new(self.shared.flow, loaded, self.limits.clone());
            let doc = room.document().unwrap();
            assert_eq!(Content::of_doc(doc), *durable, "reopened, cache empty: {empty}");
            assert_eq!(doc.graph(), self.durable.graph());
        }
    }

    /// Everybody sees everybody, at whatever node, and nobody else.
    fn compare_presence(&self) {
        for (at, client) in self.clients.iter().enumerate() {
            let others = self.clients.iter().enumerate().filter(|(other, _)| *other != at);
            let there: BTreeSet<u64> = others.map(|(_, other)| other.doc.client_id()).collect();
            assert_eq!(*client.sees(), there, "client {at} sees ghosts, or misses somebody");
        }
    }
}
