//! The cold tier: old parts of logs as objects in a folder or in S3.
//!
//! Owns the format of segments, the way to where they are kept (`object_store`), and the
//! [`Archiver`], which moves what is old out of the database; and the end of flows, the
//! [`Purger`], which removes from both what was deleted long ago. Knows neither SQL nor rooms:
//! which updates may go, and that they go whole or not at all, is the store's to say
//! ([`flow_store::SegmentStore`], [`flow_store::PurgeStore`]).
//!
//! An object is written, synced and read back before the store is told of it, and its name
//! has the checksum of what it holds. So a crash at any point leaves at most an object that
//! nobody knows of, and two nodes that archive the same log write the same objects.
//!
//! Start with [`ObjectArchive`].

mod archiver;
mod format;
mod measures;
mod objects;
mod purger;

#[cfg(test)]
mod tests;

pub use archiver::{Archiver, ArchiverError, Moved};
pub use measures::describe as describe_measures;
pub use objects::{ObjectArchive, OpenError};
pub use purger::{Ended, PurgeError, Purged, Purger};
