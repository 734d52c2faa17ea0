use bytes::Bytes;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;

use crate::walk::{WalkError, Walked, walk};
use crate::{StateVector, UpdateLimits};

/// Why an update of a stranger is refused. The peer is closed with 4422.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    #[error("the update is not sound")]
    Walk(#[from] WalkError),
    /// It passed the walker, and yrs does not read it, or not twice alike.
    #[error("the update does not survive decoding and encoding")]
    RoundTrip,
}

/// An update whose bytes may be handed to the CRDT library.
#[derive(Debug, Clone)]
pub struct CheckedUpdate {
    bytes: Bytes,
}

/// Lets an update through if both Yjs libraries read it alike and it costs no
/// more than the limits allow.
///
/// # Errors
/// [`CheckError`]; the same bytes will never pass.
pub fn check_update(bytes: Bytes, limits: &UpdateLimits) -> Result<CheckedUpdate, CheckError> {
    let walked = walk(&bytes, limits)?;
    // An empty update is sound and by far the most frequent answer to step 1.
    if !walked.is_empty() {
        round_trip(&bytes)?;
    }
    Ok(CheckedUpdate { bytes })
}

/// Decode, encode, decode: an update is known that decodes and applies, but
/// whose encoding yrs itself cannot read. Once in a document, it would end every
/// later encoding of that document.
fn round_trip(bytes: &[u8]) -> Result<(), CheckError> {
    let encoded = {
        let update = yrs::Update::decode_v1(bytes).map_err(|_| CheckError::RoundTrip)?;
        update.encode_v1()
    };
    let again = yrs::Update::decode_v1(&encoded).map_err(|_| CheckError::RoundTrip)?;
    if again.encode_v1().len() == encoded.len() { Ok(()) } else { Err(CheckError::RoundTrip) }
}

impl CheckedUpdate {
    /// The update as it was received.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the walker saw.
    #[must_use]
    pub fn walked(&self) -> Walked<'_> {
        walk(&self.bytes, &UpdateLimits::unlimited())
            .expect("the update was walked before it was let through")
    }

    /// Whether it brings structs that a document at `known` has not.
    #[must_use]
    pub fn brings_structs(&self, known: &StateVector) -> bool {
        self.walked().sections().iter().any(|section| section.end > known.get(section.client))
    }
}
