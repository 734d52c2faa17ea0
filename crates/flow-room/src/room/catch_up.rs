use std::panic::catch_unwind;

use bytes::Bytes;
use flow_base::ConnId;
use flow_protocol::frame::{self, Message};
use flow_protocol::{CloseCode, StateVector};

use super::Room;
use super::document::Lost;
use crate::effect::Effect;
use crate::event::Position;

/// How many different join answers are kept.
const ANSWERS_MAX: usize = 8;

/// Step 2 frames of the present position, by the state vector they answer: a
/// thousand peers that come back at once mostly say the same.
#[derive(Debug, Default)]
pub(super) struct Answers {
    position: Position,
    frames: Vec<(Bytes, Bytes)>,
}

impl Answers {
    fn get(&self, position: Position, state_vector: &Bytes) -> Option<Bytes> {
        let frames = self.frames.iter().filter(|_| self.position == position);
        frames.into_iter().find(|(asked, _)| asked == state_vector).map(|(_, frame)| frame.clone())
    }

    fn keep(&mut self, position: Position, state_vector: Bytes, frame: Bytes) {
        if self.position != position || self.frames.len() == ANSWERS_MAX {
            self.frames.clear();
        }
        self.position = position;
        self.frames.push((state_vector, frame));
    }

    /// The whole document as it is at `position` was encoded anyway.
    pub(super) fn keep_whole(&mut self, position: Position, frame: Bytes) {
        if self.get(position, &NOTHING).is_none() {
            self.keep(position, NOTHING, frame);
        }
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }
}

/// A state vector of who has nothing.
const NOTHING: Bytes = Bytes::from_static(&[0]);

/// Frames that are worth sending as they are.
const FRAMES_AS_THEY_ARE: usize = 4;

/// A few frames as they are, many as one update: a peer that fell behind has a
/// slow line. `None` if they cannot be merged, which a diff makes up for.
fn merged(frames: Vec<Bytes>) -> Option<Vec<Bytes>> {
    if frames.len() <= FRAMES_AS_THEY_ARE {
        return Some(frames);
    }
    let updates: Vec<Bytes> = frames
        .into_iter()
        .filter_map(|frame| match frame::messages(frame).next() {
            Some(Ok(Message::Update { update })) => Some(update),
            _ => None,
        })
        .collect();
    let merged = catch_unwind(|| flow_model::merge_updates(&updates));
    match merged {
        Ok(Ok(update)) => Some(vec![frame::update(&update)]),
        Ok(Err(_)) | Err(_) => None,
    }
}

impl Room {
    /// Step 1 of a peer: everything it lacks, then who is here. The first one
    /// joins it; later ones (a client that asks again) are answered alike.
    ///
    /// Answered at the end of the batch, the last one of each peer: an answer can be
    /// as large as the document, and asking takes eight bytes.
    pub(super) fn ask_join(&mut self, conn: ConnId, state_vector: &[u8], effects: &mut Vec<Effect>) {
        let Ok(asked) = StateVector::decode(state_vector) else {
            self.close(conn, CloseCode::Malformed, effects);
            return;
        };
        // Kept for as long as the peer is here: no more of it than the document has.
        let state_vector = asked.encode_up_to(|client| self.document.clock(client));
        self.asked.retain(|(asked, _)| *asked != conn);
        self.asked.push((conn, state_vector));
    }

    pub(super) fn answer_joins(&mut self, effects: &mut Vec<Effect>) {
        for (conn, state_vector) in std::mem::take(&mut self.asked) {
            if self.peers.get(&conn).is_some_and(|peer| !peer.closed) {
                self.answer_join(conn, &state_vector, effects);
            }
        }
    }

    fn answer_join(&mut self, conn: ConnId, state_vector: &Bytes, effects: &mut Vec<Effect>) {
        let Ok(frame) = self.diff_frame(state_vector) else {
            self.close(conn, CloseCode::Overloaded, effects);
            return;
        };
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.joined_at = Some(state_vector.clone());
        }
        effects.push(Effect::AnswerJoin { conn, frame, position: self.position() });
        self.show_presence_to(conn, effects);
    }

    /// A peer has had its answer already, as of position 0.
    pub(super) fn answered(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.joined_at = Some(NOTHING);
        if self.recent.since(Position(0)).is_some() {
            // Whatever came since is on its way to it like to everybody.
            self.show_presence_to(conn, effects);
        } else {
            // The document was read anew before this was heard: with what others had
            // stored meanwhile, which nobody was sent.
            self.catch_up_whole(conn, effects);
        }
    }

    /// A peer whose queue was dropped has drained its socket: the updates since,
    /// if they are still there, otherwise everything since it joined.
    pub(super) fn catch_up(&mut self, conn: ConnId, since: Position, effects: &mut Vec<Effect>) {
        match self.recent.since(since).and_then(merged) {
            Some(frames) if self.peers.contains_key(&conn) => {
                effects.push(Effect::CatchUp { conn, frames, position: self.position() });
                self.show_presence_again(conn, effects);
            }
            Some(_) => {}
            None => self.catch_up_whole(conn, effects),
        }
    }

    /// Everything a peer may have missed since it joined.
    pub(super) fn catch_up_whole(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        let Some(joined_at) = self.peers.get(&conn).and_then(|peer| peer.joined_at.clone()) else { return };
        match self.diff_frame(&joined_at) {
            Ok(frame) => {
                effects.push(Effect::AnswerJoin { conn, frame, position: self.position() });
                self.show_presence_again(conn, effects);
            }
            Err(Lost) => self.close(conn, CloseCode::Overloaded, effects),
        }
    }

    fn diff_frame(&mut self, state_vector: &Bytes) -> Result<Bytes, Lost> {
        let position = self.position();
        if let Some(frame) = self.answers.get(position, state_vector) {
            return Ok(frame);
        }
        let diff = self.document.with(|doc| doc.encode_diff_v1(state_vector).map_err(|_| Lost))?;
        let frame = frame::step_2(&diff);
        self.answers.keep(position, state_vector.clone(), frame.clone());
        Ok(frame)
    }
}
