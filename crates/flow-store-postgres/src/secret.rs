//! `workspace_secrets`.

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{Role, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, Origin, SECRETS_PER_WORKSPACE, SealedSecret, SecretRecord, SecretStore, StoreError,
    StoredMoment as _,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::Moment;
use crate::workspace::may;

const PUT: &str = "store the secret";
const REMOVE: &str = "remove the secret";
const LIST: &str = "list the secrets";
const READ: &str = "read the secret";
const RESEAL: &str = "seal the secret anew";

#[async_trait]
impl SecretStore for PostgresStore {
    async fn put_secret(&self, secret: &SealedSecret, by: &Origin) -> Result<SecretRecord, StoreError> {
        self.call(PUT, put(self, secret, by)).await
    }

    async fn remove_secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(REMOVE, remove(self, workspace, name, by)).await
    }

    async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<SecretRecord>, StoreError> {
        let rows = self.call(LIST, async {
            let mut session = self.session().await?;
            let rows = sqlx::query!(
                r#"
                select
                    name,
                    changed_at as "changed_at: Moment",
                    changed_by
                from workspace_secrets
                where workspace_id = $1
                order by name
                "#,
                workspace.as_uuid(),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        let records = rows.await?.into_iter().map(|row| SecretRecord {
            name: row.name,
            changed_at: row.changed_at.0,
            changed_by: row.changed_by.map(UserId::from_uuid),
        });
        Ok(records.collect())
    }

    async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        let sealed = self.call(READ, async {
            let mut session = self.session().await?;
            let sealed = sqlx::query_scalar!(
                "select sealed from workspace_secrets where workspace_id = $1 and name = $2",
                workspace.as_uuid(),
                name,
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(sealed)
        });
        let sealed = sealed.await?;
        Ok(sealed.map(|sealed| SealedSecret { workspace, name: name.to_owned(), sealed: sealed.into() }))
    }

    async fn all_secrets(
        &self,
        after: Option<&SealedSecret>,
        limit: u32,
    ) -> Result<Vec<SealedSecret>, StoreError> {
        let (workspace, name) =
            after.map_or((Uuid::nil(), ""), |after| (after.workspace.as_uuid(), &*after.name));
        let rows = self.call(LIST, async {
            let mut session = self.session().await?;
            let rows = sqlx::query!(
                r#"
                select
                    workspace_id,
                    name,
                    sealed
                from workspace_secrets
                where (workspace_id, name) > ($1, $2)
                order by workspace_id, name
                limit $3
                "#,
                workspace,
                name,
                i64::from(limit),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        let secrets = rows.await?.into_iter().map(|row| SealedSecret {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            name: row.name,
            sealed: row.sealed.into(),
        });
        Ok(secrets.collect())
    }

    async fn reseal_secret(&self, read: &SealedSecret, sealed: &Bytes) -> Result<bool, StoreError> {
        self.call(RESEAL, async {
            let mut session = self.session().await?;
            let resealed = sqlx::query!(
                "update workspace_secrets set sealed = $4 where workspace_id = $1 and name = $2 and sealed = $3",
                read.workspace.as_uuid(),
                read.name,
                &*read.sealed,
                &**sealed,
            )
            .execute(&mut *session)
            .await;
            Ok(session.settle(resealed)?.rows_affected() == 1)
        })
        .await
    }
}

async fn put(store: &PostgresStore, secret: &SealedSecret, by: &Origin) -> Result<SecretRecord, Failure> {
    let mut tx = store.begin().await?;
    // One workspace's secrets are put one after the other: what is counted, and who may, stays so.
    if !lock(&mut tx, secret.workspace).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownWorkspace)).await);
    }
    if !may(&mut tx, secret.workspace, Role::Owner, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await);
    }
    if !write(&mut tx, secret, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::TooManySecrets)).await);
    }
    let event = AuditEvent::SecretChanged { name: secret.name.clone() };
    record(&mut tx, Chain::Workspace(secret.workspace), &event, by).await?;
    tx.commit().await?;
    let changed_at = by.at.as_microsecond().read()?;
    Ok(SecretRecord { name: secret.name.clone(), changed_at, changed_by: by.user })
}

async fn lock(tx: &mut PgConnection, workspace: WorkspaceId) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select id from workspaces where id = $1 for no key update",
        workspace.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// Answers whether there was room for it.
async fn write(tx: &mut PgConnection, secret: &SealedSecret, by: &Origin) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        r#"
        insert into workspace_secrets (workspace_id, name, sealed, changed_at, changed_by)
        select $1, $2, $3, $4, $5
        where exists (select 1 from workspace_secrets where workspace_id = $1 and name = $2)
            or (select count(*) from workspace_secrets where workspace_id = $1) < $6
        on conflict (workspace_id, name) do update
        set
            sealed = excluded.sealed,
            changed_at = excluded.changed_at,
            changed_by = excluded.changed_by
        "#,
        secret.workspace.as_uuid(),
        secret.name,
        &*secret.sealed,
        Moment(by.at) as Moment,
        by.user.map(UserId::as_uuid),
        i64::from(SECRETS_PER_WORKSPACE),
    )
    .execute(tx)
    .await?;
    Ok(written.rows_affected() == 1)
}

async fn remove(
    store: &PostgresStore,
    workspace: WorkspaceId,
    name: &str,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    // As whoever puts one; and so that who changes roles comes before or after.
    if !lock(&mut tx, workspace).await? {
        tx.undo().await;
        return Ok(false);
    }
    if !may(&mut tx, workspace, Role::Owner, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await);
    }
    let removed = sqlx::query!(
        "delete from workspace_secrets where workspace_id = $1 and name = $2",
        workspace.as_uuid(),
        name,
    )
    .execute(&mut *tx)
    .await?;
    if removed.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    let event = AuditEvent::SecretRemoved { name: name.to_owned() };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
    tx.commit().await?;
    Ok(true)
}
