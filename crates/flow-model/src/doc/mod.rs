//! The document: a Yjs document with its materialised graph.

mod clocks;
mod roots;
mod text;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use uuid::Uuid;
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;
use yrs::{
    ClientID, Doc, IdSet, OffsetKind, Options, ReadTxn as _, StateVector, Transact as _, TransactionMut,
};
use yrs::{Update, WriteTxn as _};

use clocks::Clocks;
pub(crate) use roots::{Roots, Touched};
pub(crate) use text::{cut, replace_text, utf16};

use crate::diagnostic::Diagnostic;
use crate::edit::{Draft, Edit, EditError, Edited};
use crate::graph::FlowGraph;
use crate::materialise::Materialised;
use crate::{ModelError, merge_updates, write};

/// A flow's document and the graph it describes, kept in step.
///
/// Every change goes through a method here and is one transaction; afterwards
/// the graph is brought up to date at the cost of what changed.
#[derive(Debug)]
pub struct FlowDoc {
    doc: Doc,
    roots: Roots,
    touched: Arc<Mutex<Touched>>,
    materialised: Materialised,
    clocks: Clocks,
    deleted: OnceLock<IdSet>,
}

/// What an update did to the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Whether it said anything the document did not know.
    pub changed: bool,
    /// What it brought, where part of it was known already. `None` where nothing
    /// changed, or where everything was new: then the update itself says it best.
    pub update: Option<Vec<u8>>,
    /// What could not be integrated because what it refers to is missing. It is
    /// not in the document; it may be applied again once that has arrived.
    pub rest: Option<Vec<u8>>,
}

impl FlowDoc {
    /// An empty document that writes under the given client id, or under a fresh
    /// 32-bit one. Never give two documents that may meet the same id.
    #[must_use]
    pub fn new(client_id: Option<u64>) -> Self {
        let client_id = client_id.unwrap_or_else(random_client_id);
        let doc = Doc::with_options(Options {
            client_id: ClientID::new(client_id),
            // JavaScript counts UTF-16 units.
            offset_kind: OffsetKind::Utf16,
            // Else applying an update could add deletions of our own that are in
            // no update, and so in nobody's log.
            cleanup_formatting: false,
            ..Options::default()
        });
        let roots = Roots::of(&doc);
        let touched = Arc::default();
        roots.observe(&touched);
        let materialised = Materialised::new(&doc.transact(), &roots);
        Self { doc, roots, touched, materialised, clocks: Clocks::default(), deleted: OnceLock::new() }
    }

    /// The id this document writes under.
    #[must_use]
    pub fn client_id(&self) -> u64 {
        self.doc.client_id().get()
    }

    /// What the document says now.
    #[must_use]
    pub fn graph(&self) -> &FlowGraph {
        self.materialised.graph()
    }

