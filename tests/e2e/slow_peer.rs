//! Peers that read slowly, or not at all, beside busy ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flow_base::{FlowId, Role};
use flow_client::{Api, Peer, PeerOptions};
use flow_model::FlowDoc;
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use flow_testing::{Speed, Throttled, eventually};
use futures_util::SinkExt;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::people::{add, live, make, scene_with};
use crate::raw::{Raw, assert_equal, letters};

/// `E2E_SLOW_PEER=full` runs the crowd at the size that is promised, for some
/// minutes; otherwise a smaller one, for seconds.
struct Crowd {
    busy: u64,
    /// Between two edits of one peer.
    every: Duration,
    letters: usize,
    lasts: Duration,
    slow_bytes_per_second: usize,
    /// What the slow peer reads at once it is quiet again.
    then_bytes_per_second: usize,
    catches_up_within: Duration,
}

impl Crowd {
    fn of_this_run() -> Self {
        if std::env::var("E2E_SLOW_PEER").is_ok_and(|size| size == "full") {
            return Self {
                busy: 50,
                every: Duration::from_millis(500),
                letters: 20,
                lasts: Duration::from_secs(60),
                slow_bytes_per_second: 1_024,
                then_bytes_per_second: 1_024,
                catches_up_within: Duration::from_secs(3_600),
            };
        }
        Self {
            busy: 10,
            every: Duration::from_millis(50),
            letters: 500,
            lasts: Duration::from_secs(3),
            slow_bytes_per_second: 1_024,
            then_bytes_per_second: 1 << 20,
            catches_up_within: Duration::from_secs(30),
        }
    }
}

/// When an edit was sent, by its client and clock.
type Sent = Arc<Mutex<HashMap<(u64, u64), Instant>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_one_kib_a_second_costs_the_busy_ones_nothing_and_ends_equal() {
    let crowd = Crowd::of_this_run();
    // A soft bound that the slow peer's queue passes early.
    let limits = [
        ("INTERFLOW_LIMITS__OUTBOX_SOFT_BYTES", "65536"),
        ("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "0"),
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "0"),
    ];
    let scene = scene_with(&limits).await;
    let alone = type_together(&crowd, &scene.ann, scene.flow, 0).await;
    let before = scene.server.memory().unwrap();

    let speed = Speed::new(crowd.slow_bytes_per_second);
    let mut slow = Raw::join_slowly(&scene.ann, scene.flow, speed.clone()).await;
    slow.patience = crowd.catches_up_within;
    slow.send(frame::step_1(&[0])).await;
    let typing = type_together(&crowd, &scene.ann, scene.flow, 1_000);
    let mut slow_doc = FlowDoc::new(None);
    let mut seen = Seen::default();
    let beside = tokio::select! {
        beside = typing => beside,
        () = follow(&mut slow, &mut slow_doc, &mut seen) => unreachable!("it follows for ever"),
    };
    let after = scene.server.memory().unwrap();
    println!(
        "{} busy peers, edit to peer: p50 {:?}, p99 {:?} alone; p50 {:?}, p99 {:?} beside a slow one",
        crowd.busy, alone.p50, alone.p99, beside.p50, beside.p99
    );
    println!("memory of the server: {} KiB, then {} KiB; {seen:?}", before / 1_024, after / 1_024);
    // The document itself grew by what was typed; a queue for the slow one must not.
    assert!(after < before + (48 << 20), "from {before} to {after} bytes");

    speed.set(crowd.then_bytes_per_second);
    let mut fresh = Raw::join(&scene.ann, scene.flow).await;
    let mut fresh_doc = FlowDoc::new(None);
    fresh_doc.apply_update_v1(&fresh.sync().await).unwrap();
    let wanted = fresh_doc.state_vector_v1();
    let started = Instant::now();
    let caught_up = async {
        while !fresh_doc.encode_diff_v1(&slow_doc.state_vector_v1()).unwrap().starts_with(&[0]) {
            follow_one(&mut slow, &mut slow_doc, &mut seen).await;
        }
    };
    timeout(crowd.catches_up_within, caught_up).await.expect("the slow peer never catches up");
    println!("the slow peer caught up {:?} later; {seen:?}", started.elapsed());
    assert_equal(&slow_doc, &fresh_doc);
    assert_eq!(wanted.len(), slow_doc.state_vector_v1().len());
    assert!(seen.messages < alone.edits + beside.edits, "its queue was never collapsed: {seen:?}");
}

/// What a slow peer received.
#[derive(Debug, Default)]
struct Seen {
    messages: usize,
    bytes: usize,
}

async fn follow(slow: &mut Raw<Throttled>, doc: &mut FlowDoc, seen: &mut Seen) {
    loop {
        follow_one(slow, doc, seen).await;
    }
}

/// Every frame is whole and valid, and every update fits the document as it is.
async fn follow_one(slow: &mut Raw<Throttled>, doc: &mut FlowDoc, seen: &mut Seen) {
    match slow.next().await.expect("the slow peer is closed") {
        Message::Step2 { update } | Message::Update { update } => {
            let applied = doc.apply_update_v1(&update).expect("an update of the server");
            assert!(applied.rest.is_none(), "an update that lacks its base");
            seen.messages += 1;
            seen.bytes += update.len();
        }
        _ => {}
    }
}

