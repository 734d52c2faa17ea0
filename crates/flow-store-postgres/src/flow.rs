//! `flows` and `flow_members`.

mod create;
mod deleted;
mod list;
mod member;
mod place;
mod row;
mod slug;

use async_trait::async_trait;
use flow_base::{FlowId, Role, Timestamp, UserId, WorkspaceId};
use flow_store::{
    DeletedFlow, FlowAccess, FlowPage, FlowQuery, FlowRecord, FlowStore, Member, MemberChange, NewFlow,
    Origin, Projection, Quotas, StoreError, search_words,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::Failure;
use crate::values::{Moment, position, text, texts};
use row::{AccessRow, FlowRow};

pub(crate) use member::{MemberRow, lock_owned};
pub(crate) use row::role;

const READ: &str = "read the flow";
const LIST: &str = "list the flows";
const READ_ACCESS: &str = "read who may do what on the flow";
const DELETE: &str = "delete the flow";
const RESTORE: &str = "restore the flow";
const MOVE: &str = "move the flow";
const PROJECT: &str = "write what the flow says about itself";

#[async_trait]
impl FlowStore for PostgresStore {
    async fn create_flow(&self, flow: &NewFlow, quotas: &Quotas, by: &Origin) -> Result<(), StoreError> {
        create::create(self, flow, quotas, by).await
    }

    async fn flow(&self, flow: FlowId, user: UserId) -> Result<Option<FlowRecord>, StoreError> {
        self.call(READ, read(self, flow.as_uuid(), user.as_uuid())).await
    }

    async fn flow_as(&self, flow: FlowId, role: Role) -> Result<Option<FlowRecord>, StoreError> {
        self.call(READ, read_as(self, flow.as_uuid(), role)).await
    }

    async fn flows(&self, query: &FlowQuery) -> Result<FlowPage, StoreError> {
        let flows = self.call(LIST, list::list(self, query)).await?;
        Ok(FlowPage::cut(flows, query.order, query.limit))
    }

    async fn flow_access(&self, flow: FlowId, user: UserId) -> Result<Option<FlowAccess>, StoreError> {
        self.call(READ_ACCESS, read_access(self, flow.as_uuid(), user.as_uuid())).await
    }

    async fn flow_members(&self, flow: FlowId) -> Result<Vec<Member>, StoreError> {
        member::list(self, flow).await
    }

    async fn change_member(&self, change: MemberChange, by: &Origin) -> Result<bool, StoreError> {
        member::change(self, change, by).await
    }

    async fn delete_flow(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
        self.call(DELETE, deleted::delete(self, flow, by)).await
    }

    async fn restore_flow(
        &self,
        flow: FlowId,
        user: UserId,
        deleted_after: Timestamp,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(RESTORE, deleted::restore(self, flow, (user, deleted_after), quotas, by)).await
    }

    async fn move_flow(
        &self,
        flow: FlowId,
        to: WorkspaceId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(MOVE, place::change(self, flow, to, quotas, by)).await
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
        let written = self.call(PROJECT, project(self, flow.as_uuid(), projection)).await?;
        written.ok_or(StoreError::UnknownFlow(flow))
    }
}

async fn read(store: &PostgresStore, flow: Uuid, user: Uuid) -> Result<Option<FlowRecord>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        FlowRow,
        r#"
        select
            flows.id,
            flows.workspace_id,
            flows.name,
            flows.description,
            flows.tags,
            flows.created_at as "created_at: Moment",
            flows.updated_at as "updated_at: Moment",
            flows.projected_seq,
            flows.active_version,
            flows.slug,
            flow_members.role as "flow_role?",
            workspace_members.role as "workspace_role?"
        from flows
        left join flow_members
            on flow_members.flow_id = flows.id and flow_members.user_id = $2
        left join workspace_members
            on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = $2
        where flows.id = $1 and flows.deleted_at is null
        "#,
        flow,
        user,
    )
    .fetch_optional(&mut *session)
    .await;
    let record = session.settle(row)?.map(FlowRow::into_record).transpose()?;
    Ok(record.flatten())
}

async fn read_as(store: &PostgresStore, flow: Uuid, role: Role) -> Result<Option<FlowRecord>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        FlowRow,
        r#"
        select
            id,
            workspace_id,
            name,
            description,
            tags,
            created_at as "created_at: Moment",
            updated_at as "updated_at: Moment",
            projected_seq,
            active_version,
            slug,
            $2::text as "flow_role?",
            null::text as "workspace_role?"
        from flows
        where id = $1 and deleted_at is null
        "#,
        flow,
        role.as_str(),
    )
    .fetch_optional(&mut *session)
    .await;
    let record = session.settle(row)?.map(FlowRow::into_record).transpose()?;
    Ok(record.flatten())
}

async fn read_access(store: &PostgresStore, flow: Uuid, user: Uuid) -> Result<Option<FlowAccess>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        AccessRow,
        r#"
        select
            flow_heads.access_rev + workspaces.access_rev as "access_rev!",
            flow_members.role as "flow_role?",
            workspace_members.role as "workspace_role?"
        from flows
        join flow_heads on flow_heads.flow_id = flows.id
        join workspaces on workspaces.id = flows.workspace_id
        left join flow_members
            on flow_members.flow_id = flows.id and flow_members.user_id = $2
        left join workspace_members
            on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = $2
        where flows.id = $1 and flows.deleted_at is null
        "#,
        flow,
        user,
    )
    .fetch_optional(&mut *session)
    .await;
    let access = session.settle(row)?.map(AccessRow::into_access).transpose()?;
    Ok(access.flatten())
}

/// Whether it was written; `None` when there is no such flow.
async fn project(
    store: &PostgresStore,
    flow: Uuid,
    projection: &Projection,
) -> Result<Option<bool>, Failure> {
    let mut session = store.session().await?;
    let written = sqlx::query_scalar!(
        r#"
        with written as (
            update flows
            set
                name = $2,
                description = $3,
                tags = $4,
                projected_seq = $5,
                updated_at = $6,
                search = array_to_tsvector($7)
            where id = $1 and projected_seq <= $5
            returning id
        )
        select exists (select 1 from written) as "is_written!"
        from flows
        where id = $1
        "#,
        flow,
        &*text(&projection.name),
        &*text(&projection.description),
        &texts(&projection.tags),
        position(projection.seq),
        Moment(projection.at) as Moment,
        &search_words(&projection.name, &projection.description, &projection.tags),
    )
    .fetch_optional(&mut *session)
    .await;
    session.settle(written)
}
