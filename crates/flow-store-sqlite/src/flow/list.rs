//! Lists of flows: a statement for each order.

use flow_base::{FlowId, Timestamp, UserId, WorkspaceId};
use flow_store::{
    FlowOrder, FlowPage, FlowQuery, FlowSort, PageCursor, PageStart, SearchWords, SortKey, StoreError,
};
use uuid::Uuid;

use super::row::FlowRow;
use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, unreadable};

const LIST: &str = "list the flows";

pub(super) async fn list(store: &SqliteStore, query: &FlowQuery) -> Result<FlowPage, StoreError> {
    let rows = read(store, query).await.map_err(backend(LIST))?;
    let flows: Result<Vec<_>, Unreadable> =
        rows.into_iter().filter_map(|row| row.into_record().transpose()).collect();
    Ok(FlowPage::cut(flows.map_err(unreadable(LIST))?, query.order, query.limit))
}

/// In the language of FTS5: every word, or what begins with it.
fn matching(search: &SearchWords) -> String {
    search.words().iter().map(|word| format!("\"{word}\" *")).collect::<Vec<_>>().join(" AND ")
}

/// What all statements are given.
struct Bound<'a> {
    user: Uuid,
    id: Uuid,
    skipped: i64,
    limit: i64,
    search: Option<String>,
    tag: Option<&'a str>,
    active: Option<bool>,
    owner: Option<Uuid>,
    workspace: Option<Uuid>,
}

macro_rules! in_order {
    ($store:ident, $bound:ident, $start:ident, $key:literal, $comes_after:literal, $direction:literal) => {
        sqlx::query_as!(
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
                on flow_members.flow_id = flows.id and flow_members.user_id = ?1
            left join workspace_members
                on workspace_members.workspace_id = flows.workspace_id and workspace_members.user_id = ?1
            where flows.deleted_at is null
                and flows.id in (
                    select flow_id from flow_members where user_id = ?1
                    union
                    select shared.id
                    from flows as shared
                    join workspace_members as own on own.workspace_id = shared.workspace_id
                    where own.user_id = ?1
                )
                and ("# + $key + ", flows.id) " + $comes_after + r#" (?2, ?3)
                and (
                    ?6 is null
                    or flows.id in (
                        select flow_search_ids.flow_id
                        from flow_search
                        join flow_search_ids on flow_search_ids.id = flow_search.rowid
                        where flow_search match ?6
                    )
                )
                and (?7 is null or exists (select 1 from json_each(flows.tags) as tag where tag.value = ?7))
                and (?8 is null or (flows.active_version is not null) = ?8)
                and (
                    ?9 is null
                    or exists (
                        select 1
                        from flow_members as owners
                        where owners.flow_id = flows.id and owners.user_id = ?9 and owners.role = 'owner'
                    )
                )
                and (?10 is null or flows.workspace_id = ?10)
            order by "# + $key + " " + $direction + ", flows.id " + $direction + r#"
            limit ?4
            offset ?5
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
        .fetch_all($store.readers())
        .await
    };
}

/// By one of these keys, in one of both directions.
macro_rules! sorted {
    ($store:ident, $bound:ident, $start:ident, $key:literal, $descending:ident) => {
        if $descending {
            in_order!($store, $bound, $start, $key, "<", "desc")
        } else {
            in_order!($store, $bound, $start, $key, ">", "asc")
        }
    };
}

async fn read(store: &SqliteStore, query: &FlowQuery) -> Result<Vec<FlowRow>, sqlx::Error> {
    let FlowOrder { sort, descending } = query.order;
    let (start, skipped) = start(query);
    let bound = Bound {
        user: query.user.as_uuid(),
        id: start.id.as_uuid(),
        skipped: i64::from(skipped),
        // One more than asked for tells whether there is a next page.
        limit: i64::from(query.limit) + 1,
        search: query.filter.search.as_ref().map(matching),
        tag: query.filter.tag.as_deref(),
        active: query.filter.active,
        owner: query.filter.owner.map(UserId::as_uuid),
        workspace: query.filter.workspace.map(WorkspaceId::as_uuid),
    };
    match (sort, start.key) {
        (FlowSort::Updated, SortKey::At(at)) => {
            let at = micros(at);
            sorted!(store, bound, at, "flows.updated_at", descending)
        }
        (FlowSort::Created, SortKey::At(at)) => {
            let at = micros(at);
            sorted!(store, bound, at, "flows.created_at", descending)
        }
        (_, SortKey::Name(name)) => sorted!(store, bound, name, "flows.name", descending),
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
        // Comes after all names: no name is as long.
        (FlowSort::Name, true) => SortKey::Name("\u{10ffff}".repeat(300)),
        (FlowSort::Updated | FlowSort::Created, false) => SortKey::At(Timestamp::UNIX_EPOCH),
        (FlowSort::Updated | FlowSort::Created, true) => SortKey::At(Timestamp::MAX),
    };
    let id = FlowId::from_uuid(if descending { Uuid::max() } else { Uuid::nil() });
    (PageCursor { key, id }, skipped)
}
