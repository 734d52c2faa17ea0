//! A room with more peers than its own task writes to.

use std::sync::atomic::{AtomicUsize, Ordering};

use flow_room::{Outgoing, Port, Wrote};

use super::*;

/// More than twice as many as a room writes to by itself.
const PEERS: u64 = 150;

/// Takes everything, and notes how many tasks are tracked while it does.
#[derive(Debug)]
struct Socket {
    tracker: TaskTracker,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    updates: AtomicUsize,
    tasks_max: AtomicUsize,
}

impl Port for Socket {
    fn write(&mut self, frames: &mut Vec<Outgoing>) -> Wrote {
        self.seen.tasks_max.fetch_max(self.tracker.len(), Ordering::Relaxed);
        for frame in frames.drain(..) {
            let Outgoing::Message(frame) = frame else { continue };
            if matches!(frame::messages(frame).next(), Some(Ok(Message::Update { .. }))) {
                self.seen.updates.fetch_add(1, Ordering::Relaxed);
            }
        }
        Wrote::All
    }
}

/// A node that ends waits for its tasks.
#[tokio::test]
async fn what_writes_to_the_sockets_of_a_large_room_is_tracked() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    let (tasks, seen) = (node.tracker.len(), Arc::new(Seen::default()));
    for conn in 0..PEERS {
        let outbox = join(&room, ConnId(conn)).await;
        outbox.connect(Box::new(Socket { tracker: node.tracker.clone(), seen: Arc::clone(&seen) }));
    }
    // Who is answered in the same batch has the edit with the answer.
    nodes(&room).await;
    room.edit(EditRequest::edits(ActorId::Server, add("a"))).await.unwrap();
    let everybody = async || seen.updates.load(Ordering::Relaxed) as u64 == PEERS;
    until("everybody has the edit", everybody).await;
    assert!(seen.tasks_max.load(Ordering::Relaxed) > tasks);
}
