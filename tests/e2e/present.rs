//! Who is in a flow, and what of it is stored, for those who hold no socket.

use flow_model::{Edit, FlowDoc};
use flow_testing::eventually;
use serde_json::json;

use crate::people::{add, live, make, scene};

#[tokio::test]
async fn who_shows_themselves_is_seen_until_they_leave() {
    let scene = scene().await;
    assert_eq!(scene.ann.presence(scene.flow).await.unwrap(), []);
    let ann = live(&scene.ann, scene.flow).await;
    ann.show(Some(json!({ "cursor": { "x": 1, "y": 2 }, "user": { "name": "Eve" } }))).unwrap();
    let seen = async || scene.ann.presence(scene.flow).await.unwrap();
    let present = eventually("she is seen", seen, |seen| seen.len() == 1).await.remove(0);
    assert_eq!(present.state["cursor"], json!({ "x": 1, "y": 2 }));
    assert_eq!(present.state["user"]["name"], "ann", "it is the server's word");
    drop(ann);
    eventually("she is gone", seen, Vec::is_empty).await;
}

#[tokio::test]
async fn what_has_arrived_is_durable_and_what_has_not_is_missing() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    make(&ann, add("a")).await;
    let mut ours = FlowDoc::new(None);
    ours.apply_update_v1(&ann.document().await.unwrap()).unwrap();
    let stored = scene.ann.durability(scene.flow, &ours.state_vector_v1(), None).await.unwrap();
    assert!(stored.durable && stored.received && stored.seq.is_some_and(|seq| seq.0 == 2), "{stored:?}");

    // An edit that was never sent.
    ours.edit(&[add("b")]).unwrap();
    let missing = scene.ann.durability(scene.flow, &ours.state_vector_v1(), None).await.unwrap();
    assert!(!missing.durable && !missing.received && missing.seq.is_none(), "{missing:?}");
}

#[tokio::test]
async fn deletions_count_although_no_state_vector_tells_of_them() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    make(&ann, add("a")).await;
    let mut ours = FlowDoc::new(None);
    ours.apply_update_v1(&ann.document().await.unwrap()).unwrap();
    let state_vector = ours.state_vector_v1();
    ours.edit(&[serde_json::from_value::<Edit>(json!({ "op": "removeNode", "id": "a" })).unwrap()]).unwrap();
    // An update of what is deleted alone: no clients, then the delete set.
    let deleted = ours.encode_diff_v1(&ours.state_vector_v1()).unwrap();
    assert_eq!(deleted[0], 0);
    let ask = async || scene.ann.durability(scene.flow, &state_vector, Some(&deleted[1..])).await.unwrap();
    let before = ask().await;
    assert!(!before.durable && !before.received, "{before:?}");
    scene
        .ann
        .edit_graph(
            scene.flow,
            &[serde_json::from_value(json!({ "op": "removeNode", "id": "a" })).unwrap()],
            None,
        )
        .await
        .unwrap();
    let after = ask().await;
    assert!(after.durable && after.received, "{after:?}");
}
