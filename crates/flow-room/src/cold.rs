//! A room before its document is there.
//!
//! Building a large document takes a fraction of a second. Until then, whoever joins is
//! asked for what is not stored, and who has nothing is answered from the bytes that were
//! read; everything else is kept, in order, for the room.

use std::collections::HashMap;

use bytes::Bytes;
use flow_base::ConnId;
use flow_protocol::StateVector;
use tokio::sync::mpsc;

use crate::event::{Event, Inbound, Position};
use crate::handle::Message;
use crate::load::{Examined, LoadError, LoadedFlow};
use crate::outbox::Outbox;

/// Messages kept for the room that nobody here answers. When so many are, the inbox is
/// left to fill, and senders wait. Who joins and is answered does not count: a room has so
/// many seats, and a thousand who come at once should have the flow at once.
const KEPT_MAX: usize = 1_024;

#[derive(Debug)]
struct Cold {
    /// Our question, with how far the stored flow goes.
    step_1: Bytes,
    answer: Option<Bytes>,
    /// Who has not been answered yet.
    joined: HashMap<ConnId, Outbox>,
    kept: Vec<Message>,
    /// How many of these count.
    unanswered: usize,
    /// Of everybody, so that they learn of it when there will be no room.
    outboxes: Vec<Outbox>,
}

/// Builds the document, and sees to those who come meanwhile: answers what the room has to
/// be told first.
///
/// # Errors
/// [`LoadError`], when what was read is no document after all. Everybody's outbox has
/// ended then.
pub(crate) async fn build(
    examined: Examined,
    inbox: &mut mpsc::Receiver<Message>,
) -> Result<(LoadedFlow, Vec<Message>), LoadError> {
    let (step_1, answer) = (examined.step_1.clone(), examined.answer.clone());
    let mut cold = Cold {
        step_1,
        answer,
        joined: HashMap::new(),
        kept: Vec::new(),
        unanswered: 0,
        outboxes: Vec::new(),
    };
    let building = examined.build();
    tokio::pin!(building);
    loop {
        tokio::select! {
            biased;
            built = &mut building => {
                if built.is_err() {
                    cold.turn_away(inbox);
                }
                let loaded = built?;
                cold.outboxes.clear();
                return Ok((loaded, std::mem::take(&mut cold.kept)));
            }
            Some(message) = inbox.recv(), if cold.unanswered < KEPT_MAX => cold.take(message),
        }
    }
}

impl Cold {
    fn take(&mut self, message: Message) {
        let message = match message {
            Message::Join { conn, peer, outbox, .. } => {
                self.outboxes.push(outbox.clone());
                self.joined.insert(conn, outbox.clone());
                if peer.may_edit {
                    outbox.push_control(self.step_1.clone());
                    outbox.flush();
                }
                Message::Join { conn, peer, outbox, greeted: true }
            }
            Message::Received { conn, message: Inbound::Step1 { state_vector }, .. }
                if self.answer_nothing(conn, &state_vector) =>
            {
                Message::Event(Event::Answered { conn })
            }
            other => {
                self.unanswered += 1;
                other
            }
        };
        self.kept.push(message);
    }

    /// Those who are still in the inbox learn of it, too.
    fn turn_away(&mut self, inbox: &mut mpsc::Receiver<Message>) {
        inbox.close();
        while let Ok(message) = inbox.try_recv() {
            if let Message::Join { outbox, .. } = message {
                self.outboxes.push(outbox);
            }
        }
    }

    /// Answers a peer that has nothing; `false` when it is for the room to answer.
    fn answer_nothing(&mut self, conn: ConnId, state_vector: &[u8]) -> bool {
        // Who asks again is answered by the room, or a later answer might be replaced by an
        // earlier one.
        let Some(outbox) = self.joined.remove(&conn) else { return false };
        let has_nothing = StateVector::decode(state_vector).is_ok_and(|has| has.is_empty());
        let Some(answer) = self.answer.as_ref().filter(|_| has_nothing) else { return false };
        outbox.push_answer(answer.clone(), Position(0));
        outbox.flush();
        true
    }
}

