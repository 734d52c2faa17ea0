use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use flow_base::{RunId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Begin, Counted};
use crate::run::columns::Columns;
use crate::values::Moment;

/// A workspace, and days since 1970.
pub(super) type Day = (Uuid, i64);

pub(super) struct Place {
    pub(super) workspace: Uuid,
    /// By its own number.
    pub(super) runs_per_day: Option<u64>,
}

/// Where flows are that are there.
pub(super) type Places = HashMap<Uuid, Place>;

/// Holds them, too, as somebody who refers to them: who changes or deletes one does not wait,
/// who removes its row does.
pub(super) async fn hold_places(tx: &mut PgConnection, flows: &[Uuid]) -> Result<Places, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select
            held.id as "id!",
            held.workspace_id as "workspace_id!",
            (
                select workspaces.runs_per_day_max
                from workspaces
                where workspaces.id = held.workspace_id
            ) as runs_per_day_max
        from (select distinct id from unnest($1::uuid[]) as given (id) order by id) as given
        cross join lateral (
            select
                flows.id,
                flows.workspace_id
            from flows
            where flows.id = given.id and flows.deleted_at is null
            for key share
        ) as held
        "#,
        flows,
    )
    .fetch_all(tx)
    .await?;
    let place = rows.into_iter().map(|row| {
        let runs_per_day = row.runs_per_day_max.map(i64::cast_unsigned);
        (row.id, Place { workspace: row.workspace_id, runs_per_day })
    });
    Ok(place.collect())
}

/// Counts all of these, and holds what it counts in until the transaction ends.
pub(super) async fn count(
    tx: &mut PgConnection,
    wanted: &BTreeMap<Day, i64>,
) -> Result<HashMap<Day, Counted>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (workspaces, days): (Vec<_>, Vec<_>) = wanted.keys().copied().unzip();
    let wanted_of_days: Vec<_> = wanted.values().copied().collect();
    let rows = sqlx::query!(
        r#"
        insert into run_days (workspace_id, day, began)
        select
            workspace_id,
            day,
            wanted
        from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as given (workspace_id, day, wanted)
        order by
            workspace_id,
            day
        on conflict (workspace_id, day) do update
        set began = run_days.began + excluded.began
        returning
            workspace_id,
            day,
            began
        "#,
        &workspaces,
        &days,
        &wanted_of_days,
    )
    .fetch_all(tx)
    .await?;
    let counted = rows.into_iter().map(|row| {
        let day = (row.workspace_id, row.day);
        (day, Counted { began: row.began - wanted[&day], refused: 0 })
    });
    Ok(counted.collect())
}

