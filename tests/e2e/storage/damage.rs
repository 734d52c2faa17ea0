use std::collections::BTreeSet;

use bytes::Bytes;
use flow_base::{FlowId, Seq};
use flow_client::{Peer, PeerState};
use flow_model::{Edit, FlowDoc};
use flow_store::{Snapshot, encode_snapshot};
use serde_json::{Value, json};

use super::{Database, Stored};
use crate::people::{add, live, make, until};
use crate::raw::Raw;

/// Two clients take turns: `a1` is update 2, `b1` is 3, and so on to `b3`, which is 7. The
/// first is the server's own.
const NODES: [&str; 6] = ["a1", "b1", "a2", "b2", "a3", "b3"];
const HEAD: u64 = 7;

/// What is done to a flow, and what must come of it.
struct Damage {
    name: &'static str,
    /// The flow has no snapshot, so the log alone is read.
    bare: bool,
    harm: fn(&Database, FlowId) -> String,
    /// Beginnings of what `verify` says of the flow, each line once: position and kind.
    said: &'static [&'static str],
    /// Whether a server opens it all the same.
    opens: bool,
    /// What is not there after the repair.
    lost: &'static [&'static str],
    /// Positions and kinds of what is in the quarantine then.
    quarantined: &'static [(u64, &'static str)],
}

