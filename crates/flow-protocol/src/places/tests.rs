use super::*;
use crate::split::write_var_uint;
use crate::{UpdateLimits, walk};

/// Maps within maps, each of them in the one before; the first in a root, or
/// in the struct that is named.
fn chain(client: u64, count: u64, within: Option<Id>) -> Vec<u8> {
    let mut update = vec![1];
    write_var_uint(&mut update, count);
    write_var_uint(&mut update, client);
    update.push(0);
    for clock in 0..count {
        let parent =
            if clock == 0 { within } else { Some(Id { client, clock: u32::try_from(clock).unwrap() - 1 }) };
        update.push(0x27);
        match parent {
            None => update.extend([1, 1, b't']),
            Some(id) => {
                update.push(0);
                write_var_uint(&mut update, id.client);
                write_var_uint(&mut update, u64::from(id.clock));
            }
        }
        update.extend([1, b'k', 1]);
    }
    update.push(0);
    update
}

fn note(places: &mut Places, update: &[u8]) {
    places.note(&walk(update, &UpdateLimits::unlimited()).unwrap());
}

fn admit(places: &mut Places, update: &[u8]) -> Result<(), Misplaced> {
    places.admit(&walk(update, &UpdateLimits::unlimited()).unwrap())
}

#[test]
fn a_chain_of_types_is_admitted_up_to_the_limit_and_not_beyond() {
    let most = u64::from(DEPTH_MAX) + 1;
    assert_eq!(admit(&mut Places::default(), &chain(1, most, None)), Ok(()));
    assert_eq!(admit(&mut Places::default(), &chain(1, most + 1, None)), Err(Misplaced::TooDeep));
    assert_eq!(admit(&mut Places::default(), &chain(1, 100_000, None)), Err(Misplaced::TooDeep));
}

#[test]
fn depth_adds_up_over_updates() {
    let mut places = Places::default();
    admit(&mut places, &chain(1, 40, None)).unwrap();
    let refused = chain(2, 40, Some(Id { client: 1, clock: 39 }));
    assert_eq!(admit(&mut places, &refused), Err(Misplaced::TooDeep));
    // What was refused left no trace: the same clocks may come anew.
    assert_eq!(admit(&mut places, &chain(2, 20, Some(Id { client: 1, clock: 39 }))), Ok(()));
    assert_eq!(admit(&mut places, &chain(3, 20, Some(Id { client: 2, clock: 19 }))), Err(Misplaced::TooDeep));
}

/// An item beside another names no parent: it stands as deep as its neighbour.
#[test]
fn a_neighbour_stands_as_deep() {
    let mut places = Places::default();
    admit(&mut places, &chain(1, 60, None)).unwrap();
    // Client 2: a map with origin (1, 59), at depth 59.
    admit(&mut places, &[1, 1, 2, 0, 0x87, 1, 59, 1, 0]).unwrap();
    assert_eq!(admit(&mut places, &chain(3, 6, Some(Id { client: 2, clock: 0 }))), Err(Misplaced::TooDeep));
    assert_eq!(admit(&mut places, &chain(3, 5, Some(Id { client: 2, clock: 0 }))), Ok(()));
}

#[test]
fn neighbouring_clocks_of_one_depth_share_an_entry() {
    let mut places = Places::default();
    for clock in 0..100 {
        let place: &[u8] = if clock == 0 { &[4, 1, 1, b't'] } else { &[0x84, 7, clock - 1] };
        admit(&mut places, &[&[1, 1, 7, clock], place, &[1, b'x', 0]].concat()).unwrap();
    }
    assert_eq!(places.clients[&7].len(), 1);
}

/// A struct under the root `t`, as [`update`] takes it.
const TEXT: &[u8] = &[4, 1, 1, b't', 1, b'x'];

/// One section from a clock on, and no deletions.
fn update(client: u8, clock: u8, structs: &[&[u8]]) -> Vec<u8> {
    let count = u8::try_from(structs.len()).unwrap();
    [&[1, count, client, clock][..], &structs.concat(), &[0]].concat()
}

