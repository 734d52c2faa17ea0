//! `flow_purges`, and the end of everything of a flow.
//!
//! Who works on a flow holds its row of `flow_purges`; whoever else wants to leaves it to them.

use async_trait::async_trait;
use flow_base::{FlowId, Timestamp, WorkspaceId};
use flow_store::{AuditEvent, Origin, PURGED_BYTES, PURGED_ROWS, Purge, PurgePart, PurgeStore, StoreError};
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::connections::Tx;
use crate::error::Failure;
use crate::values::Moment;
use crate::{run, run_file, test_result};

const BEGIN: &str = "begin to purge a flow";
const PART: &str = "purge a part of the flow";
const LIST: &str = "list the purges";
const END: &str = "end the purge";

#[async_trait]
impl PurgeStore for PostgresStore {
    async fn begin_purge(
        &self,
        deleted_before: Timestamp,
        by: &Origin,
    ) -> Result<Option<FlowId>, StoreError> {
        self.call(BEGIN, async {
            let mut tx = self.begin().await?;
            let Some((flow, workspace)) = take(&mut tx, deleted_before).await? else {
                tx.undo().await;
                return Ok(None);
            };
            condemn(&mut tx, flow, by).await?;
            let event = AuditEvent::FlowPurged { flow };
            record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
            tx.commit().await?;
            Ok(Some(flow))
        })
        .await
    }

    async fn purge_part(&self, flow: FlowId) -> Result<PurgePart, StoreError> {
        self.call(PART, async {
            let mut tx = self.begin().await?;
            if !hold(&mut tx, flow).await? {
                tx.undo().await;
                return Ok(PurgePart::NotOurs);
            }
            let is_left = updates(&mut tx, flow).await? > 0
                || versions(&mut tx, flow).await? > 0
                || quarantine(&mut tx, flow).await? > 0
                || run_file::purge(&mut tx, flow).await? > 0
                || run::purge(&mut tx, flow).await? > 0
                || test_result::purge(&mut tx, flow).await? > 0
                || rest(&mut tx, flow).await? > 0
                || last_runs(&mut tx, flow).await? > 0;
            if !is_left {
                end(&mut tx, flow).await?;
            }
            tx.commit().await?;
            Ok(if is_left { PurgePart::More } else { PurgePart::Emptied })
        })
        .await
    }

