//! The store is slow, or away for a while: another process holds the write lock of
//! its file, as a backup or a person with a database tool may.

use std::path::Path;
use std::time::{Duration, Instant};

use flow_base::{FlowId, Role};
use flow_client::{Api, NewFlow, Peer, PeerState};
use flow_model::FlowDoc;
use flow_protocol::CloseCode;
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use flow_store::LogStore;
use flow_store_sqlite::SqliteStore;
use flow_testing::eventually;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::people::{Scene, add, live, make, scene_with, until, until_graph};
use crate::raw::{Raw, assert_equal, letters};

/// `E2E_SLOW_STORE=full` keeps it away for a minute, past the half minute after which
/// who waits to write is sent away.
fn away_for() -> Duration {
    let full = std::env::var("E2E_SLOW_STORE").is_ok_and(|size| size == "full");
    Duration::from_secs(if full { 60 } else { 8 })
}

/// The write lock of the server's file, until it is released.
struct Lock {
    connection: SqliteConnection,
}

impl Lock {
    async fn take(database: &Path) -> Self {
        let url = format!("sqlite://{}", database.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
        Self { connection }
    }

    async fn release(mut self) {
        sqlx::raw_sql("rollback").execute(&mut self.connection).await.unwrap();
        self.connection.close().await.unwrap();
    }
}

async fn document(peer: &Peer) -> FlowDoc {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&peer.document().await.unwrap()).unwrap();
    doc
}

/// What the log has, read beside the server.
async fn stored(scene: &Scene) -> FlowDoc {
    let store = SqliteStore::open(scene.server.database()).await.unwrap();
    let stored = store.load(scene.flow).await.unwrap().unwrap();
    let mut doc = FlowDoc::new(None);
    let snapshot = stored.snapshot.iter().map(|snapshot| &snapshot.state);
    for update in snapshot.chain(stored.tail.iter().map(|update| &update.bytes)) {
        doc.apply_update_v1(update).unwrap();
    }
    store.close().await;
    doc
}

const PART_BYTES: usize = 10_000;
const PARTS: u64 = 800;

/// Writes 8 MB and waits until they are stored; sent away, it comes back with them.
async fn write_much(api: Api, flow: FlowId) -> u32 {
    let mut sent_away = 0;
    'joined: loop {
        let mut raw = Raw::join(&api, flow).await;
        raw.patience = Duration::from_secs(90);
        raw.sync().await;
        let sending = async {
            for part in 0..PARTS {
                let update = letters(7, part * PART_BYTES as u64, PART_BYTES);
                raw.send(frame::update(&update)).await;
            }
            raw.send(frame::barrier(b"much")).await;
            loop {
                match raw.next().await {
                    Ok(Message::Barrier { .. }) => return true,
                    Ok(_) => {}
                    Err(code) => {
                        assert_eq!(code, CloseCode::Overloaded.code());
                        return false;
                    }
                }
            }
        };
        if sending.await {
            return sent_away;
        }
        sent_away += 1;
        continue 'joined;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_is_away_edits_flow_and_afterwards_all_of_them_are_stored() {
    let limits = [
        ("INTERFLOW_LIMITS__PENDING_ROOM_BYTES", "1000000"),
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "0"),
        ("INTERFLOW_LOG", "error"),
    ];
    let scene = scene_with(&limits).await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    let elsewhere = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let (one, other) = (live(&scene.ann, scene.flow).await, live(&ben, scene.flow).await);
    let before = scene.server.memory().unwrap();

    let lock = Lock::take(&scene.server.database()).await;
    let away = Instant::now();
    make(&one, add("while-away")).await;
    until_graph(&other, "edits flow", |graph| graph.nodes.contains_key("while-away")).await;
    let much = tokio::spawn(write_much(scene.ann.clone(), scene.flow));
    // Past the bound nobody writes, and everybody sees, reads and opens.
    let letters_of = async || other.document().await.unwrap().len();
    eventually("the bound is reached", letters_of, |bytes| *bytes > 900_000).await;
    one.show(Some(json!({ "field": "here" }))).unwrap();
    let shown = other.presence();
    let fields = async || shown.borrow().iter().any(|state| state["field"] == "here");
    eventually("presence goes on", fields, |shown| *shown).await;
    assert_eq!(scene.ann.flows(50, None).await.unwrap().items.len(), 2);
    live(&scene.ann, elsewhere).await;

    let mut most = 0;
    while away.elapsed() < away_for() {
        most = most.max(scene.server.memory().unwrap());
        assert!(!one.state().borrow().is_saved(), "an acknowledgement while nothing can be stored");
        sleep(Duration::from_millis(100)).await;
    }
    assert!(!much.is_finished(), "an acknowledgement while nothing can be stored");
    assert!(most < before + (48 << 20), "from {before} to {most} bytes, with 1 MB allowed to be pending");
    lock.release().await;
    let back = Instant::now();

    let sent_away = timeout(Duration::from_secs(60), much).await.expect("all is stored in the end").unwrap();
    assert!(one.saved().await.unwrap().is_saved());
    println!(
        "away for {:?}: {} MiB before, {} MiB at most; {} writers sent away; all stored {:?} later",
        away_for(),
        before >> 20,
        most >> 20,
        sent_away,
        back.elapsed()
    );
    make(&other, add("afterwards")).await;
    assert!(other.saved().await.unwrap().is_saved());
    until_graph(&one, "edits flow", |graph| graph.nodes.contains_key("afterwards")).await;
    let last = document(&one).await;
    assert!(last.clock(7) >= u32::try_from(PARTS).unwrap() * 10_000);
    assert_equal(&stored(&scene).await, &last);
}

