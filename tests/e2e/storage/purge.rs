//! What was deleted long ago is gone for good, down to the tables.

use flow_base::{FlowId, LinkRole, Seq};
use flow_client::{ClientError, NewFlow};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::{Database, Stored};
use crate::accounts::{code, refused};
use crate::people::{add, live, make};

/// Of the flow that is purged, and of the one that stays.
const GONE: &str = "albatross";
const KEPT: &str = "pelican";

impl Database {
    /// The tables in which the text occurs, anywhere.
    async fn tables_with(&self, text: &str) -> Vec<String> {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut found = Vec::new();
        match self {
            Self::Sqlite(file) => {
                let url = format!("sqlite:{}", file.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let columns: Vec<(String, String)> = sqlx::query_as(
                    "select tables.name, columns.name
                    from sqlite_schema as tables
                    join pragma_table_info(tables.name) as columns
                    where tables.type = 'table' and tables.sql not like '%using fts5%'",
                )
                .fetch_all(&mut connection)
                .await
                .unwrap();
                for (table, column) in columns {
                    let statement = format!(
                        "select count(*) from \"{table}\" where instr(cast(\"{column}\" as blob), x'{hex}') > 0"
                    );
                    let count: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
                        .fetch_one(&mut connection)
                        .await
                        .unwrap();
                    found.extend((count > 0).then_some(table));
                }
            }
            Self::Postgres(database) => {
                let mut connection = PgConnection::connect(database.url()).await.unwrap();
                let columns: Vec<(String, String)> = sqlx::query_as(
                    "select table_name::text, column_name::text
                    from information_schema.columns
                    where table_schema = 'public'",
                )
                .fetch_all(&mut connection)
                .await
                .unwrap();
                for (table, column) in columns {
                    let statement = format!(
                        "select count(*) from \"{table}\" where \"{column}\"::text ~* '{text}|{hex}'"
                    );
                    let count: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
                        .fetch_one(&mut connection)
                        .await
                        .unwrap();
                    found.extend((count > 0).then_some(table));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

impl Stored {
    /// A flow that says this in every way, with a version, a link, and a snapshot.
    async fn flow_that_says(&self, word: &str) -> FlowId {
        let new = NewFlow { name: Some(word.to_owned()), ..NewFlow::default() };
        let flow = self.ann.create_flow(&new).await.unwrap().id;
        make(&live(&self.ann, flow).await, add(word)).await;
        self.ann.create_version(flow, word).await.unwrap();
        self.ann.create_link(flow, LinkRole::Viewer, None).await.unwrap();
        self.tool(&["log", "compact", "--all", &flow.to_string()]).await.ended(0);
        flow
    }

    async fn usage(&self) -> u64 {
        let workspace = self.ann.workspaces().await.unwrap()[0].id;
        self.ann.workspace(workspace).await.unwrap().usage.storage_bytes.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_flow_is_gone_down_to_the_tables_on_sqlite() {
    gone_down_to_the_tables(Stored::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_flow_is_gone_down_to_the_tables_on_postgres() {
    gone_down_to_the_tables(Stored::on_postgres().await).await;
}

async fn gone_down_to_the_tables(mut stored: Stored) {
    let kept = stored.flow_that_says(KEPT).await;
    let (before, kept_in) = (stored.usage().await, stored.database.tables_with(KEPT).await);
    let flow = stored.flow_that_says(GONE).await;
    let found = stored.database.tables_with(GONE).await;
    for table in ["flows", "flow_snapshots", "flow_versions"] {
        assert!(found.iter().any(|found| found == table), "{table} is not in {found:?}");
    }
    stored.ann.delete_flow(flow).await.unwrap();
    let full = stored.usage().await;
    assert!(full > before, "a deleted flow counts");

    // As configured: it was deleted just now.
    let said = stored.tool(&["flow", "purge"]).await.ended(0);
    assert_eq!(said, "0 flows purged\n");
    stored.ann.restore_flow(flow).await.unwrap();
    stored.ann.delete_flow(flow).await.unwrap();
    let said = stored.tool(&["flow", "purge", "--older-than", "0s", "--json"]).await.ended(0);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said, json!({ "flow": flow, "objects": 0 }));

    assert_eq!(code(stored.ann.restore_flow(flow).await), refused(404, "not_found"));
    assert_eq!(stored.ann.deleted_flows().await.unwrap(), []);
    assert_eq!(code(stored.ann.flow_at(flow, Seq(1)).await), refused(404, "not_found"));
    assert_eq!(stored.database.tables_with(GONE).await, Vec::<String>::new());
    assert_eq!(stored.database.tables_with(KEPT).await, kept_in);
    assert_eq!(stored.usage().await, before);
    let workspace = stored.ann.workspaces().await.unwrap()[0].id;
    let audit = stored.ann.export_audit(workspace).await.unwrap();
    let purged: Vec<_> = audit.lines().filter(|line| line.contains("flow.purged")).collect();
    assert_eq!(purged.len(), 1, "{audit}");
    assert!(purged[0].contains(&flow.to_string()));
    stored.tool(&["audit", "verify"]).await.ended(0);
    stored.tool(&["log", "verify"]).await.ended(0);
    assert_eq!(stored.nodes(kept, 1).await.len(), 1);

    for wrong in ["", "30", "d", "1.5h", "3ö", "9999999999d"] {
        let ran = stored.tool(&["flow", "purge", "--older-than", wrong]).await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    for right in ["30d", "12h", "15m", "60s"] {
        let said = stored.tool(&["flow", "purge", "--older-than", right]).await.ended(0);
        assert_eq!(said, "0 flows purged\n");
    }

    // Servers do it by themselves.
    let other = stored.flow_that_says(GONE).await;
    stored.ann.delete_flow(other).await.unwrap();
    stored.server.stop().await.unwrap();
    let (days, zero) = (40 * 86_400, "deleted_at = ");
    let long_ago = match &stored.database {
        Database::Sqlite(_) => format!("{zero} deleted_at - {days} * 1000000"),
        Database::Postgres(_) => format!("{zero} deleted_at - interval '{days} seconds'"),
    };
    let id = stored.database.id(other);
    assert_eq!(stored.database.change(&format!("update flows set {long_ago} where id = {id}")).await, 1);
    stored.server.restart().await.unwrap();
    let gone = async || stored.database.tables_with(GONE).await;
    flow_testing::eventually("it is gone", gone, |found: &Vec<String>| found.is_empty()).await;
    let restored = stored.ann.restore_flow(other).await;
    assert!(matches!(restored, Err(ClientError::Refused { status: 404, .. })), "{restored:?}");
}
