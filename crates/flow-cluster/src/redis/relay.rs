use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flow_base::{FlowId, NodeId};
use redis::Client;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::ANSWER_WITHIN;
use super::keys::Keys;
use super::link::{Link, Purpose};
use super::listening::{Ear, Listening, Request};
use super::wire::{encode_committed, encode_look, encode_presence};
use crate::{ClusterError, LogSlice, NodePresence, Relay, Shown, Subscription};

/// The relay between nodes that share a Redis: its publish and subscribe.
#[derive(Debug)]
pub struct RedisRelay {
    node: NodeId,
    keys: Keys,
    publishing: Link,
    listening: Link,
    requests: mpsc::Sender<Request>,
    /// Ends with the relay. What fails in it is tried again.
    _listener: AbortOnDropHandle<()>,
}

/// More is not sent: the others are told to look into the log, which is one query for
/// each, while Redis would have to send the bytes to all of them.
const FRAME_BYTES: usize = 1 << 20;
/// Of an update or a state beside its bytes, about.
const ENTRY_BYTES: usize = 64;

/// Rooms that may wait to be heard of by the listening task; the next waits, too.
const REQUESTS: usize = 256;

const PONG_WITHIN: Duration = Duration::from_secs(2);
const PUBLISHING: Purpose = Purpose { name: "publishing", pong_within: PONG_WITHIN };
const LISTENING: Purpose = Purpose { name: "listening", pong_within: PONG_WITHIN };

/// The listening task has ended, as it does when the program does.
#[derive(Debug, thiserror::Error)]
#[error("the relay has ended")]
struct Ended;

impl RedisRelay {
    pub(super) fn start(client: &Client, keys: Keys, node: NodeId) -> Self {
        let ear = Arc::new(Ear::new(node, keys.clone()));
        let hears = Arc::clone(&ear);
        let listening = Link::start(client.clone(), LISTENING, move |push| hears.hear(push));
        let (requests, asked) = mpsc::channel(REQUESTS);
        let listener = Listening::new(ear, listening.watch(), asked);
        let listener = AbortOnDropHandle::new(tokio::spawn(listener.run()));
        let publishing = Link::start(client.clone(), PUBLISHING, |_| {});
        Self { node, keys, publishing, listening, requests, _listener: listener }
    }

    pub(super) const fn node(&self) -> NodeId {
        self.node
    }

    pub(super) async fn connected(&self) {
        tokio::join!(self.publishing.connected(), self.listening.connected());
    }

    /// Whether one of the connections is missing at the moment.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.publishing.is_away() || self.listening.is_away()
    }

    /// # Errors
    /// [`ClusterError`] when Redis does not answer within a second.
    pub async fn ping(&self) -> Result<(), ClusterError> {
        let ping = async |mut redis| redis::cmd("PING").exec_async(&mut redis).await;
        let (publishing, listening) = tokio::join!(
            self.publishing.ask("reach the relay", ANSWER_WITHIN, ping),
            self.listening.ask("reach the relay", ANSWER_WITHIN, ping),
        );
        publishing.and(listening)
    }

    async fn send(&self, what: &'static str, flow: FlowId, frame: Vec<u8>) -> Result<(), ClusterError> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.keys.channel(flow)).arg(frame);
        let ask = async |mut redis| publish.exec_async(&mut redis).await;
        self.publishing.ask(what, ANSWER_WITHIN, ask).await
    }
}

#[async_trait]
impl Relay for RedisRelay {
    async fn publish(&self, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError> {
        let is_small = slice.bytes() + slice.updates.len() * ENTRY_BYTES <= FRAME_BYTES;
        let frame = if is_small { encode_committed(self.node, slice) } else { encode_look(self.node) };
        self.send("tell other nodes of a commit", flow, frame).await
    }

    async fn show(&self, flow: FlowId, presence: &NodePresence) -> Result<(), ClusterError> {
        for part in parts(presence) {
            self.send("tell other nodes who is there", flow, encode_presence(self.node, &part)).await?;
        }
        Ok(())
    }

    async fn subscribe(&self, flow: FlowId) -> Result<Subscription, ClusterError> {
        let (inlet, subscription) = Subscription::new();
        let (listens, listening) = oneshot::channel();
        let ended = || ClusterError { what: "listen to other nodes", source: Ended.into() };
        self.requests.send(Request { flow, inlet, listens }).await.map_err(|_| ended())?;
        listening.await.map_err(|_| ended())?;
        Ok(subscription)
    }
}

/// The same in frames that are not too large. Of everybody, the states that do not fit into
/// the last frame are said before it, as changed: it has to name all that are there.
fn parts(presence: &NodePresence) -> Vec<NodePresence> {
    let (NodePresence::Changed(shown) | NodePresence::Everybody { shown, .. }) = presence;
    let mut parts: Vec<Vec<Shown>> = vec![Vec::new()];
    let mut bytes = 0;
    for shown in shown {
        let more = shown.state.as_ref().map_or(0, bytes::Bytes::len) + ENTRY_BYTES;
        bytes += more;
        if bytes > FRAME_BYTES && bytes > more {
            parts.push(Vec::new());
            bytes = more;
        }
        if let Some(part) = parts.last_mut() {
            part.push(shown.clone());
        }
    }
    let mut parts: Vec<_> = parts.into_iter().map(NodePresence::Changed).collect();
    if let NodePresence::Everybody { asks, shown } = presence
        && let Some(NodePresence::Changed(last)) = parts.pop()
    {
        let said = shown.len() - last.len();
        let before = shown[..said].iter().map(|shown| Shown { state: None, ..shown.clone() });
        parts.push(NodePresence::Everybody { shown: before.chain(last).collect(), asks: *asks });
    }
    parts
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_base::UserId;

    use super::*;

    fn shown(client: u64, bytes: usize) -> Shown {
        Shown { client, clock: 1, user: UserId::generate(), state: Some(Bytes::from(vec![b' '; bytes])) }
    }

    #[test]
    fn a_crowd_is_shown_in_several_frames_that_say_the_same() {
        let crowd: Vec<_> = (0..5).map(|client| shown(client, FRAME_BYTES / 2)).collect();
        let everybody = NodePresence::Everybody { shown: crowd.clone(), asks: true };
        let parts = parts(&everybody);
        assert_eq!(parts.len(), 5);
        let said = parts.iter().flat_map(|part| {
            let (NodePresence::Changed(shown) | NodePresence::Everybody { shown, .. }) = part;
            shown.iter().filter(|shown| shown.state.is_some()).cloned()
        });
        assert_eq!(said.collect::<Vec<_>>(), crowd, "each state once");
        let Some(NodePresence::Everybody { shown, asks: true }) = parts.last() else { panic!("{parts:?}") };
        assert_eq!(shown.iter().map(|shown| shown.client).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_few_are_shown_in_one_frame_even_if_nobody_is_there() {
        let nobody = NodePresence::Everybody { shown: Vec::new(), asks: false };
        assert_eq!(parts(&nobody), [nobody]);
        let few = NodePresence::Changed(vec![shown(1, 10), shown(2, 10)]);
        assert_eq!(parts(&few), [few]);
    }
}
