//! `workspace_secrets`.

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{Role, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, Origin, SECRETS_PER_WORKSPACE, SealedSecret, SecretRecord, SecretStore, StoreError,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::workspace::{exists, may};

const PUT: &str = "store the secret";
const REMOVE: &str = "remove the secret";
const LIST: &str = "list the secrets";
const READ: &str = "read the secret";
const RESEAL: &str = "seal the secret anew";

#[async_trait]
impl SecretStore for SqliteStore {
    async fn put_secret(&self, secret: &SealedSecret, by: &Origin) -> Result<SecretRecord, StoreError> {
        // Nobody else writes while this transaction does.
        let mut tx = self.begin_write().await.map_err(backend(PUT))?;
        if !exists(&mut tx, secret.workspace).await.map_err(backend(PUT))? {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        may(&mut tx, secret.workspace, Role::Owner, by, PUT).await?;
        if !write(&mut tx, secret, by).await.map_err(backend(PUT))? {
            return Err(StoreError::Conflict(Conflict::TooManySecrets));
        }
        let event = AuditEvent::SecretChanged { name: secret.name.clone() };
        record(&mut tx, Chain::Workspace(secret.workspace), &event, by).await.map_err(backend(PUT))?;
        tx.commit().await.map_err(backend(PUT))?;
        let changed_at = moment(micros(by.at)).map_err(unreadable(PUT))?;
        Ok(SecretRecord { name: secret.name.clone(), changed_at, changed_by: by.user })
    }

    async fn remove_secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(REMOVE))?;
        may(&mut tx, workspace, Role::Owner, by, REMOVE).await?;
        let id = workspace.as_uuid();
        let removed =
            sqlx::query!("delete from workspace_secrets where workspace_id = ?1 and name = ?2", id, name)
                .execute(&mut *tx)
                .await
                .map_err(backend(REMOVE))?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        let event = AuditEvent::SecretRemoved { name: name.to_owned() };
        record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(REMOVE))?;
        tx.commit().await.map_err(backend(REMOVE))?;
        Ok(true)
    }

    async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<SecretRecord>, StoreError> {
        let workspace = workspace.as_uuid();
        let rows = sqlx::query!(
            r#"
            select
                name,
                changed_at,
                changed_by as "changed_by: Uuid"
            from workspace_secrets
            where workspace_id = ?1
            order by name
            "#,
            workspace,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        let records = rows.into_iter().map(|row| {
            Ok(SecretRecord {
                name: row.name,
                changed_at: moment(row.changed_at)?,
                changed_by: row.changed_by.map(UserId::from_uuid),
            })
        });
        records.collect::<Result<_, Unreadable>>().map_err(unreadable(LIST))
    }

    async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        let id = workspace.as_uuid();
        let sealed = sqlx::query_scalar!(
            "select sealed from workspace_secrets where workspace_id = ?1 and name = ?2",
            id,
            name,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        Ok(sealed.map(|sealed| SealedSecret { workspace, name: name.to_owned(), sealed: sealed.into() }))
    }

    async fn all_secrets(
        &self,
        after: Option<&SealedSecret>,
        limit: u32,
    ) -> Result<Vec<SealedSecret>, StoreError> {
        let (workspace, name) =
            after.map_or((Uuid::nil(), ""), |after| (after.workspace.as_uuid(), &*after.name));
        let rows = sqlx::query!(
            r#"
            select
                workspace_id as "workspace_id: Uuid",
                name,
                sealed
            from workspace_secrets
            where (workspace_id, name) > (?1, ?2)
            order by workspace_id, name
            limit ?3
            "#,
            workspace,
            name,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        let secrets = rows.into_iter().map(|row| SealedSecret {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            name: row.name,
            sealed: row.sealed.into(),
        });
        Ok(secrets.collect())
    }

    async fn reseal_secret(&self, read: &SealedSecret, sealed: &Bytes) -> Result<bool, StoreError> {
        let (workspace, before, after) = (read.workspace.as_uuid(), &*read.sealed, &**sealed);
        let mut connection = self.write().await.map_err(backend(RESEAL))?;
        let resealed = sqlx::query!(
            "update workspace_secrets set sealed = ?4 where workspace_id = ?1 and name = ?2 and sealed = ?3",
            workspace,
            read.name,
            before,
            after,
        )
        .execute(&mut *connection)
        .await
        .map_err(backend(RESEAL))?;
        Ok(resealed.rows_affected() == 1)
    }
}

/// Answers whether there was room for it.
async fn write(tx: &mut SqliteConnection, secret: &SealedSecret, by: &Origin) -> Result<bool, sqlx::Error> {
    let (workspace, sealed) = (secret.workspace.as_uuid(), &*secret.sealed);
    let (at, user) = (micros(by.at), by.user.map(UserId::as_uuid));
    let written = sqlx::query!(
        r#"
        insert into workspace_secrets (workspace_id, name, sealed, changed_at, changed_by)
        select ?1, ?2, ?3, ?4, ?5
        where exists (select 1 from workspace_secrets where workspace_id = ?1 and name = ?2)
            or (select count(*) from workspace_secrets where workspace_id = ?1) < ?6
        on conflict (workspace_id, name) do update
        set
            sealed = excluded.sealed,
            changed_at = excluded.changed_at,
            changed_by = excluded.changed_by
        "#,
        workspace,
        secret.name,
        sealed,
        at,
        user,
        SECRETS_PER_WORKSPACE,
    )
    .execute(tx)
    .await?;
    Ok(written.rows_affected() == 1)
}
