use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, Seq};
use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue, ScriptInvocation};

use super::ANSWER_WITHIN;
use super::keys::{HotKeys, Keys, SEQ, STATE, UPDATE};
use super::link::{Link, Purpose};
use super::scripts::{LOAD, PUSH, PUT_SNAPSHOT};
use super::wire::{SEQ_MAX, WireError, decode_snapshot, decode_update, encode_snapshot, encode_update};
use crate::{Cache, CachedFlow, CachedSnapshot, ClusterError, LogSlice, LoggedUpdate};

/// The hot tier in Redis: a flow's newest snapshot, and a stream of its last updates.
///
/// What cannot be read there counts as not there, and is logged. It goes away when the
/// flow is opened the next time, because the room then replaces it.
#[derive(Debug)]
pub struct RedisCache {
    link: Link,
    keys: Keys,
}

/// The newest updates kept of one flow; older ones are dropped.
const UPDATES_KEPT: usize = 1_000;
/// What follows a hole is moved to fill it. Where more than this follows, the update is
/// so late that it counts as lost.
const UPDATES_MOVED: usize = 100;
/// A flow that nobody has read or written for so long is forgotten by Redis.
const TTL: Duration = Duration::from_secs(3_600);

/// How long a few updates may take to be read. Somebody waits for them, and the log has
/// them, too.
const FEW_WITHIN: Duration = Duration::from_millis(500);
/// What is expected to be written within a second, beside a second for the answer.
const BYTES_PER_SECOND: usize = 4 << 20;

/// A ping may have to wait until a document has been sent.
const PURPOSE: Purpose = Purpose { name: "cache", pong_within: Duration::from_secs(3) };

/// An update as the stream has it: its id, and fields with their values in turn.
type Entry = (String, Vec<Bytes>);

impl RedisCache {
    pub(super) fn start(client: Client, keys: Keys) -> Self {
        // Nobody speaks on this connection unless asked.
        Self { link: Link::start(client, PURPOSE, |_| {}), keys }
    }

    pub(super) async fn connected(&self) {
        self.link.connected().await;
    }

    /// Whether there is no connection at the moment.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.link.is_away()
    }

    /// # Errors
    /// [`ClusterError`] when Redis does not answer within a second.
    pub async fn ping(&self) -> Result<(), ClusterError> {
        let ping = async |mut redis| redis::cmd("PING").exec_async(&mut redis).await;
        self.link.ask("reach the cache", ANSWER_WITHIN, ping).await
    }

    async fn run<T: FromRedisValue + Send>(
        &self,
        what: &'static str,
        within: Duration,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, ClusterError> {
        let run = async |mut redis: MultiplexedConnection| script.invoke_async(&mut redis).await;
        self.link.ask(what, within, run).await
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn load(&self, flow: FlowId) -> Result<Option<CachedFlow>, ClusterError> {
        let HotKeys { snapshot, updates } = self.keys.hot(flow);
        let mut script = LOAD.key(snapshot);
        script.key(updates).arg(ttl_ms());
        let kept = self.run("load a flow from the cache", ANSWER_WITHIN, &script).await?;
        Ok(whole(flow, kept).unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%flow, error, "the cache has a snapshot that cannot be read");
            None
        }))
    }

    async fn updates_after(&self, flow: FlowId, after: Seq, limit: usize) -> Result<LogSlice, ClusterError> {
        if limit == 0 {
            return Ok(LogSlice::empty_after(after));
        }
        let HotKeys { snapshot, updates } = self.keys.hot(flow);
        let mut commands = redis::pipe();
        commands.cmd("XRANGE").arg(&updates).arg(after.next().0).arg("+");
        commands.arg("COUNT").arg(limit.min(UPDATES_KEPT));
        renew(&mut commands, &[snapshot, updates]);
        let ask = async |mut redis| commands.query_async::<(Vec<Entry>,)>(&mut redis).await;
        let (entries,) = self.link.ask("read updates from the cache", FEW_WITHIN, ask).await?;
        Ok(consecutive(flow, after, &entries))
    }

    async fn push(&self, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError> {
        let dropped = slice.updates.len().saturating_sub(UPDATES_KEPT);
        let newest = &slice.updates[dropped..];
        if newest.is_empty() {
            return Ok(());
        }
        let HotKeys { snapshot, updates } = self.keys.hot(flow);
        let mut script = PUSH.key(snapshot);
        script.key(updates).arg(ttl_ms()).arg(UPDATES_KEPT).arg(UPDATES_MOVED);
        script.arg(slice.first.0 + dropped as u64);
        for update in newest {
            script.arg(encode_update(update));
        }
        self.run("keep updates in the cache", time_to_write(slice.bytes()), &script).await
    }

    async fn put_snapshot(&self, flow: FlowId, snapshot: &CachedSnapshot) -> Result<(), ClusterError> {
        let keys = self.keys.hot(flow);
        let mut script = PUT_SNAPSHOT.key(keys.snapshot);
        script.key(keys.updates).arg(ttl_ms()).arg(snapshot.seq.0).arg(encode_snapshot(snapshot));
        self.run("keep a snapshot in the cache", time_to_write(snapshot.state.len()), &script).await
    }

    async fn replace(&self, flow: FlowId, whole: &CachedFlow) -> Result<(), ClusterError> {
        let keys = self.keys.hot(flow);
        let HotKeys { snapshot: snapshot_key, updates } = &keys;
        let mut commands = redis::pipe();
        commands.atomic().del(snapshot_key).ignore().del(updates).ignore();
        let mut bytes = whole.tail.bytes();
        if let Some(snapshot) = &whole.snapshot {
            bytes += snapshot.state.len();
            commands.cmd("HSET").arg(snapshot_key).arg(SEQ).arg(snapshot.seq.0);
            commands.arg(STATE).arg(encode_snapshot(snapshot)).ignore();
        }
        let dropped = whole.tail.updates.len().saturating_sub(UPDATES_KEPT);
        for (seq, update) in whole.tail.iter().skip(dropped) {
            commands.cmd("XADD").arg(updates).arg(format!("{seq}-0"));
            commands.arg(UPDATE).arg(encode_update(update)).ignore();
        }
        renew(&mut commands, &[keys.snapshot, keys.updates]);
        let ask = async |mut redis| commands.exec_async(&mut redis).await;
        self.link.ask("replace a flow in the cache", time_to_write(bytes), ask).await
    }
}

