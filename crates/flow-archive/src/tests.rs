mod purging;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, Clock, FlowId, ManualClock, Secret, Seq, Timestamp, UserId, WorkspaceId};
use flow_store::memory::{MemoryArchive, MemoryStore};
use flow_store::{
    AccountStore, Archive, ArchiveError, FlowBatch, FlowStore, LogStore, NewFlow, NewUpdate, NewUser, Origin,
    PageSize, Quotas, Segment, SegmentStore, Snapshot, StoredUpdate,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{Archiver, Moved, ObjectArchive, OpenError};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn updates(count: u64) -> Vec<StoredUpdate> {
    let update = |seq| StoredUpdate {
        seq: Seq(seq),
        batch: BatchId::generate(),
        actor: ActorId::User(UserId::generate()),
        created_at: at(1),
        bytes: Bytes::from(format!("update {seq}")),
    };
    (1..=count).map(update).collect()
}

struct Folder {
    folder: TempDir,
    archive: ObjectArchive,
    flow: FlowId,
}

impl Folder {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let archive = ObjectArchive::open(folder.path().join("made/archive").to_str().unwrap()).unwrap();
        Self { folder, archive, flow: FlowId::generate() }
    }

    async fn put(&self, updates: &[StoredUpdate]) -> Segment {
        self.archive.put(self.flow, updates, at(50)).await.unwrap()
    }

    async fn get(&self, segment: &Segment) -> Result<Vec<StoredUpdate>, ArchiveError> {
        self.archive.get(self.flow, segment).await
    }

    fn path(&self, segment: &Segment) -> std::path::PathBuf {
        self.folder.path().join("made/archive").join(&segment.key)
    }

    /// The names of the flow's objects.
    fn names(&self) -> Vec<String> {
        let folder = self.folder.path().join("made/archive").join(self.flow.to_string());
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_is_put_is_got_and_has_a_name_of_its_own() {
    let f = Folder::new();
    let updates = updates(1_500);
    let segment = f.put(&updates).await;
    assert_eq!((segment.first, segment.last, segment.created_at), (Seq(1), Seq(1_500), at(50)));
    assert!(segment.key.starts_with(&format!("{}/000000000001-000000001500-", f.flow)), "{}", segment.key);
    assert_eq!(std::fs::metadata(f.path(&segment)).unwrap().len(), segment.bytes);
    assert_eq!(f.get(&segment).await.unwrap(), updates);
    let again = f.put(&updates).await;
    assert_eq!(again.sha256, segment.sha256);
    assert_ne!(again.key, segment.key, "no name is used twice");
    let other = f.put(&updates[..1_499]).await;
    assert_eq!(f.names().len(), 3);
    assert_eq!(f.get(&other).await.unwrap(), updates[..1_499]);
    assert_eq!(f.get(&segment).await.unwrap(), updates);
}

#[tokio::test]
async fn an_object_that_is_not_what_was_written_is_damaged() {
    let f = Folder::new();
    let segment = f.put(&updates(1_000)).await;
    let sound = std::fs::read(f.path(&segment)).unwrap();
    let flipped = |place: usize| {
        let mut bytes = sound.clone();
        bytes[place] ^= 1;
        bytes
    };
    let cut = sound[..sound.len() - 1].to_vec();
    for bytes in [Vec::new(), cut, flipped(0), flipped(sound.len() / 2), [&sound[..], b"x"].concat()] {
        std::fs::write(f.path(&segment), bytes).unwrap();
        let got = f.get(&segment).await;
        assert!(matches!(got, Err(ArchiveError::Damaged { .. })), "{got:?}");
    }
    std::fs::write(f.path(&segment), &sound).unwrap();
    f.get(&segment).await.unwrap();
    // Another flow's object under this name, with its checksum.
    let got = f.archive.get(FlowId::generate(), &segment).await;
    assert!(matches!(got, Err(ArchiveError::Damaged { .. })), "{got:?}");
    let moved = Segment { first: Seq(2), last: Seq(1_001), ..segment };
    let got = f.get(&moved).await;
    assert!(matches!(got, Err(ArchiveError::Damaged { .. })), "{got:?}");
}

#[tokio::test]
async fn a_missing_object_and_an_archive_that_cannot_be_reached_are_told_apart() {
    let f = Folder::new();
    let segment = f.put(&updates(3)).await;
    std::fs::remove_file(f.path(&segment)).unwrap();
    let got = f.get(&segment).await;
    assert!(matches!(got, Err(ArchiveError::Missing { .. })), "{got:?}");
    // A folder where the object should be: the system cannot read it.
    std::fs::create_dir(f.path(&segment)).unwrap();
    let put = f.archive.put(f.flow, &updates(3), at(50)).await;
    let other = f.folder.path().join("made/archive").join(f.flow.to_string());
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::write(&other, "no folder").unwrap();
    let failed = f.archive.put(f.flow, &updates(3), at(50)).await;
    assert!(put.is_ok(), "other updates, another name");
    assert!(matches!(failed, Err(ArchiveError::Unreachable { .. })), "{failed:?}");
}

#[tokio::test]
async fn leftovers_are_swept_and_nothing_else() {
    let f = Folder::new();
    let (kept, left) = (f.put(&updates(3)).await, f.put(&updates(4)).await);
    let other = f.archive.put(FlowId::generate(), &updates(3), at(50)).await.unwrap();
    let is_known = |key: &str| key == kept.key;
    let sweep = async |before| f.archive.sweep(f.flow, &is_known, before).await.unwrap();
    assert_eq!(sweep(at(0)).await, 0, "they are young");
    let later = Timestamp::MAX;
    assert_eq!(sweep(later).await, 1);
    assert_eq!(sweep(later).await, 0);
    f.get(&kept).await.unwrap();
    assert!(matches!(f.get(&left).await, Err(ArchiveError::Missing { .. })));
    assert!(f.path(&other).exists());
    let never = f.archive.sweep(FlowId::generate(), &is_known, later).await;
    assert_eq!(never.unwrap(), 0, "a flow that has none");
}

#[test]
fn an_archive_in_s3_is_named_by_its_bucket_and_prefix() {
    for location in ["s3://flows", "s3://flows/", "s3://flows/old/logs"] {
        ObjectArchive::open(location).unwrap();
    }
    for location in ["s3://", "s3:///logs"] {
        let opened = ObjectArchive::open(location);
        assert!(matches!(opened, Err(OpenError::Bucket { .. })), "{location}: {opened:?}");
    }
}

/// A flow with 4,200 updates of the last days, of which the snapshot has all.
async fn long_flow(store: &MemoryStore) -> FlowId {
    let (owner, workspace) = (UserId::generate(), WorkspaceId::generate());
    let user = NewUser {
        id: owner,
        email: format!("{owner}@example.org"),
        name: "Ann".to_owned(),
        password_hash: Secret::new(String::new()),
        workspace,
        created_at: at(0),
    };
    store.create_user(&user).await.unwrap();
    let flow = NewFlow {
        id: FlowId::generate(),
        workspace,
        owner,
        name: String::new(),
        description: String::new(),
        tags: vec![],
        created_at: at(0),
        updates: vec![],
    };
    store.create_flow(&flow, &Quotas::UNBOUNDED, &Origin::user(owner, at(0))).await.unwrap();
    for day in 0..42 {
        let update = NewUpdate { actor: ActorId::Server, bytes: Bytes::from(format!("day {day}")) };
        let batch = FlowBatch {
            flow: flow.id,
            batch: BatchId::generate(),
            at: at(day * 86_400),
            updates: vec![update; 100],
            writers: vec![],
        };
        store.append(&[batch]).await.remove(0).unwrap();
    }
    let snapshot = Snapshot { seq: Seq(4_200), state: Bytes::from_static(b"state") };
    assert!(store.put_snapshot(flow.id, &snapshot, at(0)).await.unwrap());
    flow.id
}

struct Moving {
    store: Arc<MemoryStore>,
    archive: Arc<MemoryArchive>,
    clock: Arc<ManualClock>,
    archiver: Archiver,
    flow: FlowId,
    before: Vec<StoredUpdate>,
}

const KEEP_FOR: Duration = Duration::from_secs(30 * 86_400);

impl Moving {
    async fn new() -> Self {
        let archive = Arc::new(MemoryArchive::new());
        let store = Arc::new(MemoryStore::with_archive(archive.clone()));
        let flow = long_flow(&store).await;
        let before = store.updates_after(flow, Seq::ZERO, PageSize::WHOLE).await.unwrap();
        // Seen from day 45, days 0 to 14 are old enough.
        let clock = Arc::new(ManualClock::at(at(45 * 86_400)));
        let archiver = Archiver::new(store.clone(), archive.clone(), clock.clone(), KEEP_FOR);
        Self { store, archive, clock, archiver, flow, before }
    }

    async fn is_whole(&self) {
        let (mut log, mut after) = (Vec::new(), Seq::ZERO);
        while after < Seq(4_200) {
            log.extend(self.store.updates_after(self.flow, after, PageSize::WHOLE).await.unwrap());
            after = log.last().unwrap().seq;
        }
        assert!(log == self.before, "not one is lost, and none is there twice");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_old_enough_is_archived_and_the_rest_later() {
    let m = Moving::new().await;
    let moved = m.archiver.archive_flow(m.flow).await.unwrap();
    assert_eq!((moved.segments, moved.updates), (1, 1_500));
    m.is_whole().await;
    assert_eq!(m.archiver.archive_flow(m.flow).await.unwrap(), Moved::default());
    m.clock.advance_ms(55 * 86_400_000);
    let moved = m.archiver.archive_flow(m.flow).await.unwrap();
    assert_eq!((moved.segments, moved.updates), (1, 1_700), "the last thousand stay");
    m.is_whole().await;
}

/// The process ends after the object was written, and before the store was told.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_cut_off_loses_and_doubles_nothing() {
    let m = Moving::new().await;
    let due = m.store.next_segment(m.flow, at(86_400 * 15)).await.unwrap().unwrap();
    let left = m.archive.put(m.flow, &due, m.clock.now()).await.unwrap();
    m.is_whole().await;
    // By the time of the next attempt there is more to archive.
    m.clock.advance_ms(55 * 86_400_000);
    m.archiver.archive_flow(m.flow).await.unwrap();
    m.is_whole().await;
    assert_eq!(m.archive.keys().len(), 2);
    m.archive.lose(&left.key);
    m.is_whole().await;
    // The answer of a transaction was lost: doing it again changes nothing.
    let noted = m.store.segments(m.flow, Seq::ZERO, 9).await.unwrap();
    assert!(!m.store.archive(m.flow, &noted[0], &m.before[..3_200]).await.unwrap());
    m.is_whole().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_archive_is_away_everything_stays() {
    let m = Moving::new().await;
    m.archive.be_away(true);
    m.archiver.archive_flow(m.flow).await.unwrap_err();
    m.is_whole().await;
    m.archive.be_away(false);
    assert_eq!(m.archiver.archive_flow(m.flow).await.unwrap().updates, 1_500);
    m.is_whole().await;
}

#[tokio::test(start_paused = true)]
async fn archiving_goes_on_in_the_background_until_it_is_stopped() {
    let m = Moving::new().await;
    let (other, stopping) = (long_flow(&m.store).await, CancellationToken::new());
    m.archive.be_away(true);
    let running = tokio::spawn(m.archiver.clone().run(stopping.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(m.archive.keys().is_empty());
    // The next look finds it back.
    m.archive.be_away(false);
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(m.archive.keys().len(), 2);
    for flow in [m.flow, other] {
        assert_eq!(m.store.segments(flow, Seq::ZERO, 9).await.unwrap().len(), 1);
    }
    stopping.cancel();
    running.await.unwrap();
    m.is_whole().await;
}