/// Takes back what was counted of those that did not begin.
pub(super) async fn uncount(
    tx: &mut PgConnection,
    counted: &HashMap<Day, Counted>,
) -> Result<(), sqlx::Error> {
    let refused = counted.iter().filter(|(_, counted)| counted.refused > 0);
    let refused: Vec<_> = refused.map(|(day, counted)| (*day, counted.refused)).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let ((workspaces, days), refused): ((Vec<_>, Vec<_>), Vec<_>) = refused.into_iter().unzip();
    sqlx::query!(
        r#"
        update run_days
        set began = run_days.began - given.refused
        from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as given (workspace_id, day, refused)
        where run_days.workspace_id = given.workspace_id and run_days.day = given.day
        "#,
        &workspaces,
        &days,
        &refused,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Answers which are new.
pub(super) async fn insert(tx: &mut PgConnection, new: &[Begin<'_>]) -> Result<HashSet<RunId>, sqlx::Error> {
    if new.is_empty() {
        return Ok(HashSet::new());
    }
    let columns = Columns::of(&new.iter().map(|(commit, _)| *commit).collect::<Vec<_>>());
    let flows: Vec<_> = new.iter().map(|(_, new)| new.flow.as_uuid()).collect();
    let kinds: Vec<_> = new.iter().map(|(_, new)| new.kind.as_str()).collect();
    let versions: Vec<_> = new.iter().map(|(_, new)| new.flow_version.map(i64::from)).collect();
    let hashes: Vec<_> = new.iter().map(|(_, new)| &new.graph_hash[..]).collect();
    let users: Vec<_> = new.iter().map(|(_, new)| new.user.map(UserId::as_uuid)).collect();
    let begun = sqlx::query_scalar!(
        r#"
        with given as (
            select
                run_id,
                commit_id,
                at,
                status,
                state,
                entries,
                entry_count,
                wake_at,
                leased_by,
                lasts,
                ended_at,
                outcome,
                event_key,
                answer,
                flow_id,
                kind,
                flow_version,
                graph_hash,
                user_id
            from unnest(
                $1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bytea[], $6::bytea[],
                $7::bigint[], $8::timestamptz[], $9::uuid[], $10::double precision[], $11::timestamptz[],
                $12::text[], $13::text[], $14::bytea[], $15::uuid[], $16::text[], $17::bigint[], $18::bytea[],
                $19::uuid[]
            ) as given (
                run_id, commit_id, at, status, state, entries, entry_count, wake_at, leased_by, lasts,
                ended_at, outcome, event_key, answer, flow_id, kind, flow_version, graph_hash, user_id
            )
        ),
        begun as (
            insert into runs (
                id, flow_id, kind, flow_version, graph_hash, user_id, status, version, last_commit, state,
                entries, wake_at, leased_by, lease_until, started_at, updated_at, ended_at, outcome
            )
            select
                run_id,
                flow_id,
                kind,
                flow_version,
                graph_hash,
                user_id,
                status,
                1,
                commit_id,
                state,
                entry_count,
                wake_at,
                leased_by,
                case when leased_by is null then 'epoch' else now() + make_interval(secs => lasts) end,
                at,
                at,
                ended_at,
                outcome
            from given
            order by run_id
            on conflict (id) do nothing
            returning id
        ),
        written as (
            insert into run_journal (run_id, version, at, entries)
            select
                given.run_id,
                1,
                given.at,
                given.entries
            from begun
            join given on given.run_id = begun.id
        ),
        taken as (
            insert into run_events (run_id, key, answer)
            select
                given.run_id,
                given.event_key,
                given.answer
            from begun
            join given on given.run_id = begun.id
            where given.event_key is not null
        )
        select id
        from begun
        "#,
        &columns.runs,
        &columns.ids,
        &columns.moments as &[Moment],
        &columns.statuses as &[&str],
        &columns.states as &[&[u8]],
        &columns.entries as &[&[u8]],
        &columns.counts,
        &columns.wakes as &[Option<Moment>],
        &columns.nodes as &[Option<Uuid>],
        &columns.lasts,
        &columns.ends as &[Option<Moment>],
        &columns.outcomes as &[Option<Cow<'_, str>>],
        &columns.keys as &[Option<Cow<'_, str>>],
        &columns.answers as &[Option<&[u8]>],
        &flows,
        &kinds as &[&str],
        &versions as &[Option<i64>],
        &hashes as &[&[u8]],
        &users as &[Option<Uuid>],
    )
    .fetch_all(tx)
    .await?;
    Ok(begun.into_iter().map(RunId::from_uuid).collect())
}

/// The last commits of those of these runs that are there.
pub(super) async fn stands(
    tx: &mut PgConnection,
    runs: &[Uuid],
) -> Result<HashMap<RunId, Uuid>, sqlx::Error> {
    if runs.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"
        select
            run.id as "id!",
            run.last_commit as "last_commit!"
        from unnest($1::uuid[]) as given (id)
        cross join lateral (
            select
                runs.id,
                runs.last_commit
            from runs
            where runs.id = given.id
                and (select flows.deleted_at from flows where flows.id = runs.flow_id) is distinct from 'epoch'
            limit 1
        ) as run
        "#,
        runs,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (RunId::from_uuid(row.id), row.last_commit)).collect())
}
