//! `api_keys`.

use async_trait::async_trait;
use flow_base::{KeyId, Scope, Scopes, Timestamp, UserId};
use flow_store::{AuditEvent, Conflict, KEYS_PER_USER, KeyRecord, KeyStore, NewKey, Origin, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::account::lock_user;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};
use crate::values::{Moment, text};

const CREATE: &str = "store the API key";
const LIST: &str = "read the API keys";
const READ: &str = "read the API key";
const TOUCH: &str = "note the use of the API key";
const REVOKE: &str = "end the API key";

#[async_trait]
impl KeyStore for PostgresStore {
    async fn create_key(&self, key: &NewKey, by: &Origin) -> Result<(), StoreError> {
        self.call(CREATE, create(self, key, by)).await
    }

    async fn keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError> {
        self.call(LIST, list(self, user)).await
    }

    async fn live_key(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyRecord>, StoreError> {
        self.call(READ, find(self, hash, now)).await
    }

    async fn key_used(&self, key: KeyId, at: Timestamp) -> Result<(), StoreError> {
        let touched = self.call(TOUCH, async {
            let mut session = self.session().await?;
            let touched = sqlx::query!(
                r#"
                update api_keys
                set last_used_at = $2
                where id = $1 and (last_used_at is null or last_used_at < $2)
                "#,
                key.as_uuid(),
                Moment(at) as Moment,
            )
            .execute(&mut *session)
            .await;
            session.settle(touched)
        });
        touched.await.map(drop)
    }

    async fn revoke_key(&self, user: UserId, key: KeyId, by: &Origin) -> Result<bool, StoreError> {
        self.call(REVOKE, revoke(self, user, key, by)).await
    }
}

async fn create(store: &PostgresStore, key: &NewKey, by: &Origin) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    // One user's keys are made one after the other: what is counted stays so.
    if !lock_user(&mut tx, key.user).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownUser)).await);
    }
    if !insert(&mut tx, key).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::TooManyKeys)).await);
    }
    let event = AuditEvent::KeyCreated { key: key.id, scopes: key.scopes };
    record(&mut tx, Chain::User(key.user), &event, by).await?;
    tx.commit().await
}

async fn revoke(store: &PostgresStore, user: UserId, key: KeyId, by: &Origin) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let revoked =
        sqlx::query!("delete from api_keys where id = $2 and user_id = $1", user.as_uuid(), key.as_uuid(),)
            .execute(&mut *tx)
            .await?;
    if revoked.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    record(&mut tx, Chain::User(user), &AuditEvent::KeyRevoked { key }, by).await?;
    tx.commit().await?;
    Ok(true)
}

/// Answers whether there was room for it.
async fn insert(tx: &mut PgConnection, key: &NewKey) -> Result<bool, sqlx::Error> {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    let inserted = sqlx::query!(
        r#"
        insert into api_keys (id, user_id, name, hash, scopes, created_at, expires_at)
        select $1, $2, $3, $4, $5, $6, $7
        where (select count(*) from api_keys where user_id = $2) < $8
        "#,
        key.id.as_uuid(),
        key.user.as_uuid(),
        &*text(&key.name),
        &key.hash[..],
        &scopes,
        Moment(key.created_at) as Moment,
        key.expires_at.map(Moment) as Option<Moment>,
        i64::from(KEYS_PER_USER),
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn list(store: &PostgresStore, user: UserId) -> Result<Vec<KeyRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        KeyRow,
        r#"
        select
            id,
            user_id,
            name,
            scopes,
            created_at as "created_at: Moment",
            expires_at as "expires_at: Moment",
            last_used_at as "last_used_at: Moment"
        from api_keys
        where user_id = $1
        order by created_at desc, id desc
        "#,
        user.as_uuid(),
    )
    .fetch_all(&mut *session)
    .await;
    let keys: Result<_, Unreadable> = session.settle(rows)?.into_iter().map(KeyRecord::try_from).collect();
    Ok(keys?)
}

async fn find(store: &PostgresStore, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyRecord>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        KeyRow,
        r#"
        select
            id,
            user_id,
            name,
            scopes,
            created_at as "created_at: Moment",
            expires_at as "expires_at: Moment",
            last_used_at as "last_used_at: Moment"
        from api_keys
        where hash = $1 and (expires_at is null or expires_at > $2)
        "#,
        &hash[..],
        Moment(now) as Moment,
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(row)?.map(KeyRecord::try_from).transpose()?)
}

struct KeyRow {
    id: Uuid,
    user_id: Uuid,
    name: String,
    scopes: Vec<String>,
    created_at: Moment,
    expires_at: Option<Moment>,
    last_used_at: Option<Moment>,
}

impl TryFrom<KeyRow> for KeyRecord {
    type Error = Unreadable;

    fn try_from(row: KeyRow) -> Result<Self, Unreadable> {
        let scopes = row.scopes.iter().map(|name| name.parse::<Scope>());
        let scopes: Scopes = scopes.collect::<Result<_, _>>().map_err(|_| Unreadable("list of scopes"))?;
        Ok(Self {
            id: KeyId::from_uuid(row.id),
            user: UserId::from_uuid(row.user_id),
            name: row.name,
            scopes,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
        })
    }
}