/// Admits the first, which any client may send, and answers what becomes of the second.
fn after(first: &[u8], second: &[u8]) -> Result<(), Misplaced> {
    let mut places = Places::default();
    admit(&mut places, first).unwrap();
    admit(&mut places, second)
}

const fn id(client: u64, clock: u32) -> Id {
    Id { client, clock }
}

/// yrs stopped half-way through such an update, so that its room had to read the flow
/// anew; yjs took it for deleted.
#[test]
fn nothing_lies_in_a_value() {
    let child = [&[4, 0, 1, 0][..], &[1, b'y']].concat();
    assert_eq!(after(&update(1, 0, &[TEXT]), &update(2, 0, &[&child])), Err(Misplaced::NoType(id(2, 0))));
    let array = [7, 1, 1, b't', 2];
    assert_eq!(after(&update(1, 0, &[&array]), &update(2, 0, &[&child])), Ok(()));
    // What was collected may have been a type: a peer may still have work for it.
    assert_eq!(after(&update(1, 0, &[&[1, 1, 1, b't', 1]]), &update(2, 0, &[&child])), Ok(()));
    assert_eq!(after(&update(1, 0, &[&[0, 1]]), &update(2, 0, &[&child])), Ok(()));
}

/// yjs took the item for collected if either neighbour was, yrs only if both were; of
/// two lists each chose another.
#[test]
fn both_neighbours_stand_in_one_place() {
    let between = |left: u8, right: u8| [0xc4, 1, left, 1, right, 1, b'y'];
    let [list, other, gone] = [TEXT, &[4, 1, 1, b'u', 1, b'x'], &[0, 1]];
    let first = update(1, 0, &[list, list, other, gone, gone]);
    let second = |left, right| update(2, 0, &[&between(left, right)]);
    assert_eq!(after(&first, &second(0, 1)), Ok(()));
    assert_eq!(after(&first, &second(0, 2)), Err(Misplaced::Torn(id(2, 0))));
    assert_eq!(after(&first, &second(0, 3)), Err(Misplaced::Torn(id(2, 0))));
    assert_eq!(after(&first, &second(3, 4)), Ok(()));
    assert_eq!(after(&first, &second(4, 3)), Ok(()), "there is no order in what was collected");
}

/// yjs's undo finds both neighbours of what it brings back by following what became of
/// them, and may end at one and the same, or at two in the wrong order. Where such an
/// item stands may differ between peers until they join anew; refused, it would cost an
/// honest client its work.
#[test]
fn neighbours_of_one_list_may_be_named_in_any_order() {
    let word = [4, 1, 1, b't', 3, b'a', b'b', b'c'];
    let first = update(1, 0, &[&word, &[0x84, 1, 2, 1, b'd']]);
    let between = |left: u8, right: u8| update(2, 0, &[&[0xc4, 1, left, 1, right, 1, b'y']]);
    for (left, right) in [(0, 1), (1, 3), (1, 1), (2, 0), (3, 1)] {
        assert_eq!(after(&first, &between(left, right)), Ok(()), "{left} {right}");
    }
}

/// A log may hold as collected what was admitted as an item: whoever opened the flow
/// from it found no place for what came after.
#[test]
fn what_is_stored_is_noted_whatever_it_says() {
    let within_value = update(2, 0, &[&[4, 0, 1, 0, 1, b'y']]);
    let mut places = Places::default();
    note(&mut places, &update(1, 0, &[TEXT]));
    assert!(admit(&mut places, &within_value).is_err());
    note(&mut places, &within_value);
    assert_eq!(places.end(2), 1, "later work of the client is judged from here on");
}

/// A client may say again and again what is deleted.
#[test]
fn lists_are_looked_at_once_however_often_they_are_deleted() {
    let mut places = Places::default();
    note(&mut places, &update(1, 0, &[&[7, 1, 1, b'r', 0], &[7, 1, 1, b's', 0]]));
    assert_eq!(places.lists[&1].len(), 2);
    let deletion = [0, 1, 1, 2, 0, 1, 0, 2];
    for _ in 0..2 {
        note(&mut places, &deletion);
        assert!(places.lists[&1].is_empty());
        assert_eq!(places.dead.len(), 2);
    }
}

