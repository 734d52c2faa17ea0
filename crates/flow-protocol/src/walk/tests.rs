use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, Doc, GetString, Map, MapPrelim, OffsetKind, Options, ReadTxn, Text, Transact, Update,
    XmlFragment,
};

use super::*;
use crate::{CheckError, check_update};

fn limits() -> UpdateLimits {
    UpdateLimits::default()
}

fn refused(bytes: &[u8]) -> WalkError {
    walk(bytes, &limits()).expect_err("the walker let it through")
}

/// An update with one section of client 1 from clock 0, and no deletions.
fn one_struct(body: &[u8]) -> Vec<u8> {
    [&[1, 1, 1, 0][..], body, &[0]].concat()
}

/// An item under the root `a`: info without flags, parent by name, content.
fn item(kind: u8, content: &[u8]) -> Vec<u8> {
    one_struct(&[&[kind, 1, 1, b'a'][..], content].concat())
}

fn busy_document() -> Doc {
    let doc = Doc::with_options(Options {
        offset_kind: OffsetKind::Utf16,
        ..Options::with_client_id(yrs::ClientID::new(7))
    });
    let nodes = doc.get_or_insert_map("nodes");
    let list = doc.get_or_insert_array("list");
    let text = doc.get_or_insert_text("text");
    let xml = doc.get_or_insert_xml_fragment("xml");
    let mut txn = doc.transact_mut();
    nodes.insert(&mut txn, "n1", MapPrelim::from([("type", Any::from("message")), ("x", Any::from(1.5))]));
    nodes.insert(&mut txn, "n1", MapPrelim::from([("type", Any::from("input"))]));
    list.insert_range(
        &mut txn,
        0,
        [Any::Null, Any::from(true), Any::from(1_i64 << 40), Any::from(vec![1_u8, 2])],
    );
    list.remove(&mut txn, 1);
    text.insert(&mut txn, 0, "héllo 😀 wörld");
    text.format(&mut txn, 1, 3, [("bold".into(), Any::from(true))].into());
    text.insert_embed(&mut txn, 2, Any::from("image"));
    text.remove_range(&mut txn, 4, 3);
    xml.insert(&mut txn, 0, yrs::XmlElementPrelim::empty("p"));
    drop(txn);
    doc
}

#[test]
fn what_yrs_writes_passes_and_is_described() {
    let doc = busy_document();
    let bytes = doc.transact().encode_diff_v1(&yrs::StateVector::default());
    let walked = walk(&bytes, &limits()).unwrap();
    let [section] = walked.sections() else { panic!("one client wrote") };
    assert_eq!((section.client, section.clock), (7, 0));
    assert_eq!(section.end, doc.transact().state_vector().get(&yrs::ClientID::new(7)));
    let clocks: Vec<_> = walked.structs(section).map(|read| (read.id.clock, read.end())).collect();
    assert!(clocks.windows(2).all(|pair| pair[0].1 == pair[1].0), "structs follow each other: {clocks:?}");
    assert!(walked.deleted().count() > 0);
    assert!(check_update(bytes.into(), &limits()).is_ok());
}

#[test]
fn an_empty_update_passes() {
    assert!(walk(&[0, 0], &limits()).unwrap().is_empty());
}

#[test]
fn every_proper_prefix_is_refused() {
    let bytes = busy_document().transact().encode_diff_v1(&yrs::StateVector::default());
    for end in 0..bytes.len() {
        assert!(walk(&bytes[..end], &limits()).is_err(), "cut at {end}");
    }
    assert_eq!(refused(&[&bytes[..], &[0]].concat()), WalkError::Trailing(1));
}

/// The symptom was 514 MB for four bytes.
#[test]
fn declared_counts_are_not_believed() {
    assert!(matches!(refused(&[255, 255, 255, 122]), WalkError::Read(ReadError::Count { .. })));
    assert!(matches!(refused(&[1, 255, 255, 255, 122, 1, 0]), WalkError::Read(ReadError::Count { .. })));
    assert!(matches!(refused(&item(8, &[255, 255, 255, 122])), WalkError::Read(_)));
    assert!(matches!(refused(&item(8, &[1, 117, 255, 255, 255, 122])), WalkError::Read(_)));
    assert!(matches!(refused(&item(8, &[1, 118, 255, 255, 255, 122])), WalkError::Read(_)));
    assert!(matches!(refused(&[0, 1, 1, 255, 255, 255, 122]), WalkError::Read(_)));
    assert!(matches!(refused(&item(3, &[255, 255, 255, 122])), WalkError::Read(_)));
}

