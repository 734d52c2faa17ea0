//! A document that updates of unknown worth are applied to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use flow_model::{FlowDoc, ModelError};
use flow_protocol::{Split, StateVector, UpdateLimits, walk};

/// Why an update is not in the document.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is no update, or none that clients read alike.
    Unreadable(String),
    /// What it builds on is not there. The part of it that can be applied, if any.
    Unfounded(Option<Vec<u8>>),
    /// It broke the document, which is not to be looked at any more.
    Spoiled,
}

/// Why two documents are not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    None,
    /// The other one is part of it.
    HasMore,
    Other,
}

#[derive(Debug)]
pub(crate) struct Replay {
    doc: FlowDoc,
}

impl Replay {
    pub(crate) fn new() -> Self {
        Self { doc: FlowDoc::new(None) }
    }

    pub(crate) fn doc(&self) -> &FlowDoc {
        &self.doc
    }

    pub(crate) fn into_doc(self) -> FlowDoc {
        self.doc
    }

    /// Applies an update whole, as a server does that opens the flow, or not at all.
    pub(crate) fn apply(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let walked = walk(bytes, &UpdateLimits::unlimited()).map_err(unreadable)?;
        if let Split::Parts { ready, .. } = walked.split(|client| self.doc.clock(client)) {
            return Err(Refused::Unfounded(ready));
        }
        let doc = &mut self.doc;
        // Unwind safe: after a panic nobody looks at the document.
        match catch_unwind(AssertUnwindSafe(|| doc.apply_update_v1(bytes))) {
            Ok(Ok(applied)) if applied.rest.is_none() => Ok(()),
            Ok(Err(error @ ModelError::Malformed { .. })) => Err(unreadable(error)),
            Ok(Ok(_) | Err(_)) | Err(_) => Err(Refused::Spoiled),
        }
    }

    /// What a document that stands there lacks of this one.
    pub(crate) fn since(&self, state_vector: &[u8]) -> Bytes {
        let diff = self.doc.encode_diff_v1(state_vector);
        Bytes::from(diff.expect("a document's own state vector can be read"))
    }

    /// Whether everything in `other` is here, too: what it wrote and what it deleted.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        if !self.state_vector().covers(&other.state_vector()) {
            return false;
        }
        // With its own state vector all that is left to say is what is deleted.
        let deletions = other.since(&other.doc.state_vector_v1());
        let walked = walk(&deletions, &UpdateLimits::unlimited());
        let walked = walked.expect("what yrs encodes of accepted updates passes the walker");
        self.doc.has_deleted(walked.deleted().map(|range| (range.client, range.clock, range.len)))
    }

    pub(crate) fn difference(&self, other: &Self) -> Difference {
        match (self.covers(other), other.covers(self)) {
            (true, true) if self.doc.graph() == other.doc.graph() => Difference::None,
            (true, false) => Difference::HasMore,
            _ => Difference::Other,
        }
    }

    fn state_vector(&self) -> StateVector {
        StateVector::decode(&self.doc.state_vector_v1()).expect("yrs writes what we read")
    }
}

/// With its causes: what an update is refused for is in them.
fn unreadable(error: impl Into<anyhow::Error>) -> Refused {
    Refused::Unreadable(format!("{:#}", error.into()))
}
