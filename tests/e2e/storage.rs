//! What is stored is damaged, backed up, and restored, on both databases.

mod archive;
mod backup;
mod damage;
mod purge;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Output;

use flow_base::FlowId;
use flow_client::{Api, NewFlow};
use flow_testing::{TestDatabase, TestPostgres, TestServer};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::process::Command;

use crate::PROGRAM;
use crate::people::{live, until_graph};

/// A server and the database it uses, to be touched behind its back.
struct Stored {
    server: TestServer,
    ann: Api,
    database: Database,
}

enum Database {
    Sqlite(PathBuf),
    Postgres(TestDatabase),
}

impl Stored {
    async fn on_sqlite() -> Self {
        let server = TestServer::start(PROGRAM).await.unwrap();
        let database = Database::Sqlite(server.database());
        Self::new(server, database).await
    }

    async fn on_postgres() -> Self {
        let database = TestPostgres::shared_database().await.unwrap();
        let environment = [("INTERFLOW_DATABASE_URL", database.url())];
        let server = TestServer::start_with(PROGRAM, &environment).await.unwrap();
        Self::new(server, Database::Postgres(database)).await
    }

    async fn new(server: TestServer, database: Database) -> Self {
        let (ann, _) = server.person("ann").await.unwrap();
        Self { server, ann, database }
    }

    async fn create_flow(&self) -> FlowId {
        self.ann.create_flow(&NewFlow::default()).await.unwrap().id
    }

    /// The ids of its nodes, as the server shows them to somebody who joins now.
    async fn nodes(&self, flow: FlowId, count: usize) -> BTreeSet<String> {
        let peer = live(&self.ann, flow).await;
        let graph = until_graph(&peer, "all nodes are there", |graph| graph.nodes.len() >= count).await;
        graph.nodes.keys().map(ToString::to_string).collect()
    }

    async fn tool(&self, arguments: &[&str]) -> Ran {
        self.database.tool(arguments).await
    }
}

impl Database {
    /// Runs `interflow` on it.
    async fn tool(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().await.unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("INTERFLOW_LOG", "warn").kill_on_drop(true);
        match self {
            Self::Sqlite(file) => command.env("INTERFLOW_DATA_DIR", file.parent().unwrap()),
            Self::Postgres(database) => command.env("INTERFLOW_DATABASE_URL", database.url()),
        };
        command
    }

    /// Changes rows behind the server's back; answers how many.
    async fn change(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(file) => {
                let mut connection =
                    SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
                sqlx::raw_sql(statement).execute(&mut connection).await.unwrap().rows_affected()
            }
            Self::Postgres(database) => {
                let mut connection = PgConnection::connect(database.url()).await.unwrap();
                sqlx::raw_sql(statement).execute(&mut connection).await.unwrap().rows_affected()
            }
        }
    }

    /// A flow's id in a statement.
    fn id(&self, flow: FlowId) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", flow.as_uuid().simple()),
            Self::Postgres(_) => format!("'{flow}'"),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sqlite(_) => format!("x'{hex}'"),
            Self::Postgres(_) => format!("'\\x{hex}'"),
        }
    }
}

/// What a command said.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Ended with this exit code.
    fn ended(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.out
    }
}
