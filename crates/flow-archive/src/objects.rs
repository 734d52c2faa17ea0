use std::fmt::Debug;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, Timestamp};
use flow_store::{Archive, ArchiveError, BoxError, Segment, StoredUpdate};
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{format, measures};

/// Segments as objects of an object store.
#[derive(Debug, Clone)]
pub struct ObjectArchive {
    store: Arc<dyn ObjectStore>,
    /// Before every name; empty in a folder.
    prefix: Key,
}

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("could not make the folder {path}")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("could not use {location} as an archive")]
    Store {
        location: String,
        #[source]
        source: object_store::Error,
    },
    #[error("{location} does not name a bucket: s3://BUCKET or s3://BUCKET/PREFIX")]
    Bucket { location: String },
}

impl ObjectArchive {
    /// In a folder, or in S3 at `s3://BUCKET/PREFIX`. What S3 needs besides (region,
    /// credentials, another endpoint) is taken from the environment as by other programs:
    /// `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT`, ….
    ///
    /// # Errors
    /// [`OpenError`]. S3 is not asked before something is read or written.
    pub fn open(location: &str) -> Result<Self, OpenError> {
        match location.strip_prefix("s3://") {
            Some(place) => Self::in_s3(location, place),
            None => Self::in_folder(Path::new(location)),
        }
    }

    /// In a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn in_folder(path: &Path) -> Result<Self, OpenError> {
        // What people have written lies there: it is its owner's alone.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
        let folder = LocalFileSystem::new_with_prefix(path)
            .map_err(|source| OpenError::Store { location: path.display().to_string(), source })?;
        // Before the database forgets an update its object is on disk.
        Ok(Self { store: Arc::new(folder.with_fsync(true)), prefix: Key::default() })
    }

    fn in_s3(location: &str, place: &str) -> Result<Self, OpenError> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(OpenError::Bucket { location: location.to_owned() });
        }
        let failed = |source| OpenError::Store { location: location.to_owned(), source };
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build().map_err(failed)?;
        let prefix = Key::parse(prefix).map_err(|error| failed(error.into()))?;
        Ok(Self { store: Arc::new(store), prefix })
    }

    fn path(&self, key: &str) -> Key {
        self.prefix.parts().chain(Key::from(key).parts()).collect()
    }

    async fn read(&self, key: &str) -> Result<Bytes, ArchiveError> {
        let read = async { self.store.get(&self.path(key)).await?.bytes().await };
        read.await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => ArchiveError::Missing { key: key.to_owned() },
            error => unreachable("read", key, error),
        })
    }
}

fn unreachable(action: &'static str, key: &str, source: impl Into<BoxError>) -> ArchiveError {
    ArchiveError::Unreachable { action, key: key.to_owned(), source: source.into() }
}

/// The object is there and is not what was written.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("it has {found} bytes with checksum {sum}, others were written")]
    Checksum { found: usize, sum: String },
    #[error("it does not hold the updates that it is named for")]
    Updates,
}

#[async_trait]
impl Archive for ObjectArchive {
    async fn put(
        &self,
        flow: FlowId,
        updates: &[StoredUpdate],
        at: Timestamp,
    ) -> Result<Segment, ArchiveError> {
        let began = Instant::now();
        let (first, last) = match updates {
            [first, .., last] => (first.seq, last.seq),
            [only] => (only.seq, only.seq),
            [] => return Err(unreachable("write", &flow.to_string(), "there is nothing to write")),
        };
        let updates = updates.to_vec();
        let work = move || {
            let bytes = format::encode(flow, &updates);
            let sha256: [u8; 32] = Sha256::digest(&bytes).into();
            (bytes, sha256)
        };
        let encoded = off_thread(work).await;
        let (bytes, sha256) = encoded.map_err(|error| unreachable("write", &flow.to_string(), error))?;
        // A quarter of the checksum, so that one sees what is what; and something that never
        // comes again: whoever sweeps away what nobody knows must not meet, under one name,
        // what was just written once more.
        let key = format!(
            "{flow}/{first:0>12}-{last:0>12}-{}-{}",
            &hex(&sha256)[..16],
            Uuid::now_v7().simple(),
            first = first.0,
            last = last.0
        );
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        let length = bytes.len() as u64;
        let segment = Segment { first, last, key, sha256, bytes: length, created_at: at };
        let written = self.store.put(&self.path(&segment.key), bytes.into()).await;
        written.map_err(|error| unreachable("write", &segment.key, error))?;
        self.get(flow, &segment).await?;
        measures::took("write", began.elapsed());
        Ok(segment)
    }

    async fn get(&self, flow: FlowId, segment: &Segment) -> Result<Vec<StoredUpdate>, ArchiveError> {
        let began = Instant::now();
        let bytes = self.read(&segment.key).await?;
        let wanted = segment.clone();
        let work = move || check(flow, &wanted, &bytes);
        let checked = off_thread(work).await.map_err(|error| unreachable("read", &segment.key, error))?;
        let updates = checked.map_err(|source| ArchiveError::Damaged { key: segment.key.clone(), source })?;
        measures::took("read", began.elapsed());
        Ok(updates)
    }

    async fn sweep(
        &self,
        flow: FlowId,
        is_known: &(dyn for<'a> Fn(&'a str) -> bool + Sync),
        before: Timestamp,
    ) -> Result<u64, ArchiveError> {
        let folder = self.path(&flow.to_string());
        let failed = |error| unreachable("list", &flow.to_string(), error);
        let objects: Vec<_> = self.store.list(Some(&folder)).try_collect().await.map_err(failed)?;
        let mut removed = 0;
        for object in objects {
            let name = object.location.filename().unwrap_or_default();
            let key = format!("{flow}/{name}");
            let is_old = object.last_modified.timestamp_micros() < before.as_microsecond();
            if is_old && !is_known(&key) {
                let gone = self.store.delete(&object.location).await;
                gone.map_err(|error| unreachable("remove", &key, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Hashing and decompressing some megabytes takes its time.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}

fn check(flow: FlowId, segment: &Segment, bytes: &[u8]) -> Result<Vec<StoredUpdate>, BoxError> {
    let sum: [u8; 32] = Sha256::digest(bytes).into();
    if sum != segment.sha256 || bytes.len() as u64 != segment.bytes {
        return Err(Wrong::Checksum { found: bytes.len(), sum: hex(&sum) }.into());
    }
    let updates = format::decode(flow, bytes)?;
    let are_these = updates.iter().map(|update| update.seq.0).eq(segment.first.0..=segment.last.0);
    if are_these { Ok(updates) } else { Err(Wrong::Updates.into()) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