const DAMAGE: &[Damage] = &[
    Damage {
        name: "a hole",
        bare: true,
        harm: |db, flow| format!("delete from flow_updates where flow_id = {} and seq = 4", db.id(flow)),
        said: &["4 missing", "6 unfounded", "- log_bytes"],
        opens: false,
        lost: &["a2", "a3"],
        quarantined: &[(6, "update")],
    },
    Damage {
        name: "garbage",
        bare: true,
        harm: |db, flow| put_update(db, flow, 4, &[0xff; 40]),
        said: &["4 unreadable", "6 unfounded", "- log_bytes"],
        opens: false,
        lost: &["a2", "a3"],
        quarantined: &[(4, "update"), (6, "update")],
    },
    Damage {
        name: "an update that builds on one that is missing",
        bare: true,
        harm: |db, flow| put_update(db, flow, HEAD, &unfounded()),
        said: &["7 unfounded", "- log_bytes"],
        opens: false,
        lost: &["b3"],
        quarantined: &[(7, "update")],
    },
    Damage {
        name: "the end of the log gone",
        bare: true,
        harm: |db, flow| format!("delete from flow_updates where flow_id = {} and seq > 5", db.id(flow)),
        said: &["6 missing", "7 missing", "- log_bytes"],
        opens: false,
        lost: &["a3", "b3"],
        quarantined: &[],
    },
    Damage {
        name: "a head that is behind",
        bare: true,
        harm: |db, flow| format!("update flow_heads set head_seq = 5 where flow_id = {}", db.id(flow)),
        said: &["6 beyond_head", "7 projection"],
        opens: true,
        lost: &[],
        quarantined: &[],
    },
    Damage {
        name: "a snapshot cut short",
        bare: false,
        harm: |db, flow| {
            format!(
                "update flow_snapshots set envelope = substr(envelope, 1, length(envelope) - 1)
                where flow_id = {}",
                db.id(flow)
            )
        },
        said: &["7 snapshot"],
        opens: false,
        lost: &[],
        quarantined: &[(7, "snapshot")],
    },
    Damage {
        name: "a snapshot ahead of the log",
        bare: false,
        harm: |db, flow| put_snapshot(db, flow, HEAD + 5),
        said: &["12 snapshot", "12 snapshot"],
        opens: false,
        lost: &[],
        quarantined: &[(12, "snapshot")],
    },
    Damage {
        name: "a snapshot of something else",
        bare: false,
        harm: |db, flow| put_snapshot(db, flow, HEAD),
        said: &["7 snapshot"],
        opens: true,
        lost: &[],
        quarantined: &[(7, "snapshot")],
    },
    Damage {
        name: "a hole under a sound snapshot",
        bare: false,
        harm: |db, flow| format!("delete from flow_updates where flow_id = {} and seq = 4", db.id(flow)),
        said: &["4 missing", "- log_bytes"],
        opens: true,
        lost: &[],
        quarantined: &[],
    },
    Damage {
        name: "the end of the log gone, head and all, under a sound snapshot",
        bare: false,
        harm: |db, flow| {
            let flow = db.id(flow);
            format!(
                "delete from flow_updates where flow_id = {flow} and seq > 4;
                update flow_heads set head_seq = 4 where flow_id = {flow}"
            )
        },
        said: &["7 snapshot", "7 snapshot", "- log_bytes", "7 projection"],
        opens: false,
        lost: &[],
        quarantined: &[(7, "snapshot")],
    },
    Damage {
        name: "a count that is wrong",
        bare: false,
        harm: |db, flow| format!("update flow_heads set log_bytes = 1 where flow_id = {}", db.id(flow)),
        said: &["- log_bytes"],
        opens: true,
        lost: &[],
        quarantined: &[],
    },
    Damage {
        name: "a list that is ahead",
        bare: false,
        harm: |db, flow| format!("update flows set projected_seq = 99 where id = {}", db.id(flow)),
        said: &["99 projection"],
        opens: true,
        lost: &[],
        quarantined: &[],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_sqlite_is_named_refused_and_repaired() {
    damage_is_named_refused_and_repaired(Stored::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_postgres_is_named_refused_and_repaired() {
    damage_is_named_refused_and_repaired(Stored::on_postgres().await).await;
}

async fn damage_is_named_refused_and_repaired(mut stored: Stored) {
    let sound = drawn(&stored).await;
    let mut flows = Vec::new();
    for damage in DAMAGE {
        flows.push((damage, drawn(&stored).await));
    }
    // As it stops it writes a snapshot of each.
    stored.server.stop().await.unwrap();
    let all = stored.tool(&["log", "verify"]).await.ended(0);
    let count = flows.len() + 1;
    assert!(all.contains(&format!("{count} flows with {} updates verified", 7 * count)), "{all}");
    for (damage, flow) in &flows {
        harm(&stored.database, damage, *flow).await;
    }
    stored.server.restart().await.unwrap();

    let said = stored.tool(&["log", "verify"]).await.ended(3);
    for (damage, flow) in &flows {
        check_said(damage, *flow, &said);
        // Whoever opens it may have it change, so not yet those that open.
        if !damage.opens {
            assert_eq!(Raw::refused(&stored.ann, *flow).await.0, 503, "{}", damage.name);
            assert!(stored.ann.export_flow(*flow).await.is_err(), "{}", damage.name);
        }
    }
    assert!(!said.contains(&sound.to_string()), "{said}");
    assert!(stored.tool(&["log", "verify", &sound.to_string()]).await.ended(0).contains("0 findings"));
    let everything: BTreeSet<_> = NODES.map(str::to_owned).into();
    assert_eq!(stored.nodes(sound, NODES.len()).await, everything, "others are served");

    for (damage, flow) in &flows {
        repair(&stored, damage, *flow).await;
    }
    // Nothing of it was restarted, and the sound flow was open all the time.
    stored.tool(&["log", "verify"]).await.ended(0);
    for (damage, flow) in &flows {
        let kept: BTreeSet<_> =
            everything.iter().filter(|node| !damage.lost.contains(&node.as_str())).cloned().collect();
        assert_eq!(stored.nodes(*flow, kept.len()).await, kept, "{}", damage.name);
        let peer = live(&stored.ann, *flow).await;
        draw(&peer, "new").await;
    }
    stored.server.stop().await.unwrap();
    stored.tool(&["log", "verify"]).await.ended(0);
}

/// A room that is open when the damage comes about holds the document whole, and so does
/// the snapshot that it writes as it closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_holds_of_a_flow_that_is_damaged_under_it_comes_back_by_a_repair() {
    let mut stored = Stored::on_sqlite().await;
    let flow = drawn(&stored).await;
    let open = live(&stored.ann, flow).await;
    let harm = format!("delete from flow_updates where flow_id = {} and seq = 4", stored.database.id(flow));
    assert_eq!(stored.database.change(&harm).await, 1);
    draw(&open, "a4").await;
    stored.server.stop().await.unwrap();
    let said = stored.tool(&["log", "verify"]).await.ended(3);
    assert!(said.contains(" 4 missing: "), "{said}");
    let repaired = stored.tool(&["log", "repair", &flow.to_string()]).await.ended(0);
    assert!(repaired.contains("what only the snapshot has"), "{repaired}");
    stored.tool(&["log", "verify"]).await.ended(0);
    stored.server.restart().await.unwrap();
    let mut everything: BTreeSet<_> = NODES.map(str::to_owned).into();
    everything.insert("a4".to_owned());
    assert_eq!(stored.nodes(flow, everything.len()).await, everything);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_compacted_when_it_is_long_or_when_it_is_asked_for() {
    let mut stored = Stored::on_sqlite().await;
    let flow = drawn(&stored).await;
    assert!(stored.tool(&["log", "compact"]).await.ended(0).contains("0 of 1 flow compacted"));
    let compacted = stored.tool(&["log", "compact", "--all"]).await.ended(0);
    assert!(compacted.contains(&format!("{flow} snapshot at 7: ")), "{compacted}");
    assert!(stored.tool(&["log", "compact", "--all"]).await.ended(0).contains("0 of 1 flow"));
    let peer = live(&stored.ann, flow).await;
    for node in 0..100 {
        make(&peer, add(&format!("n{node}"))).await;
    }
    until(&peer, "saved", PeerState::is_saved).await;
    // Killed, because a room that closes compacts by itself.
    stored.server.kill().await.unwrap();
    let bare = format!("delete from flow_snapshots where flow_id = {}", stored.database.id(flow));
    stored.database.change(&bare).await;
    assert!(stored.tool(&["log", "compact"]).await.ended(0).contains("1 of 1 flow compacted"));
    stored.tool(&["log", "verify"]).await.ended(0);
    stored.server.restart().await.unwrap();
    assert_eq!(stored.nodes(flow, 106).await.len(), 106);
}

#[tokio::test]
async fn tools_work_on_what_is_there_and_make_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Database::Sqlite(folder.path().join("interflow.db"));
    for arguments in [&["log", "verify"][..], &["flow", "stats"], &["backup", "copy.db"]] {
        let ran = nowhere.tool(arguments).await;
        assert!(ran.code == Some(1) && ran.out.is_empty(), "{ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let stored = Stored::on_sqlite().await;
    let unknown = FlowId::generate().to_string();
    for command in ["verify", "repair", "compact"] {
        let ran = stored.tool(&["log", command, &unknown]).await;
        assert!(ran.code == Some(1) && ran.err.contains("does not exist"), "{command}: {ran:?}");
    }
    assert_eq!(stored.tool(&["log", "verify", "no-id"]).await.code, Some(2));
}

/// A flow with the nodes, each in an update of its own, by two clients.
async fn drawn(stored: &Stored) -> FlowId {
    let flow = stored.create_flow().await;
    let peers = [live(&stored.ann, flow).await, live(&stored.ann, flow).await];
    for (turn, node) in NODES.iter().enumerate() {
        draw(&peers[turn % 2], node).await;
    }
    flow
}

async fn draw(peer: &Peer, node: &str) {
    make(peer, add(node)).await;
    until(peer, "saved", PeerState::is_saved).await;
}

async fn harm(database: &Database, damage: &Damage, flow: FlowId) {
    if damage.bare {
        let bare = format!("delete from flow_snapshots where flow_id = {}", database.id(flow));
        assert_eq!(database.change(&bare).await, 1, "{}", damage.name);
    }
    assert!(database.change(&(damage.harm)(database, flow)).await >= 1, "{}", damage.name);
}

/// Every line about the flow, and no other.
fn check_said(damage: &Damage, flow: FlowId, said: &str) {
    let flow = flow.to_string();
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix(&flow)).collect();
    assert_eq!(lines.len(), damage.said.len(), "{}: {lines:?}", damage.name);
    for (line, expected) in lines.iter().zip(damage.said) {
        assert!(line.starts_with(&format!(" {expected}: ")), "{}: {lines:?}", damage.name);
    }
}

async fn repair(stored: &Stored, damage: &Damage, flow: FlowId) {
    let (name, flow) = (damage.name, flow.to_string());
    let planned = stored.tool(&["log", "repair", &flow, "--dry-run"]).await.ended(3);
    assert!(planned.contains("a repair would"), "{name}: {planned}");
    stored.tool(&["log", "verify", &flow]).await.ended(3);
    let repaired = stored.tool(&["log", "repair", &flow]).await.ended(0);
    assert!(repaired.contains("repaired"), "{name}: {repaired}");
    stored.tool(&["log", "verify", &flow]).await.ended(0);
    let again = stored.tool(&["log", "repair", &flow]).await.ended(0);
    assert!(again.contains("nothing is wrong"), "{name}: {again}");

    let listed = stored.tool(&["log", "quarantine", &flow, "--json"]).await.ended(0);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kept: Vec<_> =
        listed.iter().map(|item| (item["seq"].as_u64().unwrap(), item["kind"].as_str().unwrap())).collect();
    assert_eq!(kept, damage.quarantined, "{name}");
    assert!(listed.iter().all(|item| !item["reason"].as_str().unwrap().is_empty()), "{name}: {listed:?}");
    assert!(listed.iter().all(|item| !item["bytes"].as_str().unwrap().is_empty()), "{name}: {listed:?}");
}

fn put_update(database: &Database, flow: FlowId, seq: u64, bytes: &[u8]) -> String {
    let (flow, bytes) = (database.id(flow), database.bytes(bytes));
    format!("update flow_updates set \"update\" = {bytes} where flow_id = {flow} and seq = {seq}")
}

/// Somebody removes a node of which there is no update.
fn unfounded() -> Vec<u8> {
    let edit = |edit| -> Vec<Edit> { serde_json::from_value(json!([edit])).unwrap() };
    let (mut one, mut other) = (FlowDoc::new(Some(71)), FlowDoc::new(Some(72)));
    let missing = one.edit(&edit(json!({ "op": "addNode", "id": "x", "type": "note" }))).unwrap();
    other.apply_update_v1(&missing.update.unwrap()).unwrap();
    other.edit(&edit(json!({ "op": "removeNode", "id": "x" }))).unwrap().update.unwrap()
}

/// Of a document that nobody of this flow has ever seen.
fn put_snapshot(database: &Database, flow: FlowId, seq: u64) -> String {
    let mut other = FlowDoc::new(Some(73));
    let edit = json!([{ "op": "addNode", "id": "elsewhere", "type": "note" }]);
    let edits: Vec<Edit> = serde_json::from_value(edit).unwrap();
    other.edit(&edits).unwrap();
    let snapshot = Snapshot { seq: Seq(seq), state: Bytes::from(other.encode_state_v1()) };
    let (flow, envelope) = (database.id(flow), database.bytes(&encode_snapshot(&snapshot)));
    format!("update flow_snapshots set envelope = {envelope}, seq = {seq} where flow_id = {flow}")
}
