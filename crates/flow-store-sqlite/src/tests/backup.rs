use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use flow_base::Seq;
use flow_store::LogStore;

use super::{TestStore, batch};
use crate::{BackupError, SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_others_write_has_everything_stored_before_it() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    for _ in 0..50 {
        test.store.append(&[batch(flow, vec![0, 0])]).await.remove(0).unwrap();
    }
    let writer = {
        let store = Arc::clone(&test.store);
        tokio::spawn(async move {
            for _ in 0..200 {
                store.append(&[batch(flow, vec![0, 0])]).await.remove(0).unwrap();
            }
        })
    };
    let copy = test.folder.path().join("copy.db");
    let bytes = SqliteStore::backup(&test.path(), &copy).await.unwrap();
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "hashes of passwords are in it");
    assert_eq!(std::fs::metadata(&copy).unwrap().len(), bytes);
    writer.await.unwrap();

    let restored = SqliteStore::open(&copy).await.unwrap().load(flow).await.unwrap().unwrap();
    assert!(restored.head >= Seq(50), "{:?}", restored.head);
    assert_eq!(restored.tail.len() as u64, restored.head.0);
}

#[tokio::test]
async fn a_backup_never_touches_a_file_that_is_there() {
    let test = TestStore::start().await;
    let there = test.folder.path().join("there.db");
    std::fs::write(&there, "").unwrap();
    let refused = SqliteStore::backup(&test.path(), &there).await;
    assert!(matches!(refused, Err(BackupError::Exists(_))), "{refused:?}");
    assert_eq!(std::fs::read(&there).unwrap(), b"");
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let test = TestStore::start().await;
    let folder = tempfile::tempdir().unwrap();
    let gone = test.folder.path().join("gone.db");
    let refused = SqliteStore::backup(&gone, &folder.path().join("copy.db")).await;
    assert!(matches!(refused, Err(BackupError::Open { .. })), "{refused:?}");
    let nowhere = folder.path().join("no/folder/copy.db");
    let refused = SqliteStore::backup(&test.path(), &nowhere).await;
    assert!(matches!(refused, Err(BackupError::File { .. })), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(!gone.exists(), "looking for a database does not make one");
}
