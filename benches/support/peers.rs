//! Peers of a room: what they send, and what their sockets take. All that the benches
//! know of outboxes is here.

use bytes::Bytes;
use flow_base::{ConnId, Role, UserId};
use flow_protocol::CheckedUpdate;
use flow_protocol::frame::{self, Message};
use flow_room::{Inbound, Outbox, PeerInfo, RoomHandle, RoomLimits, Taken};
use futures_util::FutureExt;

pub(crate) fn editor() -> PeerInfo {
    PeerInfo { user: UserId::generate(), name: "Ann".into(), role: Role::Editor, may_edit: true }
}

/// As [`RoomHandle::join`] makes them.
pub(crate) fn outbox() -> Outbox {
    let limits = RoomLimits::default();
    Outbox::new(limits.outbox_soft_bytes, limits.outbox_hard_bytes)
}

/// Takes what is there; answers how many frames that is, and their bytes.
pub(crate) fn take_all(outbox: &Outbox) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    while let Some(taken) = outbox.take().now_or_never() {
        let frames = frames(taken);
        count += frames.len();
        bytes += frames.iter().map(Bytes::len).sum::<usize>();
    }
    (count, bytes)
}

/// What a client does when its socket opens: it asks for what it lacks, is asked for
/// what the room lacks, and answers with `pending`. Done when it has its own answer;
/// answers the bytes of that.
pub(crate) async fn join(room: &RoomHandle, conn: ConnId, rejoin: &Rejoin) -> usize {
    let outbox = room.join(conn, editor()).await.unwrap();
    let state_vector = rejoin.state_vector.clone();
    room.receive(conn, Inbound::Step1 { state_vector }).await.unwrap();
    let (mut asked, mut answer) = (false, None);
    while !asked || answer.is_none() {
        for frame in frames(outbox.take().await) {
            for message in frame::messages(frame) {
                match message.unwrap() {
                    Message::Step1 { .. } if !asked => {
                        asked = true;
                        let update = rejoin.pending.clone();
                        let permit = room.reserve(update.bytes().len()).await;
                        room.receive(conn, Inbound::Step2 { update, permit }).await.unwrap();
                    }
                    Message::Step2 { update } => answer = Some(update.len()),
                    _ => {}
                }
            }
        }
    }
    answer.unwrap_or(0)
}

/// What a client comes back with.
#[derive(Debug, Clone)]
pub(crate) struct Rejoin {
    pub(crate) state_vector: Bytes,
    /// What it has edited and the room has not.
    pub(crate) pending: CheckedUpdate,
}

impl Rejoin {
    /// With an empty document.
    pub(crate) fn empty() -> Self {
        Self::with(Bytes::from_static(&[0]))
    }

    /// With nothing that the room has not.
    pub(crate) fn with(state_vector: Bytes) -> Self {
        Self { state_vector, pending: super::flow::checked(Bytes::from_static(&[0, 0])) }
    }
}

fn frames(taken: Taken) -> Vec<Bytes> {
    match taken {
        Taken::Frames(frames) => frames,
        other => panic!("a peer that reads everything is told {other:?}"),
    }
}
