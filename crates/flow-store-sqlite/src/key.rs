//! `api_keys`.

use async_trait::async_trait;
use flow_base::{KeyId, Scopes, Timestamp, UserId};
use flow_store::{AuditEvent, Conflict, KEYS_PER_USER, KeyRecord, KeyStore, NewKey, Origin, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::account::user_exists;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};

const CREATE: &str = "store the API key";
const LIST: &str = "read the API keys";
const READ: &str = "read the API key";
const TOUCH: &str = "note the use of the API key";
const REVOKE: &str = "end the API key";

#[async_trait]
impl KeyStore for SqliteStore {
    async fn create_key(&self, key: &NewKey, by: &Origin) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE))?;
        if !user_exists(&mut tx, key.user).await.map_err(backend(CREATE))? {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        if count(&mut tx, key.user).await.map_err(backend(CREATE))? >= i64::from(KEYS_PER_USER) {
            return Err(StoreError::Conflict(Conflict::TooManyKeys));
        }
        insert(&mut tx, key).await.map_err(backend(CREATE))?;
        let event = AuditEvent::KeyCreated { key: key.id, scopes: key.scopes };
        record(&mut tx, Chain::User(key.user), &event, by).await.map_err(backend(CREATE))?;
        tx.commit().await.map_err(backend(CREATE))
    }

    async fn keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError> {
        let user = user.as_uuid();
        let rows = sqlx::query_as!(
            KeyRow,
            r#"
            select
                id as "id: Uuid",
                user_id as "user_id: Uuid",
                name,
                scopes,
                created_at,
                expires_at,
                last_used_at
            from api_keys
            where user_id = ?1
            order by created_at desc, id desc
            "#,
            user,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        rows.into_iter().map(KeyRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn live_key(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyRecord>, StoreError> {
        let (hash, now) = (hash.as_slice(), micros(now));
        let row = sqlx::query_as!(
            KeyRow,
            r#"
            select
                id as "id: Uuid",
                user_id as "user_id: Uuid",
                name,
                scopes,
                created_at,
                expires_at,
                last_used_at
            from api_keys
            where hash = ?1 and (expires_at is null or expires_at > ?2)
            "#,
            hash,
            now,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        row.map(KeyRecord::try_from).transpose().map_err(unreadable(READ))
    }

    async fn key_used(&self, key: KeyId, at: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.write().await.map_err(backend(TOUCH))?;
        let (id, at) = (key.as_uuid(), micros(at));
        sqlx::query!(
            r#"
            update api_keys
            set last_used_at = ?2
            where id = ?1 and (last_used_at is null or last_used_at < ?2)
            "#,
            id,
            at,
        )
        .execute(&mut *connection)
        .await
        .map_err(backend(TOUCH))?;
        Ok(())
    }

    async fn revoke_key(&self, user: UserId, key: KeyId, by: &Origin) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(REVOKE))?;
        let (user_id, id) = (user.as_uuid(), key.as_uuid());
        let revoked = sqlx::query!("delete from api_keys where id = ?2 and user_id = ?1", user_id, id)
            .execute(&mut *tx)
            .await
            .map_err(backend(REVOKE))?;
        if revoked.rows_affected() == 0 {
            return Ok(false);
        }
        let event = AuditEvent::KeyRevoked { key };
        record(&mut tx, Chain::User(user), &event, by).await.map_err(backend(REVOKE))?;
        tx.commit().await.map_err(backend(REVOKE))?;
        Ok(true)
    }
}

async fn count(tx: &mut SqliteConnection, user: UserId) -> Result<i64, sqlx::Error> {
    let user = user.as_uuid();
    sqlx::query_scalar!("select count(*) from api_keys where user_id = ?1", user).fetch_one(tx).await
}

async fn insert(tx: &mut SqliteConnection, key: &NewKey) -> Result<(), sqlx::Error> {
    let (id, user, hash) = (key.id.as_uuid(), key.user.as_uuid(), key.hash.as_slice());
    let scopes = serde_json::json!(key.scopes).to_string();
    let (created_at, expires_at) = (micros(key.created_at), key.expires_at.map(micros));
    sqlx::query!(
        r#"
        insert into api_keys (id, user_id, name, hash, scopes, created_at, expires_at)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        "#,
        id,
        user,
        key.name,
        hash,
        scopes,
        created_at,
        expires_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct KeyRow {
    id: Uuid,
    user_id: Uuid,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for KeyRecord {
    type Error = Unreadable;

    fn try_from(row: KeyRow) -> Result<Self, Unreadable> {
        let scopes: Scopes = serde_json::from_str(&row.scopes).map_err(|_| Unreadable("list of scopes"))?;
        Ok(Self {
            id: KeyId::from_uuid(row.id),
            user: UserId::from_uuid(row.user_id),
            name: row.name,
            scopes,
            created_at: moment(row.created_at)?,
            expires_at: row.expires_at.map(moment).transpose()?,
            last_used_at: row.last_used_at.map(moment).transpose()?,
        })
    }
}
