use expect_test::expect_file;
use flow_base::Timestamp;
use flow_store::AccountStore;
use sqlx::Connection;

use super::TestStore;
use crate::{OpenError, SqliteStore};

/// `UPDATE_EXPECT=1 cargo test -p flow-store-sqlite` writes the file anew.
#[tokio::test]
async fn schema_sql_shows_what_the_migrations_make() {
    let test = TestStore::start().await;
    let statements: Vec<String> = sqlx::query_scalar(
        "select sql from sqlite_schema
        where sql is not null and name not like '\\_sqlx%' escape '\\'
        order by tbl_name, type desc, name",
    )
    .fetch_all(test.store.readers())
    .await
    .unwrap();
    let header = "-- Derived from the migrations; a test compares. Do not edit.\n\n";
    let schema = format!("{header}{};\n", statements.join(";\n\n"));
    expect_file!["../../../../migrations/sqlite/schema.sql"].assert_eq(&schema);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let test = TestStore::start().await;
    let flow = test.flows(1).await[0];
    SqliteStore::migrate(test.path()).await.unwrap();
    SqliteStore::migrate(test.path()).await.unwrap();
    assert!(flow_store::LogStore::load(&*test.store, flow).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_a_newer_release_migrated_still_opens() {
    let test = TestStore::start().await;
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (9999, 'later', true, x'00', 0)",
    )
    .execute(&mut *test.store.write().await.unwrap())
    .await
    .unwrap();
    test.store.close().await;
    SqliteStore::open(test.path()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "not a database, and not to be overwritten ".repeat(200);
    std::fs::write(&path, &text).unwrap();
    let refused = SqliteStore::open(&path).await.unwrap_err();
    assert!(refused.to_string().contains("notes.txt"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let refused = SqliteStore::open(folder.path().join("gone").join("interflow.db")).await.unwrap_err();
    assert!(matches!(refused, OpenError::Connect { .. }), "{refused:?}");
}

/// Two accounts from before there were owners, the younger with the smaller id.
const OLD_ACCOUNTS: &str = "
    insert into workspaces (id, name, created_at)
    values (x'00000000000000000000000000000001', 'Ann', 1);
    insert into users (id, email, name, password_hash, workspace_id, created_at)
    values
        (x'00000000000000000000000000000002', 'ben@example.org', 'Ben', '', x'00000000000000000000000000000001', 20),
        (x'00000000000000000000000000000003', 'ann@example.org', 'Ann', '', x'00000000000000000000000000000001', 10);
    insert into sessions (id, user_id, created_at, expires_at)
    values (x'00000000000000000000000000000004', x'00000000000000000000000000000003', 30, 40);
";

#[tokio::test]
async fn in_a_file_from_before_there_were_owners_the_oldest_account_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("interflow.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate!().run_direct(Some(4), &mut connection, false).await.unwrap();
    sqlx::raw_sql(OLD_ACCOUNTS).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let users = store.users(None, 10).await.unwrap();
    let owners: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.is_installation_owner)).collect();
    assert_eq!(owners, [("Ben", false), ("Ann", true)]);
    let session = store.sessions(users[1].id, Timestamp::UNIX_EPOCH, 10).await.unwrap().remove(0);
    assert_eq!(session.last_used_at, session.created_at);
}
