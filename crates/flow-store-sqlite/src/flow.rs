//! `flows` and `flow_members`.

mod deleted;
mod list;
mod member;
mod place;
mod row;
mod slug;

use async_trait::async_trait;
use flow_base::{ActorId, BatchId, FlowId, Role, Seq, Timestamp, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, DeletedFlow, FlowAccess, FlowBatch, FlowPage, FlowQuery, FlowRecord, FlowStore,
    Member, MemberChange, NewFlow, NewUpdate, Origin, Projection, Quotas, StoreError, search_words,
};
use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::account::user_exists;
use crate::audit::{Chain, record};
use crate::error::{backend, micros, unreadable};
use crate::log::{Placed, position, write};
use crate::workspace::may;
use crate::workspace::quota::room_for_a_flow;
use row::{AccessRow, FlowRow};

pub(crate) use member::{MemberRow, require_owner};
pub(crate) use row::role;

const CREATE: &str = "create the flow";
const READ: &str = "read the flow";
const READ_ACCESS: &str = "read who may do what on the flow";
const PROJECT: &str = "write what the flow says about itself";

#[async_trait]
impl FlowStore for SqliteStore {
    async fn create_flow(&self, flow: &NewFlow, quotas: &Quotas, by: &Origin) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE))?;
        if !user_exists(&mut tx, flow.owner).await.map_err(backend(CREATE))? {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        if let Some(reason) =
            room_for_a_flow(&mut tx, flow.workspace, quotas).await.map_err(backend(CREATE))?
        {
            return Err(reason);
        }
        may(&mut tx, flow.workspace, Role::Editor, by, CREATE).await?;
        if !insert_flow(&mut tx, flow).await.map_err(backend(CREATE))? {
            return Err(StoreError::Conflict(Conflict::FlowExists));
        }
        insert_head_and_log(&mut tx, flow).await.map_err(backend(CREATE))?;
        member::put(&mut tx, flow.id, flow.owner, Role::Owner).await.map_err(backend(CREATE))?;
        let event = AuditEvent::FlowCreated { flow: flow.id };
        record(&mut tx, Chain::Workspace(flow.workspace), &event, by).await.map_err(backend(CREATE))?;
        tx.commit().await.map_err(backend(CREATE))
    }

    async fn flow(&self, flow: FlowId, user: UserId) -> Result<Option<FlowRecord>, StoreError> {
        let (flow, user) = (flow.as_uuid(), user.as_uuid());
        let row = sqlx::query_as!(
            FlowRow,
            r#"
            select
                flows.id as "id: Uuid",
                flows.workspace_id as "workspace_id: Uuid",
                flows.name,
                flows.description,
                flows.tags,
                flows.created_at,
                flows.updated_at,
                flows.projected_seq,
                flows.active_version,
                flows.slug,
                flow_members.role as "flow_role?",
                workspace_members.role as "workspace_role?"
            from flows
            left join flow_members
                on flow_members.flow_id = flows.id and flow_members.user_id = ?2
            left join workspace_members
                on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = ?2
            where flows.id = ?1 and flows.deleted_at is null
            "#,
            flow,
            user,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        let record = row.map(FlowRow::into_record).transpose().map_err(unreadable(READ))?;
        Ok(record.flatten())
    }

    async fn flow_as(&self, flow: FlowId, role: Role) -> Result<Option<FlowRecord>, StoreError> {
        let (flow, role) = (flow.as_uuid(), role.as_str());
        let row = sqlx::query_as!(
            FlowRow,
            r#"
            select
                id as "id: Uuid",
                workspace_id as "workspace_id: Uuid",
                name,
                description,
                tags,
                created_at,
                updated_at,
                projected_seq,
                active_version,
                slug,
                ?2 as "flow_role?: String",
                null as "workspace_role?: String"
            from flows
            where id = ?1 and deleted_at is null
            "#,
            flow,
            role,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        let record = row.map(FlowRow::into_record).transpose().map_err(unreadable(READ))?;
        Ok(record.flatten())
    }

    async fn flows(&self, query: &FlowQuery) -> Result<FlowPage, StoreError> {
        list::list(self, query).await
    }

    async fn flow_access(&self, flow: FlowId, user: UserId) -> Result<Option<FlowAccess>, StoreError> {
        let (flow, user) = (flow.as_uuid(), user.as_uuid());
        let row = sqlx::query_as!(
            AccessRow,
            r#"
            select
                flow_heads.access_rev + workspaces.access_rev as "access_rev!: i64",
                flow_members.role as "flow_role?",
                workspace_members.role as "workspace_role?"
            from flows
            join flow_heads on flow_heads.flow_id = flows.id
            join workspaces on workspaces.id = flows.workspace_id
            left join flow_members
                on flow_members.flow_id = flows.id and flow_members.user_id = ?2
            left join workspace_members
                on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = ?2
            where flows.id = ?1 and flows.deleted_at is null
            "#,
            flow,
            user,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_ACCESS))?;
        let access = row.map(AccessRow::into_access).transpose().map_err(unreadable(READ_ACCESS))?;
        Ok(access.flatten())
    }

    async fn flow_members(&self, flow: FlowId) -> Result<Vec<Member>, StoreError> {
        member::list(self, flow).await
    }

    async fn change_member(&self, change: MemberChange, by: &Origin) -> Result<bool, StoreError> {
        member::change(self, change, by).await
    }

    async fn delete_flow(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
        deleted::delete(self, flow, by).await
    }

    async fn restore_flow(
        &self,
        flow: FlowId,
        user: UserId,
        deleted_after: Timestamp,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        deleted::restore(self, flow, (user, deleted_after), quotas, by).await
    }

    async fn move_flow(
        &self,
        flow: FlowId,
        to: WorkspaceId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        place::change(self, flow, to, quotas, by).await
    }

    async fn deleted_flows(
        &self,
        user: UserId,
        deleted_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeletedFlow>, StoreError> {
        deleted::list(self, user, deleted_after, limit).await
    }

    async fn project(&self, flow: FlowId, projection: &Projection) -> Result<bool, StoreError> {
        let (id, seq, at) = (flow.as_uuid(), position(projection.seq), micros(projection.at));
        let tags = json!(projection.tags).to_string();
        let search = search_words(&projection.name, &projection.description, &projection.tags).join(" ");
        let mut tx = self.begin_write().await.map_err(backend(PROJECT))?;
        let written = sqlx::query!(
            r#"
            update flows
            set
                name = ?2,
                description = ?3,
                tags = ?4,
                projected_seq = ?5,
                updated_at = ?6,
                search = ?7
            where id = ?1 and projected_seq <= ?5
            "#,
            id,
            projection.name,
            projection.description,
            tags,
            seq,
            at,
            search,
        )
        .execute(&mut *tx)
        .await
        .map_err(backend(PROJECT))?;
        let written = written.rows_affected() == 1;
        if !written && !exists(&mut tx, flow).await.map_err(backend(PROJECT))? {
            return Err(StoreError::UnknownFlow(flow));
        }
        tx.commit().await.map_err(backend(PROJECT))?;
        Ok(written)
    }
}

/// Whether the flow was ever created; a deleted one was.
async fn exists(tx: &mut SqliteConnection, flow: FlowId) -> Result<bool, sqlx::Error> {
    let flow = flow.as_uuid();
    sqlx::query_scalar!(r#"select exists (select 1 from flows where id = ?1) as "exists!: bool""#, flow)
        .fetch_one(tx)
        .await
}

/// Answers whether the id was free.
async fn insert_flow(tx: &mut SqliteConnection, flow: &NewFlow) -> Result<bool, sqlx::Error> {
    let (id, workspace, at) = (flow.id.as_uuid(), flow.workspace.as_uuid(), micros(flow.created_at));
    let tags = json!(flow.tags).to_string();
    let search = search_words(&flow.name, &flow.description, &flow.tags).join(" ");
    let projected = position(Seq(u64::try_from(flow.updates.len()).expect("a length fits 64 bits")));
    let inserted = sqlx::query!(
        r#"
        insert into flows (
            id, workspace_id, name, description, tags, created_at, updated_at, projected_seq, search
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8)
        on conflict (id) do nothing
        "#,
        id,
        workspace,
        flow.name,
        flow.description,
        tags,
        at,
        projected,
        search,
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn insert_head_and_log(tx: &mut SqliteConnection, flow: &NewFlow) -> Result<(), sqlx::Error> {
    let id = flow.id.as_uuid();
    sqlx::query!(
        "insert into flow_heads (flow_id, head_seq, access_rev, log_bytes) values (?1, 0, 1, 0)",
        id
    )
    .execute(&mut *tx)
    .await?;
    if flow.updates.is_empty() {
        return Ok(());
    }
    let update = |bytes: &_| NewUpdate { actor: ActorId::Server, bytes: Clone::clone(bytes) };
    let updates = flow.updates.iter().map(update).collect();
    let (batch, at) = (BatchId::generate(), flow.created_at);
    let batch = FlowBatch { flow: flow.id, batch, at, updates, writers: Vec::new() };
    write(tx, &[Placed::after(Seq::ZERO, &batch)]).await
}

async fn raise_access_rev(tx: &mut SqliteConnection, flow: FlowId) -> Result<(), sqlx::Error> {
    let flow = flow.as_uuid();
    sqlx::query!("update flow_heads set access_rev = access_rev + 1 where flow_id = ?1", flow)
        .execute(tx)
        .await?;
    Ok(())
}
