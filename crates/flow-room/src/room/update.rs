use bytes::Bytes;
use flow_base::{ActorId, ConnId};
use flow_model::canvas_hash;
use flow_protocol::walk::Section;
use flow_protocol::{CheckedUpdate, CloseCode, Misplaced, Split, UpdateLimits, Walked, frame, walk};
use flow_store::{NewUpdate, Writer};

use super::Room;
use super::commit::Made;
use super::document::Lost;
use crate::budget::Permit;
use crate::effect::{EditRefused, Effect};
use crate::event::{EditRequest, Moment, Ticket};
use crate::load::LoadedFlow;
use crate::measures;

/// Where an update comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) actor: ActorId,
    /// Whom the fan-out leaves out.
    pub(super) conn: Option<ConnId>,
}

/// An update that puts something where no document holds it; see [`flow_protocol::Places`].
const MISPLACED: &str = "the edit says what no document can hold";
/// An update of a viewer that adds something; its document keeps it, ours does not.
const VIEWER: &str = "viewers cannot edit this flow";

impl Room {
    /// Check, integrate, fan out, hand to the log: in this order, and nothing of
    /// it waits.
    pub(super) fn receive_update(
        &mut self,
        now: Moment,
        conn: ConnId,
        update: &CheckedUpdate,
        permit: Permit,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = self.peers.get(&conn) else { return };
        let walked = update.walked();
        if walked.is_empty() {
            return;
        }
        let source = Source { actor: ActorId::User(peer.info.user), conn: Some(conn) };
        if !peer.info.may_edit {
            if self.would_add(&walked) {
                self.refuse(conn, VIEWER, effects);
            }
            return;
        }
        let bytes = walked.bytes().len();
        let known = |client| self.document.clock(client);
        if self.document.protected().is_touched_by(&walked, known) {
            self.close(conn, CloseCode::ForeignLineage, effects);
            return;
        }
        let adds = walked.sections().iter().any(|section| section.end > known(section.client));
        if adds && !self.fits(bytes) {
            self.refuse(conn, "the flow has reached its size limit", effects);
            self.close(conn, CloseCode::TooLarge, effects);
            return;
        }
        match walked.split(|client| self.document.clock(client)) {
            Split::Whole => {
                self.note_writers(&walked, source);
                if self.integrate(update.bytes(), source, permit, effects).is_err() {
                    tracing::debug!(flow = %self.flow, %conn, "the document is read anew");
                }
            }
            Split::Parts { ready, rest } => {
                if let Some(ready) = ready {
                    self.note_writers(&walked, source);
                    if !matches!(self.integrate(&Bytes::from(ready), source, permit, effects), Ok(true)) {
                        return;
                    }
                }
                self.park(now, conn, Bytes::from(rest), effects);
            }
        }
    }

    /// Applies an update whose dependencies are all there, and publishes what it
    /// brought; `false` when it was refused.
    pub(super) fn integrate(
        &mut self,
        update: &Bytes,
        source: Source,
        permit: Permit,
        effects: &mut Vec<Effect>,
    ) -> Result<bool, Lost> {
        match self.judge(update, source.conn) {
            Ok(()) => {}
            Err(Misplaced::TooDeep) => {
                if let Some(conn) = source.conn {
                    self.close(conn, CloseCode::Malformed, effects);
                }
                return Ok(false);
            }
            // No client is known to make such an update, and none is sent away for good
            // for it: its other edits, and its eyes, are welcome.
            Err(_) => {
                if let Some(conn) = source.conn {
                    self.refuse(conn, MISPLACED, effects);
                }
                return Ok(false);
            }
        }
        let Ok(applied) = self.document.apply(update) else {
            self.quarantine(update, source, effects);
            return Err(Lost);
        };
        if !applied.changed {
            return Ok(true);
        }
        // As received where it was wholly new; otherwise only what it brought.
        let bytes = applied.update.map_or_else(|| update.clone(), Bytes::from);
        self.publish(bytes, source, permit, effects);
        Ok(true)
    }

    fn judge(&mut self, update: &Bytes, from: Option<ConnId>) -> Result<(), Misplaced> {
        // It passed the walker, or is part of what did.
        let walked = walk(update, &UpdateLimits::unlimited());
        let judged = walked.map_or(Err(Misplaced::TooDeep), |walked| self.document.admit(&walked));
        judged.inspect_err(|misplaced| {
            tracing::warn!(flow = %self.flow, conn = ?from, %misplaced, "refused an update");
        })
    }

    fn publish(&mut self, bytes: Bytes, source: Source, permit: Permit, effects: &mut Vec<Effect>) {
        let from_peer = source.conn.is_some();
        if from_peer { &measures::UPDATES_OF_PEERS } else { &measures::UPDATES_OF_PROGRAMS }.one();
        self.fan_out(&bytes, source.conn, effects);
        let update = NewUpdate { actor: source.actor, bytes };
        self.commits.push(update, permit.applied());
    }