/// Of a struct that was known in part and collected there, every yjs client threw.
#[test]
fn what_is_known_in_part_goes_on_where_it_stands() {
    let more = update(1, 0, &[&[4, 1, 1, b't', 3, b'x', b'y', b'z']]);
    assert_eq!(after(&update(1, 0, &[TEXT]), &more), Ok(()));
    assert_eq!(after(&update(1, 0, &[&[0, 1]]), &more), Err(Misplaced::Torn(id(1, 0))));
    assert_eq!(after(&update(1, 0, &[&[4, 1, 1, b'u', 1, b'x']]), &more), Err(Misplaced::Torn(id(1, 0))));
}

/// Part of a longer entry can be deleted: those who were there then saw nothing, and
/// those who joined the first part.
#[test]
fn a_maps_entry_is_one_value() {
    let entry = |content: &[u8]| [&[0x20 | content[0], 1, 1, b't', 1, b'k'], &content[1..]].concat();
    let admitted = |content: &[u8], deleted: &[u8]| {
        let structs = [&[1, 1, 1, 0][..], &entry(content)].concat();
        admit(&mut Places::default(), &[&structs, deleted].concat())
    };
    let refused = Err(Misplaced::Entry(id(1, 0)));
    for value in [&[8, 1, 126][..], &[3, 1, 7], &[7, 1], &[1, 5]] {
        assert_eq!(admitted(value, &[0]), Ok(()), "{value:?}");
    }
    for value in [&[4, 1, b'x'][..], &[5, 1, b'1'], &[6, 1, b'b', 1, b'1'], &[8, 2, 126, 126]] {
        assert_eq!(admitted(value, &[0]), refused, "{value:?}");
    }
    // Clients merge neighbouring values that are all deleted.
    assert_eq!(admitted(&[8, 2, 126, 126], &[1, 1, 2, 0, 1, 1, 1]), Ok(()));
    assert_eq!(admitted(&[8, 2, 126, 126], &[1, 1, 1, 1, 1]), refused);
    // The one that follows it names no key, and is an entry all the same.
    let follows = |content: &[u8]| update(2, 0, &[&[&[0x80 | content[0], 1, 0], &content[1..]].concat()]);
    let first = update(1, 0, &[&entry(&[8, 1, 126])]);
    assert_eq!(after(&first, &follows(&[8, 1, 126])), Ok(()));
    assert_eq!(after(&first, &follows(&[4, 1, b'x'])), Err(Misplaced::Entry(id(2, 0))));
}

/// Reading an array that held text with an emoji never came to its end in yrs, and a
/// fragment with `null` in it was no JSON to yjs.
#[test]
fn a_list_holds_what_its_type_holds() {
    let [any, text, a_type] = [&[8, 1, 126][..], &[4, 4, 0xf0, 0x9f, 0x98, 0x80], &[7, 1]];
    let [array, map, rich_text, xml] =
        [&[7, 1, 1, b't', 0][..], &[7, 1, 1, b't', 1], &[7, 1, 1, b't', 2], &[7, 1, 1, b't', 4]];
    let within = |list: &[u8], content: &[u8]| {
        let child = [&[content[0], 0, 1, 0], &content[1..]].concat();
        after(&update(1, 0, &[list]), &update(2, 0, &[&child])).is_ok()
    };
    assert!(within(array, any) && within(array, a_type) && !within(array, text));
    assert!(!within(map, any) && !within(map, a_type) && !within(map, text));
    assert!(!within(rich_text, any) && within(rich_text, a_type) && within(rich_text, text));
    assert!(!within(xml, any) && within(xml, a_type) && !within(xml, text));
}

/// Who deletes a text collects what is in it before he sends it; who does not know of
/// it yet writes beside that. The simulation found such a client sent away for good.
#[test]
fn in_a_deleted_type_collected_and_not_yet_collected_stand_together() {
    let mut places = Places::default();
    let text = [[7, 1, 1, b't', 2], [4, 0, 1, 0, 1]].concat();
    admit(&mut places, &update(1, 0, &[&text[..5], &[&text[5..], &b"x"[..]].concat()])).unwrap();
    let collected = [1, 1, 2, 0, 0, 1];
    let beside = |client| update(client, 0, &[&[0xc4, 1, 1, 2, 0, 1, b'y']]);
    let alive = &mut places.clone();
    admit(alive, &[&collected[..], &[0]].concat()).unwrap();
    assert_eq!(admit(alive, &beside(3)), Err(Misplaced::Torn(id(3, 0))), "nobody deleted it");
    admit(&mut places, &[&collected[..], &[1, 1, 1, 0, 1]].concat()).unwrap();
    assert_eq!(admit(&mut places, &beside(3)), Ok(()));
}

