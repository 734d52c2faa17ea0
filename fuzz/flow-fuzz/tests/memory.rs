//! Large updates of one kind of struct each: those that take most memory for their size.

use flow_fuzz::memory::peak_of;
use flow_fuzz::model::{Content, Item, Model, Piece, Section, Within};
use flow_fuzz::{Counting, updates};
use flow_model::FlowDoc;
use flow_protocol::{Places, UpdateLimits, check_update};

#[global_allocator]
static COUNTING: Counting = Counting;

const STRUCTS: u32 = 10_000;

fn one_client(piece: impl Fn(u32) -> Piece) -> Model {
    let pieces = (0..STRUCTS).map(piece).collect();
    Model { sections: vec![Section { client: 1, clock: 0, pieces }], deleted: Vec::new() }
}

fn item(root: String, key: Option<String>, kind: u8, bytes: &[u8]) -> Piece {
    let content = Content { kind, len: 1, bytes: bytes.to_vec() };
    Piece::Item(Item { origin: None, right_origin: None, within: Within::Root(root), key, content })
}

/// Peak and length of an update that passes the walker; `None` for one that does not.
fn apply(update: &[u8]) -> Option<usize> {
    let (passed, peak) = peak_of(|| {
        let checked = check_update(update.to_vec().into(), &UpdateLimits::default()).ok()?;
        let mut places = Places::default();
        places.admit(&checked.walked()).expect("every struct stands in a root");
        let mut flow = FlowDoc::new(Some(1 << 40));
        flow.apply_update_v1(update).expect("a flow takes what the walker lets through");
        // Both stay as long as the flow is open.
        Some((places, flow))
    });
    passed.map(|_| peak)
}

/// New roots took 122 times the update's size, new clients 117 times.
#[test]
fn what_passes_takes_at_most_64_times_its_size() {
    let text: &[u8] = &[1, b'x'];
    let many_clients = |name: &str| Model {
        sections: (0..u64::from(STRUCTS))
            .map(|client| Section {
                client: client + (1 << 20),
                clock: 0,
                pieces: vec![item(name.into(), None, 4, text)],
            })
            .collect(),
        deleted: Vec::new(),
    };
    let mut passed = 0;
    let mut check = |what: &str, width: usize, model: &Model| {
        let update = model.write();
        let Some(peak) = apply(&update) else { return };
        passed += 1;
        assert!(
            peak <= updates::bound(update.len()),
            "{what} {width}: {peak} bytes of memory for {} of update, {:.1} times",
            update.len(),
            peak as f64 / update.len() as f64
        );
    };
    for width in [4, 6, 8, 10, 13, 16, 20, 26] {
        let name = |at: u32| format!("{at:0width$x}");
        let root = || "nodes".to_owned();
        check("roots", width, &one_client(|at| item(name(at), None, 4, text)));
        check("types", width, &one_client(|at| item(name(at), None, 7, &[1])));
        check("entries of roots", width, &one_client(|at| item(name(at), Some("k".into()), 8, &[1, 126])));
        check("entries", width, &one_client(|at| item(root(), Some(name(at)), 8, &[1, 126])));
        check("entries with types", width, &one_client(|at| item(root(), Some(name(at)), 7, &[1])));
        check("clients", width, &many_clients(&"t".repeat(width)));
        let list =
            |of: &[u8]| [&[1, 117, u8::try_from(width).expect("small")][..], &of.repeat(width)].concat();
        for (what, value) in [
            ("nulls", &[126][..]),
            ("lists", &[117, 0]),
            ("objects", &[118, 1, 0, 126]),
            ("empty objects", &[118, 0]),
        ] {
            check(what, width, &one_client(|_| item("t".into(), None, 8, &list(value))));
        }
        let json = format!("[{}1]", "[],".repeat(width));
        let json = [&[u8::try_from(json.len()).expect("small")][..], json.as_bytes()].concat();
        check("JSON", width, &one_client(|_| item("t".into(), None, 5, &json)));
    }
    check("collected", 0, &one_client(|_| Piece::Gc(1)));
    check("text", 0, &one_client(|_| item("t".into(), None, 4, text)));
    assert!(passed > 50, "only {passed} updates passed the walker");
}