    fn fan_out(&mut self, update: &[u8], except: Option<ConnId>, effects: &mut Vec<Effect>) {
        self.snapshots.note_update(update.len());
        let frame = frame::update(update);
        let position = self.recent.push(frame.clone());
        effects.push(Effect::FanOut { frame, position, except });
    }

    /// An update that is already stored: nothing to append.
    pub(super) fn integrate_stored(&mut self, update: &Bytes, effects: &mut Vec<Effect>) -> Result<(), Lost> {
        self.document.note(update);
        let applied = self.document.apply(update)?;
        if applied.changed {
            measures::UPDATES_OF_NODES.one();
            self.fan_out(applied.update.as_deref().unwrap_or(update), None, effects);
        }
        Ok(())
    }

    /// A program's change: one transaction, all or nothing, answered after the commit.
    pub(super) fn edit(
        &mut self,
        now: Moment,
        ticket: Ticket,
        request: EditRequest,
        effects: &mut Vec<Effect>,
    ) {
        match self.make_edit(request, effects) {
            Ok(made) => self.reply_when_committed(now, ticket, made, effects),
            Err(refused) => effects.push(Effect::Reply { ticket, result: Err(refused) }),
        }
    }

    fn make_edit(&mut self, request: EditRequest, effects: &mut Vec<Effect>) -> Result<Made, EditRefused> {
        if self.failed {
            return Err(EditRefused::Unavailable);
        }
        let graph = self.document.get().ok_or(EditRefused::Unavailable)?.graph();
        if request.expected.as_ref().is_some_and(|expected| canvas_hash(graph) != *expected) {
            return Err(EditRefused::Changed);
        }
        if !request.only_removes(self.document_bytes()) && !self.fits(request.bytes) {
            return Err(EditRefused::TooLarge(self.limits.document_bytes));
        }
        let EditRequest { actor, change, permit, .. } = request;
        let Ok(edited) = self.document.edit(&change) else {
            tracing::error!(flow = %self.flow, "a program's change spoiled the document; reading it anew");
            return Err(EditRefused::Unavailable);
        };
        let edited = edited?;
        if let Some(update) = edited.update {
            let source = Source { actor, conn: None };
            self.publish(Bytes::from(update), source, permit, effects);
        }
        let graph = self.document.get().ok_or(EditRefused::Unavailable)?.graph().clone();
        Ok(Made { ids: edited.ids, graph })
    }

    /// Whether the update would change the document, without applying it.
    pub(super) fn would_add(&self, walked: &Walked<'_>) -> bool {
        let Some(doc) = self.document.get() else { return true };
        walked.sections().iter().any(|section| section.end > self.document.clock(section.client))
            || !doc.has_deleted(walked.deleted().map(|range| (range.client, range.clock, range.len)))
    }

    fn note_writers(&mut self, walked: &Walked<'_>, source: Source) {
        if let ActorId::User(user) = source.actor {
            // Who sends another's work again is not its writer.
            let new = |section: &&Section| section.end > self.document.clock(section.client);
            for section in walked.sections().iter().filter(new) {
                self.commits.note_writer(Writer { client_id: section.client, user });
            }
        }
    }

    /// The update that spoiled the document is set aside and its sender sent
    /// away; the document comes back from the log and what was accepted since.
    fn quarantine(&mut self, update: &Bytes, source: Source, effects: &mut Vec<Effect>) {
        tracing::error!(
            flow = %self.flow,
            actor = ?source.actor,
            bytes = update.len(),
            update = %hex_prefix(update),
            "an update spoiled the document; it is quarantined and the document read anew"
        );
        if let Some(conn) = source.conn {
            self.close(conn, CloseCode::Malformed, effects);
        }
    }

    /// The document is back, as the log has it: what was applied and not yet
    /// committed is applied again.
    pub(super) fn reloaded(&mut self, loaded: LoadedFlow, effects: &mut Vec<Effect>) {
        let head = loaded.head;
        self.document = super::Document::new(self.flow, loaded);
        // Updates of other nodes may have come in with the load, unseen by peers: what
        // was kept for those who are behind says less than the document.
        self.recent.cut();
        self.answers.clear();
        let again: Vec<Bytes> = self.commits.uncommitted().cloned().collect();
        for update in again {
            self.document.note(&update);
            if self.document.apply(&update).is_err() {
                tracing::error!(flow = %self.flow, "an accepted update cannot be applied again; the room gives up");
                self.fail(effects);
                return;
            }
        }
        self.following.reloaded(head);
        self.forget_tries();
        self.follow_on(effects);
        self.snapshots.interleaved();
        let conns: Vec<ConnId> = self.peers.keys().copied().collect();
        for conn in conns {
            self.catch_up_whole(conn, effects);
        }
    }
}

/// Enough to recognise an update in a log, without printing documents.
fn hex_prefix(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().take(48).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
