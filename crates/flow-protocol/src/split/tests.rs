use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, Text, Transact, Update};

use super::*;
use crate::{StateVector, UpdateLimits, walk};

fn split(update: &[u8], known: &StateVector) -> Split {
    walk(update, &UpdateLimits::unlimited()).unwrap().split(|client| known.get(client))
}

fn state_of(doc: &Doc) -> StateVector {
    doc.transact().state_vector().iter().map(|(client, clock)| (client.get(), *clock)).collect()
}

fn apply(doc: &Doc, update: &[u8]) {
    doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
}

fn is_pending(doc: &Doc) -> bool {
    doc.transact().store().pending_update().is_some() || doc.transact().store().pending_ds().is_some()
}

/// Updates of `texts.len()` edits, each by its own client, each after the last.
fn chain(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut updates: Vec<Vec<u8>> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let doc = Doc::with_client_id(100 - at as u64);
        updates.iter().for_each(|update| apply(&doc, update));
        let before = doc.transact().state_vector();
        let field = doc.get_or_insert_text("t");
        let end = field.len(&doc.transact());
        field.insert(&mut doc.transact_mut(), end, text);
        updates.push(doc.transact().encode_diff_v1(&before));
    }
    updates
}

#[test]
fn what_depends_on_nothing_is_whole() {
    let [first] = &chain(&["a"])[..] else { panic!() };
    assert_eq!(split(first, &StateVector::default()), Split::Whole);
}

#[test]
fn what_depends_on_something_missing_waits_whole() {
    let updates = chain(&["a", "b"]);
    let Split::Parts { ready: None, rest } = split(&updates[1], &StateVector::default()) else { panic!() };
    assert_eq!(rest, updates[1]);
}

#[test]
fn a_gap_in_the_clients_own_clocks_waits() {
    let doc = Doc::with_client_id(1);
    let text = doc.get_or_insert_text("t");
    text.insert(&mut doc.transact_mut(), 0, "first");
    let before = doc.transact().state_vector();
    text.insert(&mut doc.transact_mut(), 0, "second");
    let second = doc.transact().encode_diff_v1(&before);
    assert!(matches!(split(&second, &StateVector::default()), Split::Parts { ready: None, .. }));
    assert_eq!(split(&second, &[(1, 5)].into_iter().collect()), Split::Whole);
}

#[test]
fn dependencies_within_the_update_count_whatever_the_order_of_clients() {
    for clients in [&["a", "b", "c", "d"][..], &["x"; 12]] {
        let updates = chain(clients);
        let doc = Doc::new();
        updates.iter().for_each(|update| apply(&doc, update));
        let whole = doc.transact().encode_diff_v1(&yrs::StateVector::default());
        assert_eq!(split(&whole, &StateVector::default()), Split::Whole);
    }
}

#[test]
fn the_ready_part_applies_without_anything_pending_and_the_rest_follows() {
    let updates = chain(&["a", "b", "c"]);
    let merged = yrs::merge_updates_v1([&updates[0][..], &updates[2][..]]).unwrap();
    let Split::Parts { ready: Some(ready), rest } = split(&merged, &StateVector::default()) else { panic!() };
    let doc = Doc::new();
    apply(&doc, &ready);
    assert!(!is_pending(&doc));
    assert!(matches!(split(&rest, &state_of(&doc)), Split::Parts { ready: None, .. }));
    apply(&doc, &updates[1]);
    assert_eq!(split(&rest, &state_of(&doc)), Split::Whole);
    apply(&doc, &rest);
    assert!(!is_pending(&doc));
    assert_eq!(doc.get_or_insert_text("t").get_string(&doc.transact()), "abc");
}

#[test]
fn deletions_are_cut_at_what_the_document_holds() {
    // Client 1: clocks 2..5 and 9..10 deleted; the document holds 0..4.
    let update = [0, 1, 1, 2, 2, 3, 9, 1];
    let Split::Parts { ready, rest } = split(&update, &[(1, 4)].into_iter().collect()) else { panic!() };
    assert_eq!(ready.unwrap(), [0, 1, 1, 1, 2, 2]);
    assert_eq!(rest, [0, 1, 1, 2, 4, 1, 9, 1]);
    assert_eq!(split(&update, &[(1, 10)].into_iter().collect()), Split::Whole);
}

#[test]
fn a_struct_that_is_partly_known_is_ready() {
    let doc = Doc::with_client_id(1);
    doc.get_or_insert_text("t").insert(&mut doc.transact_mut(), 0, "abcdef");
    let update = doc.transact().encode_diff_v1(&yrs::StateVector::default());
    assert_eq!(split(&update, &[(1, 3)].into_iter().collect()), Split::Whole);
}

/// A hostile order: every client waits for the next. Looking at all of them
/// again after each step would take 10^10 steps.
#[test]
fn a_long_chain_of_waiting_clients_takes_linear_work() {
    let clients: u64 = 100_000;
    let mut update = Vec::new();
    write_var_uint(&mut update, clients);
    for client in 1..=clients {
        write_var_uint(&mut update, 1);
        write_var_uint(&mut update, client);
        write_var_uint(&mut update, 0);
        if client == clients {
            update.extend([4, 1, 1, b't', 1, b'x']);
        } else {
            update.push(0x84);
            write_var_uint(&mut update, client + 1);
            update.extend([0, 1, b'x']);
        }
    }
    update.push(0);
    assert_eq!(split(&update, &StateVector::default()), Split::Whole);
}
