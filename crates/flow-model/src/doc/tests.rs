use serde_json::json;
use yrs::{GetString as _, Map as _, Text as _};

use super::*;
use crate::{FlowJson, initial_update};

fn edits(json: serde_json::Value) -> Vec<Edit> {
    serde_json::from_value(json).unwrap()
}

/// A document and the update that adds a node to it.
fn with_node(client_id: u64) -> (FlowDoc, Vec<u8>) {
    let mut doc = FlowDoc::new(Some(client_id));
    let added = doc.edit(&edits(json!([{ "op": "addNode", "id": format!("n{client_id}"), "type": "set" }])));
    (doc, added.unwrap().update.unwrap())
}

#[test]
fn a_document_draws_a_32_bit_client_id() {
    let ids: Vec<_> = (0..50).map(|_| FlowDoc::new(None).client_id()).collect();
    assert!(ids.iter().all(|id| (1..=u64::from(u32::MAX)).contains(id)));
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(FlowDoc::new(Some((1 << 53) - 1)).client_id(), (1 << 53) - 1);
}

#[test]
fn an_update_that_is_wholly_new_is_its_own_best_account() {
    let (_, update) = with_node(1);
    let mut doc = FlowDoc::new(None);
    assert_eq!(doc.apply_update_v1(&update).unwrap(), Applied { changed: true, update: None, rest: None });
    assert!(doc.graph().nodes.contains_key("n1"));
}

#[test]
fn an_update_that_is_known_changes_nothing() {
    let (_, update) = with_node(1);
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&update).unwrap();
    for again in [update, vec![0, 0], doc.encode_state_v1()] {
        assert_eq!(
            doc.apply_update_v1(&again).unwrap(),
            Applied { changed: false, update: None, rest: None }
        );
    }
}

#[test]
fn of_an_update_that_is_partly_known_only_the_rest_is_passed_on() {
    let (mut ann, first) = with_node(1);
    ann.edit(&edits(json!([{ "op": "addNode", "id": "more", "type": "set" }]))).unwrap();
    ann.edit(&edits(json!([{ "op": "removeNode", "id": "n1" }]))).unwrap();
    let mut room = FlowDoc::new(None);
    let mut peer = FlowDoc::new(None);
    room.apply_update_v1(&first).unwrap();
    peer.apply_update_v1(&first).unwrap();

    let all = ann.encode_state_v1();
    let applied = room.apply_update_v1(&all).unwrap();
    let rest = applied.update.expect("part of it was known");
    assert!(applied.changed && rest.len() < all.len());
    assert_eq!(peer.apply_update_v1(&rest).unwrap(), Applied { changed: true, update: None, rest: None });
    assert_eq!(peer.graph(), ann.graph());
    assert_eq!(peer.state_vector_v1(), ann.state_vector_v1());
}

#[test]
fn an_update_that_only_deletes_changes_something_once() {
    let (mut ann, first) = with_node(1);
    let removed = ann.edit(&edits(json!([{ "op": "removeNode", "id": "n1" }]))).unwrap().update.unwrap();
    let mut room = FlowDoc::new(None);
    room.apply_update_v1(&first).unwrap();
    assert_eq!(room.apply_update_v1(&removed).unwrap(), Applied { changed: true, update: None, rest: None });
    assert_eq!(room.apply_update_v1(&removed).unwrap(), Applied { changed: false, update: None, rest: None });
}

#[test]
fn a_document_knows_what_it_has_deleted() {
    let (mut ann, _) = with_node(1);
    let count = ann.clock(1);
    assert!(ann.has_deleted([]) && !ann.has_deleted([(1, 0, count)]));
    ann.edit(&edits(json!([{ "op": "removeNode", "id": "n1" }]))).unwrap();
    let mut room = FlowDoc::new(None);
    room.apply_update_v1(&ann.encode_state_v1()).unwrap();
    for doc in [&ann, &room] {
        assert!(doc.has_deleted([(1, 0, count)]) && doc.has_deleted([(1, 1, 1), (1, 3, 2)]));
        assert!(!doc.has_deleted([(1, 0, count + 1)]) && !doc.has_deleted([(2, 0, 1)]));
    }
}

#[test]
fn bytes_that_are_no_update_are_refused_and_change_nothing() {
    let (mut doc, update) = with_node(1);
    let state = doc.encode_state_v1();
    for bad in [&[][..], &[1], &update[..update.len() - 1], &[1, 1, 1, 0, 99]] {
        assert!(matches!(doc.apply_update_v1(bad), Err(ModelError::Malformed { .. })), "{bad:?}");
    }
    assert_eq!(doc.encode_state_v1(), state);
}

#[test]
fn work_that_comes_before_what_its_author_did_earlier_is_refused() {
    // yrs would take it in, since nothing in it refers to what is missing, and
    // would have a hole from then on that no other client can read.
    let (mut ann, first) = with_node(1);
    let later =
        ann.edit(&edits(json!([{ "op": "addNode", "id": "later", "type": "set" }]))).unwrap().update.unwrap();
    let mut doc = FlowDoc::new(None);
    assert!(matches!(doc.apply_update_v1(&later), Err(ModelError::Gap { client: 1, clock: 0 })));
    assert_eq!(doc.encode_state_v1(), [0, 0]);
    doc.apply_update_v1(&first).unwrap();
    assert_eq!(doc.apply_update_v1(&later).unwrap(), Applied { changed: true, update: None, rest: None });
    assert_eq!((doc.graph(), doc.clock(1)), (ann.graph(), ann.clock(1)));
}