impl Drop for Cold {
    /// However this ends without a room, its sockets learn of it.
    fn drop(&mut self) {
        self.outboxes.iter().for_each(Outbox::end);
    }
}

#[cfg(test)]
mod tests {
    use flow_base::{FlowId, Role, Seq, UserId};
    use flow_cluster::LogSlice;
    use flow_model::{Edit, FlowDoc};
    use flow_protocol::frame;
    use futures_util::FutureExt;

    use super::*;
    use crate::Taken;
    use crate::event::PeerInfo;
    use crate::load::ReadFlow;

    /// A flow that takes some milliseconds to build: a snapshot and two updates.
    fn stored() -> (ReadFlow, FlowDoc) {
        let mut doc = FlowDoc::new(None);
        let mut add = |count: usize| {
            let edits: Vec<Edit> = (0..count)
                .map(|_| serde_json::from_str(r#"{"op":"addNode","type":"message"}"#).unwrap())
                .collect();
            Bytes::from(doc.edit(&edits).unwrap().update.unwrap())
        };
        let snapshot = Some((Seq(9), add(2_000)));
        let batch = flow_base::BatchId::generate();
        let tail = LogSlice::of_batch(Seq(10), batch, [add(1), add(1)]);
        (ReadFlow { snapshot, tail }, doc)
    }

    fn join(conn: ConnId) -> (Message, Outbox) {
        join_as(conn, false)
    }

    fn join_as(conn: ConnId, may_edit: bool) -> (Message, Outbox) {
        let outbox = Outbox::new(1 << 20, 1 << 20);
        let peer = PeerInfo { user: UserId::generate(), name: String::new(), role: Role::Viewer, may_edit };
        (Message::Join { conn, peer, outbox: outbox.clone(), greeted: false }, outbox)
    }

    fn step_1(conn: ConnId, state_vector: &'static [u8]) -> Message {
        let message = Inbound::Step1 { state_vector: Bytes::from_static(state_vector) };
        Message::Received { conn, message, at: None }
    }

    async fn frames(outbox: &Outbox) -> Vec<Bytes> {
        match outbox.take().await {
            Taken::Frames(frames) => frames,
            other => panic!("no frames: {other:?}"),
        }
    }

    #[tokio::test]
    async fn who_has_nothing_is_answered_before_the_document_is_there() {
        let (read, written) = stored();
        let (send, mut inbox) = mpsc::channel(16);
        let (ann, ben) = (ConnId(1), ConnId(2));
        let ((ann_joins, anns), (ben_joins, bens)) = (join(ann), join(ben));
        // Ben has something, and then says that he has nothing.
        let messages = [ann_joins, ben_joins, step_1(ben, &[1, 7, 1]), step_1(ann, &[0]), step_1(ben, &[0])];
        for message in messages {
            send.try_send(message).unwrap();
        }
        let examined = Examined::new(FlowId::generate(), read).unwrap();
        let (loaded, kept) = build(examined, &mut inbox).await.unwrap();
        assert_eq!(loaded.document.graph(), written.graph());
        let kinds: Vec<_> = kept
            .iter()
            .map(|message| match message {
                Message::Join { .. } => "join",
                Message::Event(Event::Answered { conn }) if *conn == ann => "answered",
                Message::Received { message: Inbound::Step1 { .. }, .. } => "step 1",
                other => panic!("unexpected: {other:?}"),
            })
            .collect();
        assert_eq!(
            kinds,
            ["join", "join", "step 1", "answered", "step 1"],
            "the rest is for the room, in order"
        );
        let mut there = FlowDoc::new(None);
        let answer = frames(&anns).await;
        assert_eq!(answer.len(), 1, "a client takes the answer to be all there is");
        match frame::messages(answer[0].clone()).next() {
            Some(Ok(frame::Message::Step2 { update })) => {
                assert!(there.apply_update_v1(&update).unwrap().rest.is_none());
            }
            other => panic!("unexpected: {other:?}"),
        }
        assert_eq!(there.graph(), written.graph());
        assert_eq!(bens.queued_bytes(), 0);
        assert!(anns.take().now_or_never().is_none(), "it has not ended");
    }

    #[tokio::test]
    async fn editors_are_asked_once_for_what_is_not_stored() {
        let (read, written) = stored();
        let (send, mut inbox) = mpsc::channel(16);
        let (joins, outbox) = join_as(ConnId(1), true);
        send.try_send(joins).unwrap();
        let examined = Examined::new(FlowId::generate(), read).unwrap();
        let (_, kept) = build(examined, &mut inbox).await.unwrap();
        assert!(matches!(kept[..], [Message::Join { greeted: true, .. }]), "the room does not ask again");
        let asked = frame::messages(frames(&outbox).await[0].clone()).next();
        let Some(Ok(frame::Message::Step1 { state_vector })) = asked else { panic!("not asked: {asked:?}") };
        let lacks = written.encode_diff_v1(&state_vector).unwrap();
        let walked = flow_protocol::walk(&lacks, &flow_protocol::UpdateLimits::unlimited()).unwrap();
        assert!(walked.sections().is_empty(), "it is asked for nothing that is there");
    }

    #[tokio::test]
    async fn when_there_will_be_no_room_everybody_learns_of_it() {
        let (read, _) = stored();
        let (send, mut inbox) = mpsc::channel(16);
        let (joins, outbox) = join(ConnId(1));
        send.try_send(joins).unwrap();
        let examined = Examined::new(FlowId::generate(), read).unwrap();
        // Given up in the middle, as when its task is ended.
        let building = build(examined, &mut inbox);
        tokio::select! {
            biased;
            _ = building => panic!("it takes longer than this"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(outbox.take().await, Taken::Ended);
    }

    /// Of an update that is read and builds on nothing that is missing, yrs makes no
    /// document: something of it lies in a text. Who comes when so much is kept that the
    /// inbox fills is still in it by then.
    #[tokio::test]
    async fn who_is_still_in_the_inbox_when_building_fails_learns_of_it() {
        let no_document = Bytes::from_static(&[1, 2, 9, 0, 4, 1, 1, b't', 1, b'x', 4, 0, 9, 0, 1, b'y', 0]);
        let tail = LogSlice::of_batch(Seq(1), flow_base::BatchId::generate(), [no_document]);
        let examined = Examined::new(FlowId::generate(), ReadFlow { snapshot: None, tail }).unwrap();
        let (send, mut inbox) = mpsc::channel(KEPT_MAX + 1);
        for _ in 0..KEPT_MAX {
            send.try_send(Message::Event(Event::Tick)).unwrap();
        }
        let (joins, outbox) = join(ConnId(1));
        send.try_send(joins).unwrap();
        let built = build(examined, &mut inbox).await;
        assert!(matches!(built, Err(LoadError::Damaged { seq: Seq(1), .. })), "{built:?}");
        assert_eq!(outbox.take().now_or_never(), Some(Taken::Ended));
        assert!(send.is_closed(), "nobody comes after this");
    }

    #[test]
    fn what_builds_on_something_that_is_missing_is_not_shown() {
        let (read, _) = stored();
        let without_snapshot = ReadFlow { snapshot: None, tail: read.tail };
        let examined = Examined::new(FlowId::generate(), without_snapshot);
        assert!(matches!(examined, Err(LoadError::Damaged { seq: Seq(10), .. })), "{examined:?}");
    }

    #[test]
    fn the_lineage_is_read_as_the_document_has_it() {
        let lineage = uuid::Uuid::new_v4();
        let update = Bytes::from(flow_model::initial_update(lineage, "name", "described"));
        let mut doc = FlowDoc::new(None);
        doc.apply_update_v1(&update).unwrap();
        let tail = LogSlice::of_batch(Seq(1), flow_base::BatchId::generate(), [update]);
        let examined = Examined::new(FlowId::generate(), ReadFlow { snapshot: None, tail }).unwrap();
        assert_eq!(examined.lineage, Some(lineage));
        let state = Bytes::from(doc.encode_state_v1());
        let read = ReadFlow { snapshot: Some((Seq(1), state)), tail: LogSlice::empty_after(Seq(1)) };
        assert_eq!(Examined::new(FlowId::generate(), read).unwrap().lineage, Some(lineage));
    }
}
