use flow_testing::TestServer;
use tokio::process::Command;

use crate::PROGRAM;

#[tokio::test]
async fn a_setting_with_a_typo_stops_the_start_with_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, said) in [
        ("INTERFLOW_LISSTEN", "127.0.0.1:0", "lissten"),
        ("INTERFLOW_LIMITS__FRAME_BYTES", "many", "frame_bytes"),
        ("INTERFLOW_LIMITS__GUEST_SHARE_PERCENT", "101", "guest_share_percent"),
        ("INTERFLOW_LOG_FORMAT", "xml", "log_format"),
        ("INTERFLOW_DATABASE_URL", "mysql://localhost/flows", "postgres://"),
        ("INTERFLOW_REDIS_URL", "redis://localhost", "database_url"),
    ] {
        let mut serve = Command::new(PROGRAM);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path()).env(name, value);
        let ended = serve.kill_on_drop(true).output().await.unwrap();
        let line = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.to_lowercase().contains(said), "{line} does not name {said}");
    }
}

/// A typo must not print a key, and one of digits is a key, too.
#[tokio::test]
async fn secrets_are_taken_as_they_are_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["signing_key = \"hunter2", "metrics_token = 77077", "signing_key = [\"hunter2\"]"] {
        std::fs::write(folder.path().join("interflow.toml"), format!("listen = \"127.0.0.1:0\"\n{wrong}\n"))
            .unwrap();
        let mut serve = Command::new(PROGRAM);
        let ended = serve.arg("serve").current_dir(folder.path()).kill_on_drop(true).output().await.unwrap();
        let line = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{line}");
        assert!(!line.contains("hunter2") && !line.contains("77077"), "{line}");
        assert!(line.contains("line 2") || line.contains("text"), "{line}");
    }
    TestServer::start_with(PROGRAM, &[("INTERFLOW_METRICS_TOKEN", "0123456789")]).await.unwrap();
}

#[tokio::test]
async fn what_a_bot_finds_in_its_environment_does_not_concern_the_server() {
    let bots = [
        ("INTERFLOW_EMAIL", "ann@example.org"),
        ("INTERFLOW_PASSWORD", "secret"),
        ("INTERFLOW_URL", "http://x"),
    ];
    TestServer::start_with(PROGRAM, &bots).await.unwrap();
}

#[tokio::test]
async fn migrating_makes_a_database_that_serving_takes() {
    let folder = tempfile::tempdir().unwrap();
    let migrated =
        Command::new(PROGRAM).args(["migrate", "--data-dir"]).arg(folder.path()).output().await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    assert!(folder.path().join("interflow.db").exists());
    let store = flow_store_sqlite::SqliteStore::open(folder.path().join("interflow.db")).await.unwrap();
    flow_store::LogStore::ping(&store).await.unwrap();
}