    async fn purges(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<Purge>, StoreError> {
        // No flow has this id: it is no UUID that anybody draws.
        let after = after.map_or(Uuid::nil(), FlowId::as_uuid);
        let rows = self.call(LIST, async {
            let mut session = self.session().await?;
            let rows = sqlx::query!(
                r#"
                select
                    flow_id,
                    began_at as "began_at: Moment",
                    has_archive,
                    is_emptied
                from flow_purges
                where flow_id > $1
                order by flow_id
                limit $2
                "#,
                after,
                i64::from(limit),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        let purges = rows.await?.into_iter().map(|row| Purge {
            flow: FlowId::from_uuid(row.flow_id),
            began_at: row.began_at.0,
            has_archive: row.has_archive,
            is_emptied: row.is_emptied,
        });
        Ok(purges.collect())
    }

    async fn end_purge(&self, flow: FlowId) -> Result<bool, StoreError> {
        self.call(END, async {
            let mut session = self.session().await?;
            let ended =
                sqlx::query!("delete from flow_purges where flow_id = $1 and is_emptied", flow.as_uuid())
                    .execute(&mut *session)
                    .await;
            Ok(session.settle(ended)?.rows_affected() == 1)
        })
        .await
    }
}

/// The flow that was deleted first. One that is being restored, or taken by another node, is
/// locked; what was done to it before we lock it shows in its row.
async fn take(tx: &mut Tx, deleted_before: Timestamp) -> Result<Option<(FlowId, WorkspaceId)>, Failure> {
    let row = sqlx::query!(
        r#"
        select
            id,
            workspace_id
        from flows
        where deleted_at > 'epoch' and deleted_at <= $1
        order by deleted_at, id
        limit 1
        for no key update skip locked
        "#,
        Moment(deleted_before) as Moment,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (FlowId::from_uuid(row.id), WorkspaceId::from_uuid(row.workspace_id))))
}

/// From now on there is no such flow, to this release and to the one before.
async fn condemn(tx: &mut Tx, flow: FlowId, by: &Origin) -> Result<(), Failure> {
    sqlx::query!(
        r#"
        update flows
        set
            deleted_at = 'epoch',
            name = '',
            description = '',
            tags = '{}',
            search = '',
            slug = null
        where id = $1
        "#,
        flow.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    // Whoever appends, archives or mends has finished, and finds it purged afterwards.
    sqlx::query!(
        r#"
        with head as (
            update flow_heads
            set
                is_purged = true,
                access_rev = access_rev + 1
            where flow_id = $1
            returning archived_seq
        )
        insert into flow_purges (flow_id, began_at, has_archive)
        select $1, $2, coalesce((select archived_seq from head), 0) > 0
        "#,
        flow.as_uuid(),
        Moment(by.at) as Moment,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Answers whether it is there to be worked on, by us.
async fn hold(tx: &mut Tx, flow: FlowId) -> Result<bool, Failure> {
    let held = sqlx::query_scalar!(
        "select flow_id from flow_purges where flow_id = $1 and not is_emptied for update skip locked",
        flow.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(held.is_some())
}

/// The lengths are read from where the bytes are named, not from the bytes.
async fn updates(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        delete from flow_updates
        where flow_id = $1
            and seq <= (
                select max(seq)
                from (
                    select
                        seq,
                        sum(bytes) over (order by seq) - bytes as before
                    from (
                        select
                            seq,
                            octet_length(update) as bytes
                        from flow_updates
                        where flow_id = $1
                        order by seq
                        limit $2
                    ) as first_rows
                ) as part
                where part.before < $3
            )
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn versions(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        delete from flow_versions
        where flow_id = $1
            and number <= (
                select max(number)
                from (
                    select
                        number,
                        sum(bytes) over (order by number) - bytes as before
                    from (
                        select
                            number,
                            octet_length(content) as bytes
                        from flow_versions
                        where flow_id = $1
                        order by number
                        limit $2
                    ) as first_rows
                ) as part
                where part.before < $3
            )
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn quarantine(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        delete from flow_quarantine
        where flow_id = $1
            and id <= (
                select max(id)
                from (
                    select
                        id,
                        sum(bytes) over (order by id) - bytes as before
                    from (
                        select
                            id,
                            octet_length(bytes) as bytes
                        from flow_quarantine
                        where flow_id = $1
                        order by id
                        limit $2
                    ) as first_rows
                ) as part
                where part.before < $3
            )
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

/// What has small rows, and the one snapshot.
async fn rest(tx: &mut Tx, flow: FlowId) -> Result<i64, Failure> {
    let removed = sqlx::query_scalar!(
        r#"
        with
        snapshots as (
            delete from flow_snapshots where flow_id = $1 returning 1
        ),
        clients as (
            delete from flow_clients
            where flow_id = $1
                and client_id in (
                    select client_id from flow_clients where flow_id = $1 order by client_id limit $2
                )
            returning 1
        ),
        segments as (
            delete from flow_segments
            where flow_id = $1
                and last_seq in (
                    select last_seq from flow_segments where flow_id = $1 order by last_seq limit $2
                )
            returning 1
        ),
        members as (
            delete from flow_members
            where flow_id = $1
                and user_id in (
                    select user_id from flow_members where flow_id = $1 order by user_id limit $2
                )
            returning 1
        ),
        links as (
            delete from flow_links
            where flow_id = $1
                and id in (
                    select id from flow_links where flow_id = $1 order by id limit $2
                )
            returning 1
        )
        select
            (select count(*) from snapshots)
            + (select count(*) from clients)
            + (select count(*) from segments)
            + (select count(*) from members)
            + (select count(*) from links) as "removed!"
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(removed)
}

/// Runs and test results of those who found the flow there before it was deleted and have only
/// now finished: they are waited for.
async fn last_runs(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    sqlx::query!("select id from flows where id = $1 for update", flow.as_uuid())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(run_file::purge(tx, flow).await? + run::purge(tx, flow).await? + test_result::purge(tx, flow).await?)
}

/// The flow itself.
async fn end(tx: &mut Tx, flow: FlowId) -> Result<(), Failure> {
    sqlx::query!("delete from flow_heads where flow_id = $1", flow.as_uuid()).execute(&mut **tx).await?;
    sqlx::query!("delete from flows where id = $1", flow.as_uuid()).execute(&mut **tx).await?;
    sqlx::query!("update flow_purges set is_emptied = true where flow_id = $1", flow.as_uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn bytes() -> i64 {
    i64::try_from(PURGED_BYTES).expect("some megabytes fit")
}
