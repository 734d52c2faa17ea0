use std::process::Command;

use expect_test::expect_file;
use flow_store::{AccountStore, Entry, LogStore};
use flow_testing::TestPostgres;
use sqlx::Connection;
use tokio::task::JoinSet;

use super::{TestStore, flows, open};
use crate::{OpenError, PostgresOptions, PostgresStore};

/// `UPDATE_EXPECT=1 cargo test -p flow-store-postgres schema` writes the file anew. The
/// partitions of the log are left out: they are as their parent says.
#[tokio::test]
async fn schema_sql_shows_what_the_migrations_make() {
    let test = TestStore::start().await;
    let dump = Command::new(TestPostgres::program("pg_dump").unwrap())
        .args(["--schema-only", "--no-owner", "--no-privileges", "--exclude-table=_sqlx_migrations"])
        .args(["--exclude-table=flow_updates_[0-3][0-9]", "--dbname", test.database.url()])
        .output()
        .unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let dump = String::from_utf8(dump.stdout).unwrap();
    // What differs between versions of Postgres and its programs, and what says nothing.
    let noise = ["--", "SET ", "SELECT pg_catalog.", "\\restrict", "\\unrestrict"];
    let mut schema = String::from("-- Derived from the migrations; a test compares. Do not edit.\n");
    for statement in dump.split("\n\n").map(str::trim) {
        let lines = statement.lines().filter(|line| !noise.iter().any(|noise| line.starts_with(noise)));
        let statement = lines.collect::<Vec<_>>().join("\n");
        if !statement.is_empty() {
            schema.push_str(&format!("\n{statement}\n"));
        }
    }
    expect_file!["../../../../migrations/postgres/schema.sql"].assert_eq(&schema);
}

#[tokio::test]
async fn the_log_has_32_parts_that_do_not_compress() {
    let test = TestStore::start().await;
    let parts: Vec<String> = sqlx::query_scalar(
        "select attstorage::text from pg_attribute
        join pg_inherits on inhrelid = attrelid
        where inhparent = 'flow_updates'::regclass and attname = 'update'",
    )
    .fetch_all(&mut test.connection().await)
    .await
    .unwrap();
    assert_eq!(parts, vec!["e"; 32]);
}

#[tokio::test]
async fn every_table_and_column_says_what_it_is() {
    let test = TestStore::start().await;
    let silent: Vec<String> = sqlx::query_scalar(
        "select pg_class.relname || coalesce('.' || attname, '')
        from pg_class
        left join pg_attribute on attrelid = pg_class.oid and attnum > 0
        where relnamespace = 'public'::regnamespace
            and relkind in ('r', 'p')
            and not relispartition
            and relname <> '_sqlx_migrations'
            and (col_description(pg_class.oid, attnum) is null or obj_description(pg_class.oid) is null)
        order by 1",
    )
    .fetch_all(&mut test.connection().await)
    .await
    .unwrap();
    assert_eq!(silent, Vec::<String>::new());
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let test = TestStore::start().await;
    let flow = flows(&test.store, 1).await[0];
    let options = PostgresOptions::new(test.database.url());
    PostgresStore::migrate(&options).await.unwrap();
    PostgresStore::migrate(&options).await.unwrap();
    assert!(test.store.load(flow).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_on_an_empty_database_all_come_up() {
    let database = TestPostgres::shared_database().await.unwrap();
    let mut nodes = JoinSet::new();
    for _ in 0..4 {
        let url = database.url().to_owned();
        nodes.spawn(async move { open(&url).await.ping().await });
    }
    for answer in nodes.join_all().await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_a_newer_release_migrated_still_opens() {
    let test = TestStore::start().await;
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (9999, 'later', true, '\\x00', 0)",
    )
    .execute(&mut test.connection().await)
    .await
    .unwrap();
    test.another().await.ping().await.unwrap();
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let test = TestStore::start().await;
    let name = format!("latin_{}", std::process::id());
    let create = format!("create database {name} encoding 'LATIN1' locale 'C' template template0");
    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut test.connection().await).await.unwrap();
    let (server, _) = test.database.url().rsplit_once('/').unwrap();
    let refused = PostgresStore::connect(&PostgresOptions::new(format!("{server}/{name}"))).await;
    assert!(matches!(refused, Err(OpenError::Encoding { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_without_the_password() {
    let test = TestStore::start().await;
    let url = test.database.url().replace("//interflow@", "//interflow:hunter2@");
    let gone = format!("{url}_gone");
    let refused = PostgresStore::connect(&PostgresOptions::new(&gone)).await.unwrap_err();
    let said = format!("{refused} {refused:?} {:?}", PostgresOptions::new(&gone));
    assert!(said.contains("_gone at 127.0.0.1:") && !said.contains("hunter2"), "{said}");

    let refused = PostgresStore::connect(&PostgresOptions::new("hunter2@nowhere")).await.unwrap_err();
    assert!(matches!(refused, OpenError::Address(_)));
    assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused:?}");
    assert!(sqlx::PgConnection::connect(&url).await.is_ok(), "it was the name, not the password");
}

/// Two accounts from before there were owners, the younger with the smaller id.
const OLD_ACCOUNTS: &str = "
    insert into workspaces (id, name, created_at)
    values ('00000000-0000-0000-0000-000000000001', 'Ann', to_timestamp(1));
    insert into users (id, email, name, password_hash, workspace_id, created_at)
    select id::uuid, email, name, '', '00000000-0000-0000-0000-000000000001', to_timestamp(at)
    from (
        values
            ('00000000-0000-0000-0000-000000000002', 'ben@example.org', 'Ben', 20),
            ('00000000-0000-0000-0000-000000000003', 'ann@example.org', 'Ann', 10)
    ) as account (id, email, name, at);
";

#[tokio::test]
async fn in_a_database_from_before_there_were_owners_the_oldest_account_is_one() {
    let database = TestPostgres::shared_database().await.unwrap();
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    sqlx::migrate!().run_direct(Some(2), &mut connection, false).await.unwrap();
    sqlx::raw_sql(OLD_ACCOUNTS).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = open(database.url()).await;
    let users = store.users(None, 10).await.unwrap();
    let owners: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.is_installation_owner)).collect();
    assert_eq!(owners, [("Ben", false), ("Ann", true)]);
    let late = flow_store::NewUser {
        id: flow_base::UserId::generate(),
        email: "cid@example.org".to_owned(),
        name: "Cid".to_owned(),
        password_hash: flow_base::Secret::new(String::new()),
        workspace: flow_base::WorkspaceId::generate(),
        created_at: flow_base::Timestamp::UNIX_EPOCH,
    };
    assert!(
        !store.admit_user(&late, Entry::Open, &flow_store::Origin::operator(late.created_at)).await.unwrap(),
        "and nobody else becomes one"
    );
}