fn ttl_ms() -> u64 {
    TTL.as_secs() * 1_000
}

fn time_to_write(bytes: usize) -> Duration {
    ANSWER_WITHIN + Duration::from_secs((bytes / BYTES_PER_SECOND) as u64)
}

fn renew(commands: &mut redis::Pipeline, keys: &[String]) {
    for key in keys {
        commands.cmd("PEXPIRE").arg(key).arg(ttl_ms()).ignore();
    }
}

/// What the script has found, if that is a whole document.
fn whole(
    flow: FlowId,
    kept: (Option<String>, Option<Bytes>, Vec<Entry>),
) -> Result<Option<CachedFlow>, WireError> {
    let (snapshot, entries) = match kept {
        (Some(seq), Some(state), entries) => (Some(decode_snapshot(position(&seq)?, &state)?), entries),
        (None, None, entries) => (None, entries),
        _ => return Err(WireError::Empty),
    };
    let Some(mut snapshot) = snapshot else {
        let tail = consecutive(flow, Seq::ZERO, &entries);
        return Ok((!tail.updates.is_empty()).then_some(CachedFlow { snapshot: None, tail }));
    };
    // The update at the snapshot's own position, if it is kept, comes first.
    let own = entries.first().and_then(|entry| read(flow, entry)).filter(|(seq, _)| *seq == snapshot.seq);
    let after = if own.is_some() { &entries[1..] } else { &entries[..] };
    let tail = consecutive(flow, snapshot.seq, after);
    snapshot.batch = snapshot.batch.or(own.map(|(_, update)| update.batch));
    Ok(Some(CachedFlow { snapshot: Some(snapshot), tail }))
}

/// The updates after `after`, up to the first that is missing or cannot be read.
fn consecutive(flow: FlowId, after: Seq, entries: &[Entry]) -> LogSlice {
    let mut slice = LogSlice::empty_after(after);
    for (seq, update) in entries.iter().map_while(|entry| read(flow, entry)) {
        if seq != slice.last().next() {
            break;
        }
        slice.updates.push(update);
    }
    slice
}

fn read(flow: FlowId, entry: &Entry) -> Option<(Seq, LoggedUpdate)> {
    let (id, fields) = entry;
    let seq = position(id.strip_suffix("-0").unwrap_or_default());
    let update = match fields.as_slice() {
        [name, value] if name == UPDATE => decode_update(value),
        _ => Err(WireError::Empty),
    };
    seq.and_then(|seq| Ok((seq, update?)))
        .inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::warn!(%flow, id, error, "the cache has an update that cannot be read");
        })
        .ok()
}

fn position(text: &str) -> Result<Seq, WireError> {
    let seq = text.parse().map_err(|_| WireError::Position(0))?;
    if seq < SEQ_MAX { Ok(Seq(seq)) } else { Err(WireError::Position(seq)) }
}
