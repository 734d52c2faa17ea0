//! Lists of flows: a statement for each order, and for each way to look for words.
//!
//! The first of each of somebody's workspaces are read from an index that is in the order
//! of the list, however many there are; those that others share with them singly come on
//! top. A rare word is looked for in the index of words instead.

use flow_base::FlowId;
use flow_base::Timestamp;
use flow_store::{FlowOrder, FlowQuery, FlowRecord, FlowSort, PageCursor, PageStart, SearchWords, SortKey};
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::FlowRow;
use crate::PostgresStore;
use crate::error::{Failure, Unreadable};
use crate::values::{Moment, text};

/// Of a word that no more flows have than this, all are looked at. Of one that more have,
/// some are soon met in the order of the list.
const RARE: i64 = 2_000;

/// Comes after all names: no name is as long.
fn after_all_names() -> String {
    "\u{10ffff}".repeat(300)
}

/// A page, and one more flow if there is a next one.
pub(super) async fn list(store: &PostgresStore, query: &FlowQuery) -> Result<Vec<FlowRecord>, Failure> {
    let search = query.filter.search.as_ref().map(matching);
    let rare = match &search {
        Some(search) => if_rare(store, query, search).await?,
        None => None,
    };
    let rows = match rare {
        Some(rows) => rows,
        None => {
            let mut session = store.session().await?;
            let rows = read(&mut session, query, search.as_deref(), false).await;
            session.settle(rows)?
        }
    };
    let flows: Result<_, Unreadable> =
        rows.into_iter().filter_map(|row| row.into_record().transpose()).collect();
    Ok(flows?)
}

/// A `tsquery`: every word, or what begins with it.
fn matching(search: &SearchWords) -> String {
    search.words().iter().map(|word| format!("'{word}':*")).collect::<Vec<_>>().join(" & ")
}

/// What is found, if the words are rare.
async fn if_rare(
    store: &PostgresStore,
    query: &FlowQuery,
    search: &str,
) -> Result<Option<Vec<FlowRow>>, Failure> {
    let mut tx = store.begin().await?;
    // The index of words can be read in no other way.
    tx.simple("set local enable_bitmapscan = on").await?;
    let is_rare = is_rare(&mut tx, search).await?;
    let rows = if is_rare { Some(read(&mut tx, query, Some(search), true).await?) } else { None };
    tx.commit().await?;
    Ok(rows)
}

async fn is_rare(session: &mut PgConnection, search: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select count(*) <= $2::bigint as "is_rare!"
        from (
            select 1
            from flows
            where search @@ $1::text::tsquery
            limit $2::bigint + 1
        ) as found
        "#,
        search,
        RARE,
    )
    .fetch_one(session)
    .await
}

/// What all statements are given.
struct Bound<'a> {
    user: Uuid,
    id: Uuid,
    skipped: i64,
    limit: i64,
    search: Option<&'a str>,
    tag: Option<String>,
    active: Option<bool>,
    owner: Option<Uuid>,
    workspace: Option<Uuid>,
}

macro_rules! in_order {
    ($session:ident, $bound:ident, $start:expr, $key:literal, $comes_after:literal, $direction:literal) => {
        sqlx::query_as!(
            FlowRow,
            r#"
            with recursive mine as (
                select workspace_id
                from workspace_members
                where user_id = $1
            ),
            -- In which workspaces the user has a role on some flow: from one to the next in
            -- the index, past however many flows of the same.
            places as (
                (
                    select workspace_id
                    from flow_members
                    where user_id = $1 and workspace_id is not null
                    order by workspace_id
                    limit 1
                )
                union all
                select (
                    select further.workspace_id
                    from flow_members as further
                    where further.user_id = $1 and further.workspace_id > places.workspace_id
                    order by further.workspace_id
                    limit 1
                )
                from places
                where places.workspace_id is not null
            ),
            others as (
                select workspace_id
                from places
                where workspace_id not in (select workspace_id from mine)
            ),
            shared_ids as (
                select those.flow_id
                from others
                -- One by one: a join of all would read those of the user's own workspaces.
                cross join lateral (
                    select flow_id
                    from flow_members
                    where user_id = $1 and workspace_id = others.workspace_id
                    offset 0
                ) as those
                union all
                select flow_id
                from flow_members
                where user_id = $1 and workspace_id is null
            ),
            page as (
                select found.id
                from mine
                cross join lateral (
                    select flows.id, "# + $key + r#" as key
                    from flows
                    where flows.workspace_id = mine.workspace_id
                        and flows.deleted_at is null
                        and ("# + $key + r#", flows.id) "# + $comes_after + r#" ($2, $3)
                        and ($6::text is null or flows.search @@ $6::text::tsquery)
                        and ($7::text is null or $7 = any(flows.tags))
                        and ($8::boolean is null or (flows.active_version is not null) = $8)
                        and (
                            $9::uuid is null
                            or exists (
                                select 1
                                from flow_members
                                where flow_id = flows.id and user_id = $9 and role = 'owner'
                            )
                        )
                        and ($10::uuid is null or flows.workspace_id = $10)
                    order by "# + $key + " " + $direction + ", flows.id " + $direction + r#"
                    limit $4::bigint + $5::bigint
                ) as found
                union all
                select shared.id
                from (
                    select flows.id
                    from shared_ids
                    join flows on flows.id = shared_ids.flow_id
                    where flows.workspace_id not in (select workspace_id from mine)
                        and flows.deleted_at is null
                        and ("# + $key + r#", flows.id) "# + $comes_after + r#" ($2, $3)
                        and ($6::text is null or flows.search @@ $6::text::tsquery)
                        and ($7::text is null or $7 = any(flows.tags))
                        and ($8::boolean is null or (flows.active_version is not null) = $8)
                        and (
                            $9::uuid is null
                            or exists (
                                select 1
                                from flow_members as owners
                                where owners.flow_id = flows.id and owners.user_id = $9 and owners.role = 'owner'
                            )
                        )
                        and ($10::uuid is null or flows.workspace_id = $10)
                    order by "# + $key + " " + $direction + ", flows.id " + $direction + r#"
                    limit $4::bigint + $5::bigint
                ) as shared
            )
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
            from page
            join flows on flows.id = page.id
            left join flow_members
                on flow_members.flow_id = flows.id and flow_members.user_id = $1
            left join workspace_members
                on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = $1
            order by "# + $key + " " + $direction + ", flows.id " + $direction + r#"
            limit $4
            offset $5
            "#,
            $bound.user,
            $start,
            $bound.id,
            $bound.limit,
            $bound.skipped,
            $bound.search,
            $bound.tag,
            $bound.active,
            $bound.owner,
            $bound.workspace,
        )
        .fetch_all($session)
        .await
    };
}