/// Type 15 passes decode, encode, decode and apply in yrs and throws in every
/// yjs client; so does 9. Of 5 yjs reads a name that yrs leaves in the stream.
#[test]
fn types_that_only_yrs_knows_are_refused() {
    assert!(Update::decode_v1(&[1, 1, 5, 0, 7, 1, 1, 0x61, 15, 0]).is_ok(), "yrs itself lets it through");
    for type_ref in [5, 7, 8, 9, 15] {
        assert!(matches!(refused(&item(7, &[type_ref])), WalkError::TypeRef { .. }), "type {type_ref}");
    }
    for type_ref in [0, 1, 2, 4, 6] {
        assert!(walk(&item(7, &[type_ref]), &limits()).is_ok(), "type {type_ref}");
    }
    assert!(walk(&item(7, &[3, 1, b'p']), &limits()).is_ok());
}

/// yrs reads n + 1 strings of ContentJSON, so with one byte more it reads
/// another clock than yjs.
#[test]
fn content_that_the_libraries_read_differently_is_refused() {
    assert!(matches!(refused(&item(2, &[1, 1, b'1'])), WalkError::Kind { info: 2, .. }));
    assert!(matches!(refused(&item(9, &[1, b'g', 118, 0])), WalkError::Kind { info: 9, .. }));
    assert!(matches!(refused(&item(11, &[0])), WalkError::Kind { info: 11, .. }));
}

/// yjs takes five bits for the kind, yrs four; and GC or Skip with flags is a GC
/// or Skip to yjs only.
#[test]
fn info_bytes_that_the_libraries_split_differently_are_refused() {
    for info in [0x10 | 4, 0x20, 0x80, 0x80 | 10, 0x40 | 10, 0x1f] {
        assert!(matches!(refused(&item(info, &[1, b'x'])), WalkError::Kind { .. }), "info {info:#x}");
    }
}

/// yrs writes most of them back as plain numbers: who joined later read another value.
#[test]
fn values_that_yrs_writes_back_as_another_kind_are_refused() {
    let big = [1, 122, 0, 0, 0, 0, 0, 0, 0, 5];
    assert!(matches!(refused(&item(8, &big)), WalkError::ValueTag { tag: 122, .. }));
}

/// `Math.round(-0.3)` is −0, which a stock client writes as "minus zero". It was
/// closed with 4422 for it.
#[test]
fn minus_zero_of_a_stock_client_passes() {
    let stock = [1, 1, 1, 0, 40, 1, 1, 108, 1, 120, 1, 118, 1, 1, 120, 125, 64, 0];
    assert!(check_update(stock.to_vec().into(), &limits()).is_ok());
}

#[test]
fn values_nested_too_deeply_are_refused_without_recursion() {
    let mut nested = [117, 1].repeat(64);
    nested.push(126);
    assert!(walk(&item(8, &[&[1][..], &nested].concat()), &limits()).is_ok());
    for opening in [&[117, 1][..], &[118, 1, 0][..]] {
        let mut bomb = opening.repeat(1_000_000);
        bomb.push(126);
        assert!(matches!(refused(&item(8, &[&[1][..], &bomb].concat())), WalkError::ValueDepth(_)));
    }
    let json = "[".repeat(50_000) + &"]".repeat(50_000);
    let mut embed = Vec::new();
    crate::split::write_var_uint(&mut embed, json.len() as u64);
    embed.extend_from_slice(json.as_bytes());
    assert!(matches!(refused(&item(5, &embed)), WalkError::Json(_)));
}

#[test]
fn siblings_do_not_count_as_depth() {
    let mut list = vec![117, 100];
    list.extend([117, 1, 126].repeat(100));
    assert!(walk(&item(8, &[&[1][..], &list].concat()), &limits()).is_ok());
}

#[test]
fn nothing_has_length_zero() {
    assert!(matches!(refused(&one_struct(&[0, 0])), WalkError::Empty(_)));
    assert!(matches!(refused(&one_struct(&[10, 0])), WalkError::Empty(_)));
    assert!(matches!(refused(&item(1, &[0])), WalkError::Empty(_)));
    assert!(matches!(refused(&item(4, &[0])), WalkError::Empty(_)));
    assert!(matches!(refused(&item(8, &[0])), WalkError::Empty(_)));
    assert!(matches!(refused(&[1, 0, 1, 0, 0]), WalkError::Read(_) | WalkError::Empty(_)));
    assert!(matches!(refused(&[0, 1, 1, 1, 0, 0]), WalkError::Empty(_)));
}

/// yjs lets the last section of a client win, yrs reads both.
#[test]
fn a_client_has_one_section() {
    let twice = [2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0];
    assert_eq!(refused(&twice), WalkError::ClientTwice(1));
    assert_eq!(refused(&[0, 2, 1, 1, 0, 1, 1, 1, 5, 1]), WalkError::ClientTwice(1));
}

