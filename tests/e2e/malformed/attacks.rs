//! The kinds of traffic.

use bytes::Bytes;
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame;
use flow_protocol::walk::{Id, Parent, StructKind};
use flow_protocol::{CloseCode, UpdateLimits, walk};

use crate::raw::{letters, var_uint};

/// One kind of traffic, and how the server answers it.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) by: By,
    pub(super) send: Send,
    pub(super) ends: Ends,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum By {
    Editor,
    Viewer,
}

pub(super) enum Send {
    /// WebSocket messages.
    Messages(Vec<Bytes>),
    Text(&'static str),
    /// Bytes below WebSocket, in place of a frame.
    Bytes(Vec<u8>),
    /// Likewise, and then nothing more, or a reset.
    Half(Vec<u8>, Then),
}

pub(super) enum Then {
    Silence,
    Reset,
}

pub(super) enum Ends {
    Closed(CloseCode),
    /// The connection breaks; a close frame may come first.
    Cut,
    /// It goes on, and a barrier is answered.
    GoesOn,
    /// It goes on, and is told that something was not applied.
    Denied,
    /// It goes on, and is asked for what it left out.
    Asked,
    /// Nothing is waited for.
    Open,
}

fn closes(name: &'static str, code: CloseCode, frame: impl Into<Bytes>) -> Attack {
    Attack { name, by: By::Editor, send: Send::Messages(vec![frame.into()]), ends: Ends::Closed(code) }
}

fn malformed(name: &'static str, frame: impl Into<Bytes>) -> Attack {
    closes(name, CloseCode::Malformed, frame)
}

fn update(name: &'static str, update: &[u8]) -> Attack {
    malformed(name, frame::update(update))
}

fn goes_on(name: &'static str, frames: impl IntoIterator<Item = Bytes>) -> Attack {
    Attack { name, by: By::Editor, send: Send::Messages(frames.into_iter().collect()), ends: Ends::GoesOn }
}

fn cut(name: &'static str, bytes: &[u8]) -> Attack {
    Attack { name, by: By::Editor, send: Send::Bytes(bytes.to_vec()), ends: Ends::Cut }
}

pub(super) fn messages() -> Vec<Attack> {
    vec![
        malformed("an empty frame", Bytes::new()),
        malformed("an unknown sync message", vec![0, 9, 0]),
        malformed("a sync message without a body", vec![0, 2]),
        malformed("a length beyond the frame", vec![0, 2, 200, 1, 1]),
        malformed("a length of 2^63", [&[0, 2][..], &[255; 9], &[1]].concat()),
        malformed("a barrier of 65 bytes", frame::barrier(&[0; 65])),
        closes("a frame beyond the limit", CloseCode::TooLarge, vec![0; FRAME_BYTES + 1]),
        Attack {
            name: "text",
            by: By::Editor,
            send: Send::Text("hello"),
            ends: Ends::Closed(CloseCode::Malformed),
        },
        goes_on(
            "messages of unknown types",
            [Bytes::from_static(&[50, 1, 2, 3]), Bytes::from_static(&[200, 1])],
        ),
        goes_on("what only servers send", [frame::permission_denied("no")]),
        goes_on("ten thousand barriers in a frame", [frame::barrier(&[7; 64]).repeat(10_000).into()]),
        goes_on("two thousand steps 1 in a frame", [frame::step_1(&[0]).repeat(2_000).into()]),
        goes_on("two thousand questions for presence", [frame::query_awareness().repeat(2_000).into()]),
        malformed("a state vector that declares 2^28 entries", frame::step_1(&[255, 255, 255, 122])),
        goes_on(
            "a state vector of four hundred thousand clients, thrice",
            std::iter::repeat_n(frame::step_1(&long_state_vector()), 3),
        ),
        malformed("a state vector with bytes behind it", frame::step_1(&[0, 0])),
    ]
}

fn long_state_vector() -> Vec<u8> {
    let count = 400_000;
    let entries = (0..count).flat_map(|client| [var_uint(client + (1 << 31)), vec![9]].concat());
    var_uint(count).into_iter().chain(entries).collect()
}

pub(super) fn updates() -> Vec<Attack> {
    let past_53_bits = [vec![1, 1], var_uint(1 << 53), vec![0, 4, 1, 1, b's', 1, b'x', 0]].concat();
    vec![
        update("an update that declares 2^28 clients", &[255, 255, 255, 122]),
        update("an update that declares 2^28 structs", &[1, 255, 255, 255, 122, 5, 0]),
        update("an update that declares 2^28 deletions", &[0, 1, 5, 255, 255, 255, 122]),
        update("a type that only yrs knows", &[1, 1, 5, 0, 7, 1, 1, b'a', 15, 0]),
        update("another type that only yrs knows", &[1, 1, 5, 0, 7, 1, 1, b'a', 9, 0]),
        update("content that yrs and yjs read differently", &[1, 1, 5, 0, 2, 1, 1, b'a', 1, 1, b'1', 0]),
        update("a document inside the document", &[1, 1, 5, 0, 9, 1, 1, b'a', 1, b'g', 118, 0, 0]),
        update("bytes behind an update", &[letters(900, 0, 1), vec![0]].concat()),
        update("an update cut short", &letters(901, 0, 1)[..8]),
        update("text that is no UTF-8", &[1, 1, 5, 0, 4, 1, 1, b's', 1, 0xff, 0]),
        update("a struct of no length", &[1, 1, 5, 0, 0, 0, 0]),
        update("a run of 2^31 clocks", &[vec![1, 1, 5, 0, 0], var_uint(1 << 31), vec![0]].concat()),
        update("deletions that pass 2^31", &[vec![0, 1, 5, 1, 1], var_uint((1 << 31) - 1)].concat()),
        update("a client with two sections", &[2, 1, 5, 0, 0, 1, 1, 5, 1, 0, 1, 0]),
        update("a client id past 53 bits", &past_53_bits),
        update("a value nested a million deep", &deep_value()),
        update("maps nested a hundred thousand deep", &deep_maps()),
        update(
            "the prototype of an object",
            &[
                1, 1, 5, 0, 0x28, 1, 1, b'a', 9, b'_', b'_', b'p', b'r', b'o', b't', b'o', b'_', b'_', 1,
                120, 0,
            ],
        ),
        // 1.4 MB that take more than 64 times as much.
        update("a hundred thousand maps in a map", &flat_maps()),
        goes_on(
            "a run of 2^30 collected clocks",
            [frame::update(&[vec![1, 1, 6, 0, 0], var_uint(1 << 30), vec![0]].concat())],
        ),
        goes_on("deletions of what nobody has", [frame::update(&[0, 1, 6, 1, 0, 1])]),
        goes_on("an update of nothing", [frame::update(&[0, 0])]),
        goes_on(
            "twenty thousand tiny updates",
            (0..20_000).map(|clock| frame::update(&letters(902, clock, 1))),
        ),
        Attack {
            name: "a hole that is never filled",
            by: By::Editor,
            send: Send::Messages(vec![frame::update(&letters(903, 9, 1))]),
            ends: Ends::Asked,
        },
        Attack {
            name: "a viewer's edit",
            by: By::Viewer,
            send: Send::Messages(vec![frame::update(&letters(904, 0, 1))]),
            ends: Ends::Denied,
        },
    ]
}

pub(super) fn presence() -> Vec<Attack> {
    let entry =
        |client, clock, state: &str| Entry { client, clock, state: Bytes::copy_from_slice(state.as_bytes()) };
    let frame = |entries: &[Entry]| frame::awareness(&awareness::encode(entries.iter()));
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    let many: Vec<_> = (0..9_000).map(|client| entry(client, 1, "{}")).collect();
    let too_many: Vec<_> = (0..10_001).map(|client| entry(client, 1, "{}")).collect();
    vec![
        malformed("presence cut short", frame::awareness(&[1, 1])),
        malformed("presence that declares 2^28 entries", frame::awareness(&[255, 255, 255, 122])),
        malformed("presence of ten thousand and one", frame(&too_many)),
        malformed("presence of a client past 53 bits", frame(&[entry(1 << 53, 1, "{}")])),
        goes_on("presence of nine thousand at once", [frame(&many)]),
        goes_on(
            "presence that is no JSON",
            [frame(&[entry(20, 1, "{\"a\":")]), frame(&[entry(20, 2, "[1]")])],
        ),
        goes_on("presence nested deeply", [frame(&[entry(21, 1, &"[".repeat(8_000))])]),
        goes_on("presence at the end of all clocks", [frame(&[entry(22, (1 << 53) - 1, "{}")])]),
        Attack {
            name: "presence of a hundred kilobytes",
            by: By::Viewer,
            send: Send::Messages(vec![frame(&[entry(23, 1, &huge)])]),
            ends: Ends::Denied,
        },
    ]
}

/// Below the messages: RFC 6455, section 5.2. Frames of clients carry a mask of four
/// bytes, here zero.
pub(super) fn websocket() -> Vec<Attack> {
    let declares = |len: u64| [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
    let half = |then| Attack {
        name: match then {
            Then::Silence => "half a frame, then silence",
            Then::Reset => "half a frame, then a reset",
        },
        by: By::Editor,
        send: Send::Half([declares(1 << 20), vec![0; 500_000]].concat(), then),
        ends: Ends::Open,
    };
    vec![
        cut("a frame of 2^62 bytes", &declares(1 << 62)),
        cut("a frame of twice the limit and more", &declares(2 * FRAME_BYTES as u64 + 1)),
        cut("a continuation of nothing", &[0x80, 0x81, 0, 0, 0, 0, b'x']),
        cut("a message inside a message", &[0x02, 0x81, 0, 0, 0, 0, 1, 0x82, 0x81, 0, 0, 0, 0, 1]),
        cut("an unknown opcode", &[0x83, 0x80, 0, 0, 0, 0]),
        cut("reserved bits", &[0xf2, 0x80, 0, 0, 0, 0]),
        cut("a frame without a mask", &[0x82, 0x01, 0]),
        cut("a ping in fragments", &[0x09, 0x80, 0, 0, 0, 0]),
        cut("a ping of 200 bytes", &[&[0x89, 0xfe, 0, 200, 0, 0, 0, 0][..], &[0; 200]].concat()),
        cut("text that is no UTF-8 below", &[0x81, 0x81, 0, 0, 0, 0, 0xff]),
        cut("a close of one byte", &[0x88, 0x81, 0, 0, 0, 0, 3]),
        cut("a close with a code that is none", &[0x88, 0x82, 0, 0, 0, 0, 0, 1]),
        cut("what is no frame", b"GET / HTTP/1.1\r\n\r\n"),
        half(Then::Silence),
        half(Then::Reset),
    ]
}

pub(super) const FRAME_BYTES: usize = 4 << 20;

fn deep_value() -> Vec<u8> {
    let mut bytes = vec![1, 1, 5, 0, 8, 1, 1, b'a', 1];
    bytes.extend([117, 1].repeat(1_000_000));
    bytes.extend([126, 0]);
    bytes
}

fn deep_maps() -> Vec<u8> {
    let mut bytes = vec![1, 0xa0, 0x8d, 0x06, 5, 0, 0x27, 1, 1, b't', 1, b'k', 1];
    for clock in 0..99_999_u32 {
        bytes.extend([0x27, 0, 5]);
        let mut rest = clock;
        while rest >= 0x80 {
            bytes.push(0x80 | u8::try_from(rest & 0x7f).unwrap());
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).unwrap());
        bytes.extend([4, b'k', b'k', b'k', b'k', 1]);
    }
    bytes.push(0);
    bytes
}

/// Each under a key of the root map `f`.
fn flat_maps() -> Vec<u8> {
    let count = 100_000;
    let mut bytes = [vec![1], var_uint(count), vec![5, 0]].concat();
    for key in 0..count {
        let key = format!("{key:08}");
        bytes.extend([0x27, 1, 1, b'f', 8]);
        bytes.extend(key.as_bytes());
        bytes.push(1);
    }
    bytes.push(0);
    bytes
}

/// Where the document's lineage is kept.
pub(super) fn lineage_item(state: &[u8]) -> Id {
    let walked = walk(state, &UpdateLimits::unlimited()).unwrap();
    let structs = walked.sections().iter().flat_map(|section| walked.structs(section));
    let found = structs.filter(|found| {
        let StructKind::Item { parent, key, .. } = found.kind else { return false };
        parent == Some(Parent::Root("meta")) && key == Some("lineage")
    });
    found.last().expect("the flow has a lineage").id
}

pub(super) fn lineage(item: Id) -> Vec<Attack> {
    let mut set = vec![1, 1, 7, 0, 0x28, 1, 4];
    set.extend(b"meta\x07lineage");
    set.extend([1, 126, 0]);
    let id = [var_uint(item.client), var_uint(item.clock.into())].concat();
    // An item after the present one takes parent and key from it.
    let overwrite = [&[1, 1, 8, 0, 0x88][..], &id, &[1, 126, 0]].concat();
    let delete = [&[0, 1][..], &var_uint(item.client), &[1], &var_uint(item.clock.into()), &[1]].concat();
    let foreign = |name, update: &[u8]| closes(name, CloseCode::ForeignLineage, frame::update(update));
    vec![
        foreign("another lineage", &set),
        foreign("another lineage by its origin", &overwrite),
        foreign("no lineage", &delete),
    ]
}
