use super::*;

const BATCH: BatchId = BatchId::from_uuid(Uuid::from_bytes([7; 16]));
const NODE: NodeId = NodeId::from_uuid(Uuid::from_bytes([9; 16]));

fn update() -> LoggedUpdate {
    LoggedUpdate { batch: BATCH, bytes: Bytes::from_static(b"update") }
}

fn shown(state: Option<&'static str>) -> Shown {
    let user = UserId::from_uuid(Uuid::from_bytes([8; 16]));
    Shown { client: 1 << 40, clock: 3, user, state: state.map(|state| Bytes::from_static(state.as_bytes())) }
}

#[test]
fn the_layouts_of_version_1_never_change() {
    let snapshot = CachedSnapshot { seq: Seq(3), batch: None, state: Bytes::from_static(b"state") };
    assert_eq!(encode_snapshot(&snapshot), b"\x01\x00\x05state");
    assert_eq!(encode_update(&update()), [b"\x01", &[7; 16][..], b"\x06update"].concat());
    let slice = LogSlice { first: Seq(300), updates: vec![update()] };
    let update = [&[7; 16][..], b"\x06update"].concat();
    let committed = [b"\x01", &[9; 16][..], b"\x00\xfb\x2c\x01\x01", &update].concat();
    assert_eq!(encode_committed(NODE, &slice), committed);
    let shown = [&b"\xfd\0\0\0\0\0\x01\0\0\x03"[..], &[8; 16], b"\x01\x02{}"].concat();
    let presence = NodePresence::Changed(vec![self::shown(Some("{}"))]);
    assert_eq!(encode_presence(NODE, &presence), [b"\x01", &[9; 16][..], b"\x02\x01", &shown].concat());
}

#[test]
fn everything_that_is_said_reads_back() {
    let slice = LogSlice { first: Seq(300), updates: vec![update(), update()] };
    let changed = NodePresence::Changed(vec![shown(None), shown(Some("{}"))]);
    let everybody = NodePresence::Everybody { shown: vec![shown(Some("{}"))], asks: true };
    let said = [
        (encode_committed(NODE, &slice), Says::Committed(slice)),
        (encode_look(NODE), Says::LookIntoTheLog),
        (encode_presence(NODE, &changed), Says::Presence(changed)),
        (encode_presence(NODE, &everybody), Says::Presence(everybody)),
    ];
    for (bytes, says) in said {
        assert_eq!(decode_frame(&bytes.into()).unwrap(), Frame { from: NODE, says });
    }
    let snapshot = CachedSnapshot { seq: Seq(3), batch: Some(BATCH), state: Bytes::from_static(b"state") };
    assert_eq!(decode_snapshot(Seq(3), &encode_snapshot(&snapshot).into()).unwrap(), snapshot);
    assert_eq!(decode_update(&encode_update(&update()).into()).unwrap(), update());
}

#[test]
fn anything_but_one_whole_value_of_a_known_version_is_refused() {
    let bytes = encode_update(&update());
    let read = |bytes: &[u8]| decode_update(&Bytes::copy_from_slice(bytes));
    assert!(matches!(read(&[]), Err(WireError::Empty)));
    assert!(matches!(read(b"\x02"), Err(WireError::Version(2))));
    assert!(matches!(read(&[&bytes[..], b"x"].concat()), Err(WireError::Trailing(1))));
    for end in 1..bytes.len() {
        assert!(matches!(read(&bytes[..end]), Err(WireError::Malformed(_))), "cut at {end}");
    }
}

#[test]
fn a_declared_length_is_not_believed() {
    // 2^60 bytes, and 2^60 updates of a frame.
    let length = b"\xfd\0\0\0\0\0\0\0\x10";
    assert!(decode_update(&[&b"\x01"[..], &[7; 16], length].concat().into()).is_err());
    assert!(decode_frame(&[&b"\x01"[..], &[9; 16], b"\x00\x01", length].concat().into()).is_err());
    // Few enough to be allocated, but not there.
    assert!(decode_frame(&[&b"\x01"[..], &[9; 16], b"\x00\x01\xfb\xff\xff"].concat().into()).is_err());
}

#[test]
fn a_position_that_cannot_be_is_refused() {
    for first in [0, SEQ_MAX, u64::MAX] {
        let frame = encode_committed(NODE, &LogSlice { first: Seq(first), updates: Vec::new() });
        assert!(matches!(decode_frame(&frame.into()), Err(WireError::Position(at)) if at == first));
    }
}