    /// What cannot be read as it stands, or does not fit together, entry by
    /// entry. Kept up to date by each change; [`FlowDoc::check`] adds what only
    /// the flow as a whole shows.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.materialised.diagnostics()
    }

    /// Everything that is wrong with the flow, errors first. Looks at the whole flow.
    #[must_use]
    pub fn check(&self) -> Vec<Diagnostic> {
        let mut all: Vec<_> = self.diagnostics().cloned().collect();
        all.extend(crate::validate::whole(self.graph()));
        all.sort();
        all
    }

    /// Entries read since the document was made: the cost of keeping the graph.
    #[must_use]
    pub fn entries_read(&self) -> u64 {
        self.materialised.entries_read()
    }

    /// The document's history, as written when the flow was created.
    #[must_use]
    pub fn lineage(&self) -> Option<Uuid> {
        self.graph().meta.lineage.as_deref().and_then(|text| Uuid::try_parse(text).ok())
    }

    /// Applies one update as one transaction. What in it refers to something the
    /// document does not know is left out and handed back.
    ///
    /// The bytes must have passed the checks for untrusted updates: yrs allocates
    /// by declared counts, and accepts what other clients cannot read.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if the bytes are no update, and [`ModelError::Gap`] if
    /// earlier work of a client is missing; the document is as before.
    /// [`ModelError::Broken`] if it failed half-way; drop the document.
    pub fn apply_update_v1(&mut self, bytes: &[u8]) -> Result<Applied, ModelError> {
        let update = Update::decode_v1(bytes)
            .map_err(|source| ModelError::Malformed { what: "update", source: source.into() })?;
        let inserts = update.insertions(true);
        let deletes = update.delete_set().clone();
        if let Some((client, clock)) = self.clocks.gap(&inserts) {
            return Err(ModelError::Gap { client, clock });
        }

        let mut txn = self.doc.transact_mut();
        txn.apply_update(update).map_err(|source| ModelError::Broken { source })?;
        let rest = take_pending(&mut txn);
        txn.commit();
        let changed = txn.has_changes();
        let whole = covers(txn.insert_set(), &inserts)
            && covers(&inserts, txn.insert_set())
            && covers(txn.delete_set(), &deletes);
        let update = (changed && !whole).then(|| txn.encode_update_v1());
        self.clocks.advance(txn.insert_set());
        drop(txn);

        self.refresh();
        Ok(Applied { changed, update, rest: rest? })
    }

    /// Applies typed edits, in order, as one transaction. Either all of them are
    /// made or, if one is refused, none.
    ///
    /// # Errors
    /// [`EditError`] names the first edit that is refused, and why.
    pub fn edit(&mut self, edits: &[Edit]) -> Result<Edited, EditError> {
        let mut draft = Draft::new(&self.materialised);
        let ids = edits
            .iter()
            .enumerate()
            .map(|(index, edit)| draft.apply(edit).map_err(|refusal| EditError { index, refusal }))
            .collect::<Result<Vec<_>, _>>()?;
        let changes = draft.into_changes();
        Ok(Edited { update: self.write(&changes), ids })
    }

    /// Makes changes as one transaction; answers its update, if it did anything.
    pub(crate) fn write(&mut self, changes: &write::Changes) -> Option<Vec<u8>> {
        let mut txn = self.doc.transact_mut();
        write::write(&mut txn, &self.roots, changes);
        txn.commit();
        let update = txn.has_changes().then(|| txn.encode_update_v1());
        self.clocks.advance(txn.insert_set());
        drop(txn);
        self.refresh();
        update
    }

    /// How much of a client's work the document has: all of it below this clock.
    #[must_use]
    pub fn clock(&self, client_id: u64) -> u32 {
        self.clocks.of(client_id)
    }

    /// How many clients have written in the document.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.clocks.len()
    }

    /// Whether part of an update waits in the document for another. It never does:
    /// this is for tests and assertions of those who build on it.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        let txn = self.doc.transact();
        let store = txn.store();
        store.pending_update().is_some_and(|pending| !pending.update.is_empty())
            || store.pending_ds().is_some_and(|deletes| !deletes.is_empty())
    }

    /// Whether all these clocks, `(client, first, count)`, are deleted. Looks at
    /// the whole document, once after each change.
    #[must_use]
    pub fn has_deleted(&self, ranges: impl IntoIterator<Item = (u64, u32, u32)>) -> bool {
        let mut asked = IdSet::default();
        for (client, clock, len) in ranges {
            asked.insert(yrs::ID::new(ClientID::new(client), clock), len);
        }
        asked.is_empty() || covers(self.deleted(), &asked)
    }

    /// How many clocks are deleted: what the document has to remember although nobody
    /// sees it.
    #[must_use]
    pub fn deleted_count(&self) -> u64 {
        let ranges = self.deleted().iter().flat_map(|(_, ranges)| ranges.iter());
        ranges.map(|range| u64::from(range.end - range.start)).sum()
    }

    /// Gathered from the whole document, and kept until that changes.
    fn deleted(&self) -> &IdSet {
        self.deleted.get_or_init(|| self.doc.transact().snapshot().delete_set)
    }

    #[must_use]
    pub fn state_vector_v1(&self) -> Vec<u8> {
        self.doc.transact().state_vector().encode_v1()
    }

    /// What a peer with that state vector lacks, with every deletion there ever was.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if the bytes are no state vector.
    pub fn encode_diff_v1(&self, state_vector: &[u8]) -> Result<Vec<u8>, ModelError> {
        let state_vector = decode_state_vector(state_vector)?;
        // Not `encode_state_as_update_v1`, which panics on some pending updates.
        Ok(self.doc.transact().encode_diff_v1(&state_vector))
    }

    /// The whole document as one update.
    #[must_use]
    pub fn encode_state_v1(&self) -> Vec<u8> {
        self.doc.transact().encode_diff_v1(&StateVector::default())
    }

    fn refresh(&mut self) {
        let touched = std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        self.deleted = OnceLock::new();
        self.materialised.refresh(&self.doc.transact(), &self.roots, &touched);
    }

    /// The graph and its findings, built anew from the document.
    #[cfg(test)]
    pub(crate) fn rebuilt(&self) -> Materialised {
        Materialised::new(&self.doc.transact(), &self.roots)
    }

    #[cfg(test)]
    pub(crate) fn materialised_now(&self) -> &Materialised {
        &self.materialised
    }
}

fn random_client_id() -> u64 {
    // Stable Yjs clients draw 32 bits too. Zero is legal but looks like "none".
    u64::from(Uuid::new_v4().as_fields().0).max(1)
}

/// Takes out of the document what waits there for missing work, as an update.
fn take_pending(txn: &mut TransactionMut<'_>) -> Result<Option<Vec<u8>>, ModelError> {
    let store = txn.store_mut();
    let mut parts = Vec::new();
    if let Some(pending) = store.pending_update_mut() {
        pending.missing = StateVector::default();
        let update = std::mem::take(&mut pending.update);
        if !update.is_empty() {
            parts.push(update.encode_v1());
        }
    }
    if let Some(deletes) = store.pending_ds_mut() {
        let deletes = std::mem::take(deletes);
        if !deletes.is_empty() {
            // An update without blocks: their count, then the deletions.
            parts.push([vec![0], deletes.encode_v1()].concat());
        }
    }
    if parts.is_empty() { Ok(None) } else { merge_updates(&parts).map(Some) }
}

/// Whether every id of `inner` is in `outer`.
fn covers(outer: &IdSet, inner: &IdSet) -> bool {
    inner.is_empty() || inner.diff(outer).is_empty()
}

/// Decodes a state vector whose bytes may be anybody's: yrs reserves room for the
/// declared count first, and four bytes can declare half a gigabyte.
fn decode_state_vector(bytes: &[u8]) -> Result<StateVector, ModelError> {
    let malformed = |source| ModelError::Malformed { what: "state vector", source };
    let (mut count, mut length) = (0_u64, 0_usize);
    for byte in bytes.iter().take(9) {
        count |= u64::from(byte & 0x7f) << (7 * length);
        length += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    // Each entry takes two bytes at least.
    if count.saturating_mul(2) > (bytes.len() - length) as u64 {
        return Err(malformed(format!("it declares {count} entries").into()));
    }
    StateVector::decode_v1(bytes).map_err(|source| malformed(source.into()))
}

#[cfg(test)]
mod tests;
