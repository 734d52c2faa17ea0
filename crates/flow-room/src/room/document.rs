use std::panic::{AssertUnwindSafe, catch_unwind};

use flow_base::FlowId;
use flow_model::{Applied, EditError, Edited, FlowDoc};
use flow_protocol::walk::{Id, Parent, Struct, StructKind};
use flow_protocol::{Misplaced, Places, UpdateLimits, Walked, walk};

use crate::event::Change;
use crate::load::LoadedFlow;

/// The flow's document, or its absence after something went wrong inside it.
///
/// yrs commits a transaction when it is dropped, so after a panic half an update
/// is in the document. Such a document is never looked at again: it is dropped
/// and read anew from the log.
#[derive(Debug)]
pub(super) struct Document {
    flow: FlowId,
    doc: Option<FlowDoc>,
    places: Places,
    protected: Protected,
    /// The document is gone and nobody was told to read it anew.
    unread: bool,
    /// The next update makes yrs panic half-way: no update is known any more that
    /// does so and passes the checks.
    #[cfg(test)]
    pub(super) panics_next: bool,
}

/// The document was dropped: what was asked of it did not happen.
#[derive(Debug)]
pub(super) struct Lost;

impl Document {
    pub(super) fn new(flow: FlowId, loaded: LoadedFlow) -> Self {
        let LoadedFlow { document, protected, places, .. } = loaded;
        Self {
            flow,
            doc: Some(document),
            places,
            protected,
            unread: false,
            #[cfg(test)]
            panics_next: false,
        }
    }

    /// The clock after the last struct of a client.
    pub(super) fn clock(&self, client: u64) -> u32 {
        self.doc.as_ref().map_or(0, |doc| doc.clock(client))
    }

    /// Whether the update puts everything where a document may hold it; to be asked of
    /// every update of a peer before it is applied.
    pub(super) fn admit(&mut self, walked: &Walked<'_>) -> Result<(), Misplaced> {
        self.places.admit(walked)
    }

    /// Takes note of an update that is about to be applied and is not to be judged: it
    /// was admitted once, or is our own.
    pub(super) fn note(&mut self, update: &[u8]) {
        match walk(update, &UpdateLimits::unlimited()) {
            Ok(walked) => self.places.note(&walked),
            Err(error) => {
                tracing::error!(flow = %self.flow, %error, "what is stored or our own does not pass the walker");
            }
        }
    }

    /// Applies an update whose dependencies are all there. As that was made sure
    /// of, any error means that the document is not what it was taken for.
    pub(super) fn apply(&mut self, update: &[u8]) -> Result<Applied, Lost> {
        #[cfg(test)]
        let panics = std::mem::take(&mut self.panics_next);
        self.with(|doc| match doc.apply_update_v1(update) {
            #[cfg(test)]
            _ if panics => panic!("a test asked for it"),
            Ok(applied) if applied.rest.is_none() => Ok(applied),
            Ok(_) | Err(_) => Err(Lost),
        })
    }

    /// Makes a program's change. The inner error changes nothing.
    pub(super) fn edit(&mut self, change: &Change) -> Result<Result<Edited, EditError>, Lost> {
        let edited = self.with(|doc| {
            Ok(match change {
                Change::Edits(edits) => doc.edit(edits),
                Change::Whole(flow) => Ok(doc.replace(flow)),
            })
        })?;
        if let Ok(Edited { update: Some(update), .. }) = &edited {
            self.note(update);
        }
        Ok(edited)
    }

    pub(super) const fn is_there(&self) -> bool {
        self.doc.is_some()
    }

    /// Whether the document has to be read anew; says so once.
    pub(super) const fn needs_reading(&mut self) -> bool {
        std::mem::replace(&mut self.unread, false)
    }

    pub(super) const fn get(&self) -> Option<&FlowDoc> {
        self.doc.as_ref()
    }

    pub(super) const fn protected(&self) -> &Protected {
        &self.protected
    }

    /// Runs `work` on the document. If it panics, or says that the document is
    /// spoiled, the document is gone.
    pub(super) fn with<T>(&mut self, work: impl FnOnce(&mut FlowDoc) -> Result<T, Lost>) -> Result<T, Lost> {
        let doc = self.doc.as_mut().ok_or(Lost)?;
        // Unwind safe: whatever state the document is in afterwards, nobody sees it.
        match catch_unwind(AssertUnwindSafe(|| work(doc))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Lost)) | Err(_) => {
                let spoiled = self.doc.take();
                self.unread = true;
                // Dropping reads nothing, but a second panic here must not end the process.
                if catch_unwind(AssertUnwindSafe(|| drop(spoiled))).is_err() {
                    tracing::error!(flow = %self.flow, "a spoiled document panicked again while it was dropped");
                }
                Err(Lost)
            }
        }
    }
}

/// The structs that name the document's history: `meta.lineage` and
/// `meta.schema`, written once when the flow was created. No update may set or
/// delete them. As nothing may ever follow them either, their ids stay what they
/// were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Protected {
    ids: Vec<Id>,
}

const META: &str = "meta";
const LINEAGE: &str = "lineage";
const PROTECTED_KEYS: [&str; 2] = [LINEAGE, "schema"];

impl Protected {
    /// Notes the protected structs of a stored update.
    pub(crate) fn note(&mut self, walked: &Walked<'_>) {
        for section in walked.sections() {
            let found = walked.structs(section).filter(sets_protected).map(|found| found.id);
            for id in found {
                if !self.ids.contains(&id) {
                    self.ids.push(id);
                }
            }
        }
    }

    /// Whether an update would set or delete one of them. What the document
    /// `known`s already is not set again.
    pub(crate) fn is_touched_by(&self, walked: &Walked<'_>, known: impl Fn(u64) -> u32) -> bool {
        let sets = walked.sections().iter().any(|section| {
            let have = known(section.client);
            section.end > have
                && walked
                    .structs(section)
                    .any(|new| new.end() > have && (sets_protected(&new) || self.follows(&new)))
        });
        sets || walked.deleted().any(|range| {
            let covers = |id: &Id| {
                id.client == range.client && (range.clock..range.clock + range.len).contains(&id.clock)
            };
            self.ids.iter().any(covers)
        })
    }

    /// A later value of a map's key names the earlier one as its origin, and no
    /// key: so does an update that overwrites.
    fn follows(&self, new: &Struct<'_>) -> bool {
        match &new.kind {
            StructKind::Item { origin, right_origin, .. } => {
                [origin, right_origin].into_iter().flatten().any(|id| self.ids.contains(id))
            }
            StructKind::Gc | StructKind::Skip => false,
        }
    }
}

fn sets_protected(new: &Struct<'_>) -> bool {
    meta_key(new).is_some_and(|key| PROTECTED_KEYS.contains(&key))
}

pub(crate) fn sets_lineage(new: &Struct<'_>) -> bool {
    meta_key(new) == Some(LINEAGE)
}

/// The key of `meta` under which the struct writes.
fn meta_key<'a>(new: &Struct<'a>) -> Option<&'a str> {
    match new.kind {
        StructKind::Item { parent: Some(Parent::Root(META)), key, .. } => key,
        _ => None,
    }
}
