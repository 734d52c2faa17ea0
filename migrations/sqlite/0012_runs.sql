-- Runs of flows: where each is, and what it did.

-- What runs are pinned to, once for all runs that have it.
create table run_graphs (
    -- SHA-256.
    hash blob not null primary key check (length(hash) = 32),
    content blob not null
) strict;

create table runs (
    id blob not null primary key check (length(id) = 16),
    flow_id blob not null references flows (id),
    kind text not null check (kind in ('published', 'preview', 'test')),
    -- Null for the flow as it was.
    flow_version integer,
    graph_hash blob not null references run_graphs (hash),
    -- No reference: guests have no account. The run goes with the account, where there is one.
    user_id blob check (length(user_id) = 16),
    status text not null check (status in ('busy', 'waiting', 'completed', 'failed', 'cancelled')),
    -- Who moves it on has read it at one and leaves it at the next.
    version integer not null check (version > 0),
    -- What led to this version.
    last_commit blob not null check (length(last_commit) = 16),
    -- Where it is and what its variables hold.
    state blob not null,
    -- How many its journal has.
    entries integer not null check (entries >= 0),
    wake_at integer,
    -- Who does something for it, and until when nobody else takes it over: 0 where nobody does.
    leased_by blob check (length(leased_by) = 16),
    lease_until integer not null,
    started_at integer not null,
    updated_at integer not null,
    ended_at integer,
    -- How it ended, as JSON.
    outcome text,
    -- From when on anybody may take it: what was being done for it has not come to an end,
    -- or it is to be woken.
    due_at integer generated always as (
        case
            when ended_at is not null then null
            when status = 'busy' then lease_until
            else max(wake_at, lease_until)
        end
    ) stored
) strict;

create index runs_by_flow on runs (flow_id, id);
create index runs_by_user on runs (user_id, id) where user_id is not null;
create index runs_by_graph on runs (graph_hash);
create index runs_due on runs (due_at) where due_at is not null;
create index runs_ended on runs (ended_at) where ended_at is not null;
create index runs_open on runs (started_at) where ended_at is null;

-- What runs did, in parts: one for each version.
create table run_journal (
    run_id blob not null references runs (id) on delete cascade,
    version integer not null check (version > 0),
    at integer not null,
    entries blob not null,
    primary key (run_id, version)
) strict;

-- What has happened to a run and may be sent again.
create table run_events (
    run_id blob not null references runs (id) on delete cascade,
    -- By which it is known again.
    key text not null,
    -- What was answered.
    answer blob not null,
    primary key (run_id, key)
) strict, without rowid;

-- How many runs began.
create table run_days (
    workspace_id blob not null references workspaces (id),
    -- Days since 1970, UTC's.
    day integer not null,
    began integer not null check (began >= 0),
    primary key (workspace_id, day)
) strict, without rowid;