/// Half a minute later it would be sent away anyway; a ghost may not stay so long.
#[tokio::test]
async fn who_waits_to_write_goes_on_hearing_and_is_missed_when_it_goes() {
    let limits = [("INTERFLOW_LIMITS__PENDING_ROOM_BYTES", "10000"), ("INTERFLOW_LOG", "error")];
    let scene = scene_with(&limits).await;
    let one = live(&scene.ann, scene.flow).await;
    let mut waits = Raw::join(&scene.ann, scene.flow).await;
    waits.sync().await;
    let shown = async || one.presence().borrow().len();
    let state = Entry { client: 7, clock: 1, state: "{}".into() };
    waits.send(frame::awareness(&awareness::encode([state].iter()))).await;
    eventually("it is there", shown, |shown| *shown == 1).await;

    let lock = Lock::take(&scene.server.database()).await;
    for part in 0..20 {
        waits.send(frame::update(&letters(7, part * 1_000, 1_000))).await;
    }
    let bytes = async || one.document().await.unwrap().len();
    eventually("the bound is reached", bytes, |bytes| *bytes > 9_000).await;
    one.show(Some(json!({ "field": "heard" }))).unwrap();
    waits
        .until(|message| match message {
            Message::Awareness { update } => {
                awareness::decode(&update).unwrap().iter().any(|entry| entry.client != 7).then_some(())
            }
            _ => None,
        })
        .await;
    drop(waits);
    eventually("it is gone", shown, |shown| *shown == 0).await;
    lock.release().await;
    assert!(one.saved().await.unwrap().is_saved());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_every_commit_takes_two_seconds_edits_flow_and_are_acknowledged_late() {
    let scene = scene_with(&[("INTERFLOW_LOG", "error")]).await;
    let (one, other) = (live(&scene.ann, scene.flow).await, live(&scene.ann, scene.flow).await);
    let (stop, mut stopped) = oneshot::channel::<()>();
    let database = scene.server.database();
    let slow = tokio::spawn(async move {
        let mut held = 0;
        while stopped.try_recv().is_err() {
            let lock = Lock::take(&database).await;
            sleep(Duration::from_secs(2)).await;
            lock.release().await;
            held += 1;
            // Long enough for whoever waits for it to look.
            sleep(Duration::from_millis(200)).await;
        }
        held
    });
    let started = Instant::now();
    let mut most_unsaved = 0;
    let mut count = 0;
    while started.elapsed() < Duration::from_secs(7) {
        let id = format!("n{count}");
        make(&one, add(&id)).await;
        until_graph(&other, "edits flow", |graph| graph.nodes.contains_key(id.as_str())).await;
        most_unsaved = most_unsaved.max(one.state().borrow().unsaved());
        count += 1;
        sleep(Duration::from_millis(50)).await;
    }
    let saved = until(&one, "some of it is acknowledged", |state| state.unsaved() < count).await;
    assert!(most_unsaved > 10, "no commit was slow: {saved:?}");
    stop.send(()).unwrap();
    assert!(slow.await.unwrap() >= 3);
    assert!(matches!(one.saved().await.unwrap(), PeerState::Live { unsaved: 0 }));
    println!("{count} edits, at most {most_unsaved} of them not yet stored");
    assert_equal(&stored(&scene).await, &document(&one).await);
}
