//! How large a flow has become, and that nobody runs into its limit unwarned.

use flow_client::PeerState;
use flow_model::Edit;
use flow_protocol::CloseCode;
use serde_json::json;

use crate::people::{add, live, make, scene, scene_with, until};

#[tokio::test]
async fn the_size_of_document_log_and_snapshot_can_be_seen() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    let before = scene.ann.flow_growth(scene.flow).await.unwrap();
    make(&ann, add("a")).await;
    make(&ann, serde_json::from_value(json!({ "op": "removeNode", "id": "a" })).unwrap()).await;
    ann.saved().await.unwrap();
    let after = scene.ann.flow_growth(scene.flow).await.unwrap();
    assert_eq!((before.log_updates, after.log_updates), (1, 3));
    assert_eq!(after.document_bytes, ann.document().await.unwrap().len() as u64);
    assert!(after.document_bytes > before.document_bytes && after.log_bytes > before.log_bytes);
    assert!(before.tombstones == 0 && after.tombstones > 0);
    assert_eq!(after.document_bytes_max, 16 << 20);

    let (ben, _) = scene.server.person("ben").await.unwrap();
    assert!(ben.flow_growth(scene.flow).await.is_err(), "it is not ben's to know");
}

#[tokio::test]
async fn a_document_near_its_limit_warns_its_editors_before_it_refuses() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__DOCUMENT_BYTES", "20000")]).await;
    let (ann, ben) = (live(&scene.ann, scene.flow).await, live(&scene.ann, scene.flow).await);
    assert_eq!(*ben.growth().borrow(), None);
    let mut warned_at = None;
    for at in 0..60 {
        let edit = json!({ "op": "addNode", "id": format!("n{at}"), "type": "note", "data": { "text": "x".repeat(500) } });
        make(&ann, serde_json::from_value::<Edit>(edit).unwrap()).await;
        let state = ann.saved().await.unwrap();
        warned_at = warned_at.or(ben.growth().borrow().is_some().then_some(at));
        if matches!(state, PeerState::Closed { .. }) {
            break;
        }
    }
    let refused = until(&ann, "ann is refused", |state| matches!(state, PeerState::Closed { .. })).await;
    assert!(matches!(refused, PeerState::Closed { code: CloseCode::TooLarge, unsaved: 1 }), "{refused:?}");
    assert!(warned_at.is_some(), "ben was never warned");
    let told = ben.growth().borrow().unwrap();
    assert!(told.bytes * 100 / told.bytes_max >= 90, "{told:?}");
    assert!(ann.growth().borrow().is_some(), "nor was ann");
}