macro_rules! by_words {
    ($session:ident, $bound:ident, $start:expr, $key:literal, $comes_after:literal, $direction:literal) => {
        sqlx::query_as!(
            FlowRow,
            r#"
            with found as materialized (
                select id
                from flows
                where search @@ $6::text::tsquery
            )
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
            from found
            join flows on flows.id = found.id
            left join flow_members
                on flow_members.flow_id = flows.id and flow_members.user_id = $1
            left join workspace_members
                on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = $1
            where (flow_members.role is not null or workspace_members.role is not null)
                and flows.deleted_at is null
                and ("#
                + $key
                + r#", flows.id) "#
                + $comes_after
                + r#" ($2, $3)
                and ($7::text is null or $7 = any(flows.tags))
                and ($8::boolean is null or (flows.active_version is not null) = $8)
                and (
                    $9::uuid is null
                    or exists (
                        select 1
                        from flow_members as owners
                        where owners.flow_id = flows.id and owners.user_id = $9 and owners.role = 'owner'
                    )
                )
                and ($10::uuid is null or flows.workspace_id = $10)
            order by "#
                + $key
                + " "
                + $direction
                + ", flows.id "
                + $direction
                + r#"
            limit $4
            offset $5
            "#,
            $bound.user,
            $start,
            $bound.id,
            $bound.limit,
            $bound.skipped,
            $bound.search,
            $bound.tag,
            $bound.active,
            $bound.owner,
            $bound.workspace,
        )
        .fetch_all($session)
        .await
    };
}

/// By one of these keys, in one of both directions, in one of both ways.
macro_rules! sorted {
    ($session:ident, $bound:ident, $start:expr, $key:literal, $descending:expr, $is_rare:ident) => {
        match ($descending, $is_rare) {
            (false, false) => in_order!($session, $bound, $start, $key, ">", "asc"),
            (true, false) => in_order!($session, $bound, $start, $key, "<", "desc"),
            (false, true) => by_words!($session, $bound, $start, $key, ">", "asc"),
            (true, true) => by_words!($session, $bound, $start, $key, "<", "desc"),
        }
    };
}

async fn read(
    session: &mut PgConnection,
    query: &FlowQuery,
    search: Option<&str>,
    is_rare: bool,
) -> Result<Vec<FlowRow>, sqlx::Error> {
    let FlowOrder { sort, descending } = query.order;
    let (start, skipped) = start(query);
    let bound = Bound {
        user: query.user.as_uuid(),
        id: start.id.as_uuid(),
        skipped: i64::from(skipped),
        // One more than asked for tells whether there is a next page.
        limit: i64::from(query.limit) + 1,
        search,
        tag: query.filter.tag.as_deref().map(|tag| text(tag).into_owned()),
        active: query.filter.active,
        owner: query.filter.owner.map(flow_base::UserId::as_uuid),
        workspace: query.filter.workspace.map(flow_base::WorkspaceId::as_uuid),
    };
    match (sort, start.key) {
        (FlowSort::Updated, SortKey::At(at)) => {
            sorted!(session, bound, Moment(at) as Moment, "flows.updated_at", descending, is_rare)
        }
        (FlowSort::Created, SortKey::At(at)) => {
            sorted!(session, bound, Moment(at) as Moment, "flows.created_at", descending, is_rare)
        }
        (_, SortKey::Name(name)) => {
            sorted!(session, bound, &*text(&name), "flows.name collate \"C\"", descending, is_rare)
        }
        // Of another order than the one it is used with.
        (FlowSort::Name, SortKey::At(_)) => Ok(Vec::new()),
    }
}

/// What the page comes after, of whatever there may be, and how many flows it skips then.
fn start(query: &FlowQuery) -> (PageCursor, u32) {
    let skipped = match &query.start {
        PageStart::After(cursor) => return (cursor.clone(), 0),
        PageStart::Skip(skipped) => *skipped,
    };
    let FlowOrder { sort, descending } = query.order;
    let key = match (sort, descending) {
        (FlowSort::Name, false) => SortKey::Name(String::new()),
        (FlowSort::Name, true) => SortKey::Name(after_all_names()),
        (FlowSort::Updated | FlowSort::Created, false) => SortKey::At(Timestamp::UNIX_EPOCH),
        (FlowSort::Updated | FlowSort::Created, true) => SortKey::At(Timestamp::MAX),
    };
    let id = FlowId::from_uuid(if descending { Uuid::max() } else { Uuid::nil() });
    (PageCursor { key, id }, skipped)
}
