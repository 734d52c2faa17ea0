//! `interflow user`, beside a server that runs.

use std::path::Path;
use std::process::{Output, Stdio};

use flow_client::Api;
use flow_protocol::CloseCode;
use flow_testing::{TestPostgres, TestServer};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::PROGRAM;
use crate::accounts::{PASSWORD, closed_with, code, refused, scene_on_postgres};
use crate::people::{Scene, live, scene, until};

/// Where the accounts are.
#[derive(Clone, Copy)]
enum Storage<'a> {
    Folder(&'a Path),
    Postgres(&'a str),
}

impl Storage<'_> {
    /// Runs `interflow user` with this on its standard input.
    async fn run(self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(PROGRAM);
        command.arg("user").args(arguments).env("INTERFLOW_LOG", "warn").kill_on_drop(true);
        match self {
            Self::Folder(folder) => command.env("INTERFLOW_DATA_DIR", folder),
            Self::Postgres(url) => command.env("INTERFLOW_DATABASE_URL", url),
        };
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = pipes.spawn().unwrap();
        // It may have ended without reading.
        drop(running.stdin.take().unwrap().write_all(input.as_bytes()).await);
        running.wait_with_output().await.unwrap()
    }

    async fn done(self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says on failing with this exit code.
    async fn fails(self, exit: i32, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input).await;
        assert_eq!(output.status.code(), Some(exit), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

async fn accounts_are_made_and_reset(scene: Scene, storage: Storage<'_>) {
    let add = ["add", "--email", "Ben@Example.org", "--name", "Ben"];
    let said = storage.done(&add, "").await;
    let password = said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    let ben = Api::new(&scene.server.url()).unwrap();
    assert!(!ben.login("ben@example.org", password).await.unwrap().installation_owner);
    let owner = ["add", "--email", "op@example.org", "--name", "Op", "--owner", "--password-stdin"];
    let said = storage.done(&owner, "from standard input\nand more\n").await;
    assert!(!said.contains("from standard input"), "{said}");
    let op = Api::new(&scene.server.url()).unwrap();
    assert!(op.login("op@example.org", "from standard input").await.unwrap().installation_owner);

    let listed = storage.done(&["list", "--json"], "").await;
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let emails: Vec<_> = listed.iter().map(|user| user["email"].as_str().unwrap()).collect();
    assert_eq!(emails, ["ann@example.org", "ben@example.org", "op@example.org"]);
    assert!(listed.iter().all(|user| user.as_object().unwrap().keys().all(|key| !key.contains("assword"))));
    let lines = storage.done(&["list"], "").await;
    assert!(lines.lines().next().unwrap().ends_with("ann@example.org ann (owner)"), "{lines}");

    // Whoever has Ann's old password, or a sign-in with it, has nothing any more.
    let socket = live(&scene.ann, scene.flow).await;
    let said = storage.done(&["reset-password", "ann@example.org"], "").await;
    let password = said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    until(&socket, "signed out", closed_with(CloseCode::SignedOut)).await;
    assert_eq!(code(ben.login("ann@example.org", PASSWORD).await).0, 401);
    ben.login("ann@example.org", password).await.unwrap();
}

#[tokio::test]
async fn an_operator_makes_accounts_and_gives_new_passwords_beside_a_server() {
    let scene = scene().await;
    let folder = scene.server.database().parent().unwrap().to_owned();
    accounts_are_made_and_reset(scene, Storage::Folder(&folder)).await;
}

#[tokio::test]
async fn an_operator_makes_accounts_and_gives_new_passwords_on_postgres() {
    let (scene, database) = scene_on_postgres().await;
    accounts_are_made_and_reset(scene, Storage::Postgres(database.url())).await;
}

#[tokio::test]
async fn what_an_operator_gets_wrong_is_said_with_its_exit_code() {
    let scene = scene().await;
    let folder = scene.server.database().parent().unwrap().to_owned();
    let storage = Storage::Folder(&folder);
    let said = storage.fails(1, &["add", "--email", "ann@example.org", "--name", "Ann"], "").await;
    assert!(said.contains("ann@example.org exists"), "{said}");
    let said = storage.fails(1, &["reset-password", "nobody@example.org"], "").await;
    assert!(said.contains("no account with the address nobody@example.org"), "{said}");
    storage.fails(2, &["add", "--email", "no address", "--name", "X"], "").await;
    storage.fails(2, &["add", "--email", "x@example.org", "--name", " "], "").await;
    for input in ["", "\n", "short\n"] {
        storage.fails(2, &["reset-password", "ann@example.org", "--password-stdin"], input).await;
    }
    let socket = live(&scene.ann, scene.flow).await;
    assert!(socket.state().borrow().is_live(), "nothing was reset");
    let nowhere = tempfile::tempdir().unwrap();
    let said = Storage::Folder(nowhere.path()).fails(1, &["list"], "").await;
    assert!(said.contains("there is no database"), "{said}");
}

#[tokio::test]
async fn the_first_account_can_be_made_before_the_first_start() {
    let database = TestPostgres::shared_database().await.unwrap();
    let add = ["add", "--email", "ann@example.org", "--name", "Ann", "--password-stdin"];
    let said = Storage::Postgres(database.url()).done(&add, PASSWORD).await;
    assert!(said.contains("owns the installation"), "{said}");
    let closed = [("INTERFLOW_DATABASE_URL", database.url()), ("INTERFLOW_ACCOUNTS__REGISTRATION", "closed")];
    let server = TestServer::start_with(PROGRAM, &closed).await.unwrap();
    let ann = Api::new(&server.url()).unwrap();
    assert!(ann.login("ann@example.org", PASSWORD).await.unwrap().installation_owner);
    let late = Api::new(&server.url()).unwrap().register("ben@example.org", PASSWORD, "Ben").await;
    assert_eq!(code(late), refused(403, "registration_closed"));

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    let said = Storage::Folder(&data).done(&add, PASSWORD).await;
    assert!(said.contains("owns the installation"), "{said}");
}