/// yrs subtracts clocks as `i32`.
#[test]
fn clocks_that_overflow_are_refused() {
    let nearly = [0xfe, 0xff, 0xff, 0xff, 0x07];
    let gc = |clock: &[u8], len: &[u8]| [&[1, 1, 1][..], clock, &[0], len, &[0]].concat();
    assert!(walk(&gc(&[0], &nearly), &limits()).is_ok());
    assert_eq!(refused(&gc(&[5], &nearly)), WalkError::ClockOverflow(1));
    assert!(matches!(refused(&gc(&[0xff, 0xff, 0xff, 0xff, 0x0f], &[1])), WalkError::Read(_)));
    assert_eq!(refused(&[&[0, 1, 1, 1, 5][..], &nearly].concat()), WalkError::ClockOverflow(1));
}

#[test]
fn client_ids_end_at_what_javascript_holds() {
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let beyond = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    assert!(walk(&[&[1, 1][..], &largest, &[0, 0, 1, 0]].concat(), &limits()).is_ok());
    assert!(matches!(refused(&[&[1, 1][..], &beyond, &[0, 0, 1, 0]].concat()), WalkError::Read(_)));
}

#[test]
fn a_struct_does_not_depend_on_itself() {
    assert!(matches!(refused(&one_struct(&[0x84, 1, 0, 1, b'x'])), WalkError::SelfReference(_)));
    assert!(matches!(refused(&one_struct(&[0x44, 1, 9, 1, b'x'])), WalkError::SelfReference(_)));
    assert!(matches!(refused(&one_struct(&[4, 0, 1, 0, 1, b'x'])), WalkError::SelfReference(_)));
}

#[test]
fn keys_that_change_a_prototype_in_javascript_are_refused() {
    let proto = [&[9][..], b"__proto__"].concat();
    assert!(matches!(
        refused(&one_struct(&[&[4, 1][..], &proto, &[1, b'x']].concat())),
        WalkError::ProtoKey(_)
    ));
    assert!(matches!(
        refused(&one_struct(&[&[0x24, 1, 1, b'a'][..], &proto, &[1, b'x']].concat())),
        WalkError::ProtoKey(_)
    ));
    assert!(matches!(
        refused(&item(8, &[&[1, 118, 1][..], &proto, &[126]].concat())),
        WalkError::ProtoKey(_)
    ));
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    assert!(matches!(refused(&item(4, &[1, 0xff])), WalkError::Read(ReadError::Utf8 { .. })));
}

/// A struct of four bytes takes some 300 in memory; a large update that
/// consists of little else is refused, a small one is not worth refusing.
#[test]
fn updates_that_expand_far_beyond_their_size_are_refused() {
    let update = |structs: usize| {
        let mut bytes = vec![1];
        crate::split::write_var_uint(&mut bytes, structs as u64);
        bytes.extend([1, 0]);
        bytes.extend_from_slice(&[1, 1, 1, b'a', 1]);
        bytes.extend([0x81, 1, 0, 1].repeat(structs - 1));
        bytes.push(0);
        bytes
    };
    assert!(walk(&update(500), &limits()).is_ok());
    assert!(matches!(refused(&update(100_000)), WalkError::Memory { .. }));
}

#[test]
fn the_length_of_text_is_counted_in_utf_16() {
    let bytes = item(4, &[&[5][..], "a😀".as_bytes()].concat());
    assert_eq!(walk(&bytes, &limits()).unwrap().sections()[0].end, 3);
    let doc = Doc::new();
    doc.transact_mut().apply_update(Update::decode_v1(&bytes).unwrap()).unwrap();
    assert_eq!(doc.transact().state_vector().get(&yrs::ClientID::new(1)), 3);
    assert_eq!(doc.get_or_insert_text("a").get_string(&doc.transact()), "a😀");
}

/// Random changes of real updates: whatever the walker lets through, yrs reads
/// with the same clocks.
#[test]
fn what_passes_advances_yrs_exactly_as_described() {
    let seed_bytes = busy_document().transact().encode_diff_v1(&yrs::StateVector::default());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let mut passed = 0;
    for _ in 0..20_000 {
        let mut bytes = seed_bytes.clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            bytes[at] = u8::try_from(next(256)).unwrap();
        }
        let Ok(walked) = walk(&bytes, &limits()) else { continue };
        match check_update(bytes.clone().into(), &limits()) {
            Ok(_) => {}
            Err(CheckError::RoundTrip) => panic!("the walker let through what yrs does not read: {bytes:?}"),
            Err(CheckError::Walk(error)) => panic!("{error}"),
        }
        let update = Update::decode_v1(&bytes).unwrap();
        for section in walked.sections().iter().filter(|section| section.clock == 0 && !section.has_skip) {
            assert_eq!(
                update.state_vector().get(&yrs::ClientID::new(section.client)),
                section.end,
                "{bytes:?}"
            );
        }
        passed += 1;
    }
    assert!(passed > 500, "only {passed} mutants passed: the test tests little");
}