struct Latencies {
    p50: Duration,
    p99: Duration,
    edits: usize,
}

/// Everybody types for a while, and hears what the others type.
async fn type_together(crowd: &Crowd, api: &Api, flow: FlowId, first: u64) -> Latencies {
    let sent = Sent::default();
    let mut peers = JoinSet::new();
    for client in 1..=crowd.busy {
        let mut raw = Raw::join(api, flow).await;
        raw.sync().await;
        peers.spawn(type_on(raw, first + client, crowd.every, crowd.letters, crowd.lasts, Arc::clone(&sent)));
    }
    let mut latencies: Vec<Duration> = peers.join_all().await.concat();
    latencies.sort_unstable();
    let at = |part: usize| latencies[(latencies.len() - 1) * part / 100];
    let edits = sent.lock().unwrap().len();
    Latencies { p50: at(50), p99: at(99), edits }
}

async fn type_on<S: AsyncRead + AsyncWrite + Unpin>(
    mut raw: Raw<S>,
    client: u64,
    every: Duration,
    count: usize,
    lasts: Duration,
    sent: Sent,
) -> Vec<Duration> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (started, mut clock, mut latencies) = (Instant::now(), 0, Vec::new());
    while started.elapsed() < lasts {
        tokio::select! {
            _ = ticks.tick() => {
                sent.lock().unwrap().insert((client, clock), Instant::now());
                raw.send(frame::update(&letters(client, clock, count))).await;
                clock += count as u64;
            }
            message = raw.next() => {
                let Ok(Message::Update { update }) = message else { continue };
                let walked = flow_protocol::walk(&update, &flow_protocol::UpdateLimits::unlimited()).unwrap();
                let edit = walked.sections().first().map(|section| (section.client, u64::from(section.clock)));
                let at = edit.and_then(|edit| sent.lock().unwrap().get(&edit).copied());
                latencies.extend(at.map(|at| at.elapsed()));
            }
        }
    }
    latencies
}

fn showing(client: u64, name: &str) -> Vec<u8> {
    let state = json!({ "field": name }).to_string();
    awareness::encode([Entry { client, clock: 1, state: state.into() }].iter()).to_vec()
}

async fn until_shown(watcher: &Peer, wanted: &[&str]) {
    let shown = watcher.presence();
    let fields = async || {
        let shown = Arc::clone(&shown.borrow());
        let mut fields: Vec<_> =
            shown.iter().filter_map(|state| state["field"].as_str()).map(String::from).collect();
        fields.sort_unstable();
        fields
    };
    eventually("who is here", fields, |fields| fields == wanted).await;
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_cut_and_one_that_takes_a_little_lives() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__SILENT_SECONDS", "2")]).await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    let watching = PeerOptions { presence: Some(json!({})), ..PeerOptions::new(scene.flow) };
    let ben = Peer::open(&ben, watching).unwrap();
    let (none, little) = (Speed::new(1 << 20), Speed::new(1 << 20));
    let mut deaf = Raw::join_slowly(&scene.ann, scene.flow, none.clone()).await;
    let mut slow = Raw::join_slowly(&scene.ann, scene.flow, little.clone()).await;
    for (raw, client, name) in [(&mut deaf, 11, "deaf"), (&mut slow, 12, "slow")] {
        raw.sync().await;
        raw.send(frame::awareness(&showing(client, name))).await;
    }
    until_shown(&ben, &["deaf", "slow"]).await;

    // More than the kernels hold: whoever reads nothing holds up the write.
    none.set(0);
    little.set(24 << 10);
    let mut writer = Raw::join(&scene.ann, scene.flow).await;
    writer.sync().await;
    writer.send(frame::update(&letters(7, 0, 300_000))).await;
    let started = Instant::now();
    // The deaf one's pings are answered by nobody, and it says something all the time:
    // only that it takes nothing tells.
    let talking = async {
        let mut ticks = interval(Duration::from_millis(500));
        loop {
            ticks.tick().await;
            if deaf.socket.send(Frame::Binary(frame::query_awareness())).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        slow.until(|message| match message {
            Message::Update { update } if update.len() > 300_000 => Some(()),
            _ => None,
        })
        .await;
        started.elapsed()
    };
    let watching = async {
        until_shown(&ben, &["slow"]).await;
        started.elapsed()
    };
    let (cut, read) = tokio::select! {
        both = async { tokio::join!(watching, reading) } => both,
        () = async { talking.await; std::future::pending().await } => unreachable!("it pends"),
    };
    assert!(read > Duration::from_secs(6), "300 kB at 24 KiB a second in {read:?}: it was not slow");
    assert!(cut < read, "the deaf one was cut after {cut:?}, when the slow one had long read all");
    until_shown(&ben, &["slow"]).await;
    let writer = live(&scene.ann, scene.flow).await;
    make(&writer, add("after")).await;
    slow.until(|message| matches!(message, Message::Update { .. }).then_some(())).await;
}
