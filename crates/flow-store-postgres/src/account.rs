//! `users`, `workspaces`, `workspace_members`, `sessions` and `refresh_tokens`.

mod rotate;

use async_trait::async_trait;
use flow_base::{Role, Secret, SessionId, Timestamp, UserId, WorkspaceId};
use flow_store::{AccountStore, NewSession, NewUser, RefreshOutcome, RefreshRotation, StoreError, User};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::Failure;
use crate::values::{Moment, text};

const CREATE_USER: &str = "create the account";
const READ_USER: &str = "read the account";
const CREATE_SESSION: &str = "store the sign-in";
const READ_SESSION: &str = "read the sign-in";
const REVOKE: &str = "end the sign-in";

#[async_trait]
impl AccountStore for PostgresStore {
    async fn create_user(&self, user: &NewUser) -> Result<(), StoreError> {
        self.call(CREATE_USER, create_user(self, user)).await
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        let row = self.call(READ_USER, async {
            let mut session = self.session().await?;
            let row = sqlx::query_as!(
                UserRow,
                r#"
                select
                    id,
                    email,
                    name,
                    password_hash,
                    workspace_id,
                    created_at as "created_at: Moment"
                from users
                where id = $1
                "#,
                user.as_uuid(),
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(row)
        });
        Ok(row.await?.map(User::from))
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let row = self.call(READ_USER, async {
            let mut session = self.session().await?;
            let row = sqlx::query_as!(
                UserRow,
                r#"
                select
                    id,
                    email,
                    name,
                    password_hash,
                    workspace_id,
                    created_at as "created_at: Moment"
                from users
                where email = $1
                "#,
                &*text(email),
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(row)
        });
        Ok(row.await?.map(User::from))
    }

    async fn create_session(&self, session: &NewSession) -> Result<(), StoreError> {
        self.call(CREATE_SESSION, create_session(self, session)).await
    }

    async fn rotate_refresh(&self, rotation: &RefreshRotation) -> Result<RefreshOutcome, StoreError> {
        rotate::rotate(self, rotation).await
    }

    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let id = session.as_uuid();
        let live = self.call(READ_SESSION, async {
            let mut session = self.session().await?;
            let live = sqlx::query_scalar!(
                r#"
                select
                    exists (
                        select 1 from sessions where id = $1 and revoked_at is null and expires_at > $2
                    ) as "is_live!"
                "#,
                id,
                Moment(now) as Moment,
            )
            .fetch_one(&mut *session)
            .await;
            session.settle(live)
        });
        live.await
    }

    async fn revoke_session(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let id = session.as_uuid();
        let revoked = self.call(REVOKE, async {
            let mut session = self.session().await?;
            let revoked = rotate::revoke(&mut session, id, now).await;
            session.settle(revoked)
        });
        revoked.await
    }
}

/// One statement, and so one transaction, which an address that is taken ends unwritten.
async fn create_user(store: &PostgresStore, user: &NewUser) -> Result<(), Failure> {
    let mut session = store.session().await?;
    let created = sqlx::query!(
        r#"
        with workspace as (
            insert into workspaces (id, name, created_at)
            values ($1, $2, $3)
        ),
        account as (
            insert into users (id, email, name, password_hash, workspace_id, created_at)
            values ($4, $5, $2, $6, $1, $3)
        )
        insert into workspace_members (workspace_id, user_id, role)
        values ($1, $4, $7)
        "#,
        user.workspace.as_uuid(),
        &*text(&user.name),
        Moment(user.created_at) as Moment,
        user.id.as_uuid(),
        &*text(&user.email),
        &**user.password_hash.expose(),
        Role::Owner.as_str(),
    )
    .execute(&mut *session)
    .await;
    session.settle(created)?;
    Ok(())
}

/// Forgets the user's sign-ins that have run out, too, with their tokens. To every caller
/// they are as over as before.
async fn create_session(store: &PostgresStore, new: &NewSession) -> Result<(), Failure> {
    let mut session = store.session().await?;
    let created = sqlx::query!(
        r#"
        with expired as (
            delete from sessions
            where user_id = $2 and expires_at <= $3
        ),
        created as (
            insert into sessions (id, user_id, created_at, expires_at)
            values ($1, $2, $3, $4)
        )
        insert into refresh_tokens (hash, session_id, created_at)
        values ($5, $1, $3)
        "#,
        new.id.as_uuid(),
        new.user.as_uuid(),
        Moment(new.created_at) as Moment,
        Moment(new.expires_at) as Moment,
        &new.refresh_hash[..],
    )
    .execute(&mut *session)
    .await;
    session.settle(created)?;
    Ok(())
}

struct UserRow {
    id: Uuid,
    email: String,
    name: String,
    password_hash: String,
    workspace_id: Uuid,
    created_at: Moment,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId::from_uuid(row.id),
            email: row.email,
            name: row.name,
            password_hash: Secret::new(row.password_hash),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            created_at: row.created_at.0,
        }
    }
}
