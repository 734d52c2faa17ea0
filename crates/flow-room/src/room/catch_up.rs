use std::panic::catch_unwind;

use bytes::Bytes;
use flow_base::ConnId;
use flow_protocol::frame::{self, Message};
use flow_protocol::{CloseCode, StateVector};

use super::Room;
use super::document::Lost;
use super::recent::Recent;
use crate::effect::Effect;
use crate::event::Position;

/// How many different join answers are kept.
const ANSWERS_MAX: usize = 8;

/// What peers are answered that join: a thousand that come at once mostly ask the same.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Answers of the present position, by the state vector they answer.
    position: Position,
    answers: Vec<(Bytes, Vec<Bytes>)>,
    /// The whole flow as of some position. With the updates since it answers who has
    /// nothing, and the document need not be encoded for each position.
    whole: Option<(Position, Vec<Bytes>)>,
}

/// Of the whole flow's bytes: with more than this share of them in updates since, it is
/// encoded anew.
const SINCE_SHARE: usize = 4;

impl Answers {
    /// With the answer that the flow was opened with.
    pub(super) fn new(whole: Vec<Bytes>) -> Self {
        let whole = (!whole.is_empty()).then_some((Position(0), whole));
        Self { whole, ..Self::default() }
    }

    fn get(&self, position: Position, state_vector: &Bytes) -> Option<Vec<Bytes>> {
        let answers = self.answers.iter().filter(|_| self.position == position);
        answers.into_iter().find(|(asked, _)| asked == state_vector).map(|(_, frames)| frames.clone())
    }

    fn keep(&mut self, position: Position, state_vector: Bytes, frames: Vec<Bytes>) {
        if self.position != position || self.answers.len() == ANSWERS_MAX {
            self.answers.clear();
        }
        self.position = position;
        self.answers.push((state_vector, frames));
    }

    /// The document as it is at `position`, as the answer to who has nothing.
    pub(super) fn keep_whole(&mut self, position: Position, frame: Bytes) {
        self.whole = Some((position, vec![frame]));
    }

    /// The whole flow, from what is kept of it and the updates since. `None` when that is
    /// nothing, or too much of the latter.
    fn whole(&self, recent: &Recent) -> Option<Vec<Bytes>> {
        let (position, frames) = self.whole.as_ref()?;
        let since = recent.since(*position)?;
        let bytes = |frames: &[Bytes]| frames.iter().map(Bytes::len).sum::<usize>();
        if bytes(&since) > bytes(frames) / SINCE_SHARE {
            return None;
        }
        Some([frames.clone(), merged(since)?].concat())
    }

    pub(super) fn clear(&mut self) {
        (self.answers, self.whole) = (Vec::new(), None);
    }
}

/// A state vector of who has nothing.
const NOTHING: Bytes = Bytes::from_static(&[0]);

/// Frames that are worth sending as they are.
const FRAMES_AS_THEY_ARE: usize = 4;

/// A few frames as they are, many as one update: a peer that fell behind has a
/// slow line. `None` if they cannot be merged, which a diff makes up for.
pub(crate) fn merged(frames: Vec<Bytes>) -> Option<Vec<Bytes>> {
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
        let Ok(frames) = self.answer(state_vector) else {
            self.close(conn, CloseCode::Overloaded, effects);
            return;
        };
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.joined_at = Some(state_vector.clone());
        }
        effects.push(Effect::AnswerJoin { conn, frames, position: self.position() });
        self.show_presence_to(conn, effects);
    }

    /// A peer has had its answer already.
    pub(super) fn answered(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.joined_at = Some(NOTHING);
            self.show_presence_to(conn, effects);
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
        match self.answer(&joined_at) {
            Ok(frames) => {
                effects.push(Effect::AnswerJoin { conn, frames, position: self.position() });
                self.show_presence_again(conn, effects);
            }
            Err(Lost) => self.close(conn, CloseCode::Overloaded, effects),
        }
    }

    fn answer(&mut self, state_vector: &Bytes) -> Result<Vec<Bytes>, Lost> {
        let position = self.position();
        if let Some(frames) = self.answers.get(position, state_vector) {
            return Ok(frames);
        }
        let has_nothing = *state_vector == NOTHING;
        let kept = has_nothing.then(|| self.answers.whole(&self.recent)).flatten();
        let frames = match kept.filter(|_| self.document.is_there()) {
            Some(frames) => frames,
            None => {
                let diff = self.document.with(|doc| doc.encode_diff_v1(state_vector).map_err(|_| Lost))?;
                let frame = frame::step_2(&diff);
                if has_nothing {
                    self.answers.keep_whole(position, frame.clone());
                }
                vec![frame]
            }
        };
        self.answers.keep(position, state_vector.clone(), frames.clone());
        Ok(frames)
    }
}
