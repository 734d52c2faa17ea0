//! Files that somebody has sent to a run.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{RunFileId, RunId, Timestamp};
use uuid::Uuid;

use crate::{StoreError, StoredMoment, Unreadable};

/// A file, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFile {
    /// They sort as they were sent.
    pub id: RunFileId,
    pub run: RunId,
    /// The question that was asked when it was sent, and how often that was asked by then.
    pub visit: u32,
    pub attempt: u32,
    pub name: String,
    /// Judged by the content.
    pub media_type: String,
    /// How many the content has.
    pub bytes: u64,
    pub sha256: [u8; 32],
    pub created_at: Timestamp,
}

/// How much may be sent to one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunFileBounds {
    pub files: Option<u32>,
    /// Of all of them.
    pub bytes: Option<u64>,
}

impl RunFileBounds {
    pub const UNBOUNDED: Self = Self { files: None, bytes: None };

    /// Whether there is room for one more of `more` bytes beside so many.
    #[must_use]
    pub fn allow(&self, files: u64, bytes: u64, more: u64) -> bool {
        self.files.is_none_or(|most| files < u64::from(most))
            && self.bytes.is_none_or(|most| bytes.saturating_add(more) <= most)
    }
}

/// What became of a file that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunFileKept {
    /// It is there: as this one, or it was already.
    Kept(RunFile),
    /// The run has as much as it may. Nothing was written.
    Full,
    /// There is no such run that goes on: it has ended, or its flow is deleted. Nothing was
    /// written.
    NoRun,
}

/// What was sent to runs. It goes with them.
#[async_trait]
pub trait RunFileStore: Debug + Send + Sync + 'static {
    /// Keeps a file, within the bounds of its run. One with the same content and name that was
    /// sent for the same question is there already, and is answered. Where there is no room,
    /// what was sent for the same question when it was asked before makes some: the answers to
    /// that were refused.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn put_run_file(
        &self,
        file: &RunFile,
        content: &Bytes,
        bounds: RunFileBounds,
    ) -> Result<RunFileKept, StoreError>;

    /// All of a run, in the order they were sent.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn run_files(&self, run: RunId) -> Result<Vec<RunFile>, StoreError>;

    /// One of a run, with its content.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn run_file(&self, run: RunId, id: RunFileId) -> Result<Option<(RunFile, Bytes)>, StoreError>;
}

/// A file as the tables of both databases keep it. The fields are columns of `run_files`.
#[derive(Debug)]
pub struct RunFileRow<M> {
    pub id: Uuid,
    pub run_id: Uuid,
    pub visit: i64,
    pub attempt: i64,
    pub name: String,
    pub media_type: String,
    pub bytes: i64,
    pub sha256: Vec<u8>,
    pub created_at: M,
}

impl<M: StoredMoment> TryFrom<RunFileRow<M>> for RunFile {
    type Error = Unreadable;

    fn try_from(row: RunFileRow<M>) -> Result<Self, Unreadable> {
        let count = |count| u32::try_from(count).map_err(|_| Unreadable("visit of a run"));
        Ok(Self {
            id: RunFileId::from_uuid(row.id),
            run: RunId::from_uuid(row.run_id),
            visit: count(row.visit)?,
            attempt: count(row.attempt)?,
            name: row.name,
            media_type: row.media_type,
            bytes: row.bytes.cast_unsigned(),
            sha256: row.sha256.try_into().map_err(|_| Unreadable("digest of a file"))?,
            created_at: row.created_at.read()?,
        })
    }
}