#[test]
fn work_that_refers_to_somebody_elses_missing_work_is_handed_back() {
    let (ann, first) = with_node(1);
    let mut ben = FlowDoc::new(Some(2));
    ben.apply_update_v1(&first).unwrap();
    let own =
        ben.edit(&edits(json!([{ "op": "addNode", "id": "own", "type": "set" }]))).unwrap().update.unwrap();
    let removal = ben.edit(&edits(json!([{ "op": "removeNode", "id": "n1" }]))).unwrap().update.unwrap();
    let label = json!([{ "op": "updateNode", "id": "n1", "label": "later" }]);
    let mut cho = FlowDoc::new(Some(3));
    cho.apply_update_v1(&ann.encode_state_v1()).unwrap();
    let label = cho.edit(&edits(label)).unwrap().update.unwrap();

    let mut doc = FlowDoc::new(None);
    let both = merge_updates(&[own, removal, label]).unwrap();
    let applied = doc.apply_update_v1(&both).unwrap();
    assert!(applied.changed && applied.update.is_some() && !doc.has_pending());
    assert!(doc.graph().nodes.contains_key("own"), "the part that fits is there");
    let rest = applied.rest.expect("the label and the removal wait");
    doc.apply_update_v1(&first).unwrap();
    assert!(doc.graph().nodes.contains_key("n1"), "what was handed back is nowhere in the document");
    assert_eq!(doc.apply_update_v1(&rest).unwrap().rest, None);
    assert!(!doc.graph().nodes.contains_key("n1") && !doc.has_pending());
    assert_eq!(doc.clock(3), cho.clock(3));
}

#[test]
fn a_state_vector_that_declares_more_than_it_holds_is_refused_before_room_is_made_for_it() {
    let (doc, _) = with_node(1);
    for bad in [&[255, 255, 255, 122][..], &[2, 1, 1], &[255; 20], &[]] {
        assert!(matches!(doc.encode_diff_v1(bad), Err(ModelError::Malformed { .. })), "{bad:?}");
    }
    assert_eq!(doc.encode_diff_v1(&[0]).unwrap(), doc.encode_state_v1());
    let known = doc.encode_diff_v1(&doc.state_vector_v1()).unwrap();
    assert!(known.len() < doc.encode_state_v1().len());
}

#[test]
fn prose_is_a_shared_text_that_counts_utf16() {
    let mut doc = FlowDoc::new(Some(1));
    doc.edit(&edits(json!([{ "op": "addNode", "id": "n", "type": "note", "data": { "text": "🙂🙂" } }])))
        .unwrap();
    let txn = doc.doc.transact();
    let Some(yrs::Out::YMap(node)) = doc.roots.nodes.get(&txn, "n") else { panic!("a node is a map") };
    let Some(yrs::Out::YMap(data)) = node.get(&txn, "data") else { panic!("its data is a map") };
    let Some(yrs::Out::YText(text)) = data.get(&txn, "text") else { panic!("prose is a text") };
    assert_eq!((text.len(&txn), text.get_string(&txn).as_str()), (4, "🙂🙂"));
}

#[test]
fn a_new_node_has_all_its_prose_from_the_start() {
    let mut ann = FlowDoc::new(Some(1));
    ann.edit(&edits(json!([{ "op": "addNode", "id": "n", "type": "input" }]))).unwrap();
    let mut ben = FlowDoc::new(Some(2));
    ben.apply_update_v1(&ann.encode_state_v1()).unwrap();
    // Both type into the empty prompt at once: neither loses a word.
    for (doc, word) in [(&mut ann, "ann "), (&mut ben, "ben ")] {
        doc.edit(&edits(
            json!([{ "op": "editText", "node": "n", "field": "prompt", "index": 0, "insert": word }]),
        ))
        .unwrap();
    }
    ann.apply_update_v1(&ben.encode_state_v1()).unwrap();
    let prompt = ann.graph().nodes["n"].data["prompt"].as_str().unwrap();
    assert!(prompt.contains("ann ") && prompt.contains("ben "), "{prompt}");
}

#[test]
fn the_lineage_is_what_the_first_update_wrote() {
    let lineage = Uuid::from_u128(42);
    let mut doc = FlowDoc::new(None);
    assert_eq!(doc.lineage(), None);
    doc.apply_update_v1(&initial_update(lineage, "n", "d")).unwrap();
    assert_eq!(doc.lineage(), Some(lineage));
    // It is no part of the flow's JSON form, so a copy has another one.
    let copy = FlowJson::from_graph(doc.graph()).initial_update(Uuid::from_u128(43));
    let mut other = FlowDoc::new(None);
    other.apply_update_v1(&copy).unwrap();
    assert_eq!(other.lineage(), Some(Uuid::from_u128(43)));
}