/// Beside what was collected, too, an entry is one value: part of this one stayed when
/// its map went.
#[test]
fn in_a_deleted_map_an_entry_is_one_value_all_the_same() {
    let map = [7, 1, 1, b't', 1];
    let entry = [0x28, 0, 1, 0, 1, b'k', 1, 126];
    let values = [0xc8, 1, 1, 1, 2, 2, 126, 126];
    let structs = [&[2, 3, 1, 0][..], &map, &entry, &[0, 1], &[1, 2, 0], &values].concat();
    let deletes = [1, 1, 1, 0, 1];
    let refused = admit(&mut Places::default(), &[&structs[..], &deletes].concat());
    assert_eq!(refused, Err(Misplaced::Entry(id(2, 0))));
}

/// Two updates in which everything but the first two structs lies in a deleted array,
/// beside something collected: client 3's `structs`, the first of which is a map.
fn in_a_deleted_array(structs: &[&[u8]]) -> Vec<u8> {
    let array = [7, 1, 1, b't', 0];
    let value = [8, 0, 1, 0, 1, 126];
    let before = [&[3, 2, 1, 0][..], &array, &value, &[1, 2, 0, 0, 1]].concat();
    let beside = [0xc7, 2, 0, 1, 1, 1];
    let mut section = Vec::new();
    write_var_uint(&mut section, structs.len() as u64 + 1);
    section.extend([&[3, 0][..], &beside, &structs.concat()].concat());
    [&before[..], &section, &[1, 1, 1, 0, 1]].concat()
}

/// What lies in a deleted type stays until the transaction ends, and then goes by
/// recursion: 10,000 maps within each other, 60 KB, ended the server.
#[test]
fn what_is_deleted_is_no_deeper_either() {
    let nested = |count: u32| {
        let map = |clock: u32| {
            let mut map = vec![0x27, 0, 3];
            write_var_uint(&mut map, u64::from(clock));
            [&map[..], &[1, b'k', 1]].concat()
        };
        let maps: Vec<Vec<u8>> = (0..count).map(map).collect();
        let maps: Vec<&[u8]> = maps.iter().map(Vec::as_slice).collect();
        admit(&mut Places::default(), &in_a_deleted_array(&maps))
    };
    assert_eq!(nested(60), Ok(()));
    assert_eq!(nested(10_000), Err(Misplaced::TooDeep));
}

/// Nor does it begin anew: the map at clock 61 stands between something collected and what
/// lies in the one at 59.
#[test]
fn beside_something_collected_it_is_as_deep_as_its_other_neighbour() {
    let map = |clock: u8| [0x27, 0, 3, clock, 1, b'k', 1];
    let maps: Vec<[u8; 7]> = (0..60).map(map).collect();
    let mut structs: Vec<&[u8]> = maps.iter().map(<[u8; 7]>::as_slice).collect();
    let (between, deeper) = ([0xc7, 2, 0, 3, 60, 1], (61..70).map(map).collect::<Vec<_>>());
    structs.push(&between);
    structs.extend(deeper.iter().map(<[u8; 7]>::as_slice));
    assert_eq!(admit(&mut Places::default(), &in_a_deleted_array(&structs)), Err(Misplaced::TooDeep));
}

/// yrs failed half-way, because it had not collected the value yet.
#[test]
fn nothing_lies_in_a_value_that_is_deleted() {
    let beside = [0xc8, 2, 0, 1, 1, 1, 126];
    let within = [0x28, 0, 3, 1, 1, b'k', 1, 126];
    let refused = admit(&mut Places::default(), &in_a_deleted_array(&[&beside, &within]));
    assert_eq!(refused, Err(Misplaced::NoType(id(3, 2))));
}
