-- Runs of flows: where each is, and what it did.

set local lock_timeout = '2s';

create table run_graphs (
    hash bytea not null primary key check (octet_length(hash) = 32),
    content bytea not null
);

comment on table run_graphs is 'What runs are pinned to, once for all runs that have it.';
comment on column run_graphs.hash is 'SHA-256.';
comment on column run_graphs.content is 'What has that hash.';

-- A run that only waits again changes nothing that an index has, and there is room for that
-- in its page.
create table runs (
    id uuid not null primary key,
    flow_id uuid not null references flows (id),
    kind text not null check (kind in ('published', 'preview', 'test')),
    flow_version bigint,
    graph_hash bytea not null references run_graphs (hash),
    user_id uuid,
    status text not null check (status in ('busy', 'waiting', 'completed', 'failed', 'cancelled')),
    version bigint not null check (version > 0),
    last_commit uuid not null,
    state bytea not null,
    entries bigint not null check (entries >= 0),
    wake_at timestamptz,
    leased_by uuid,
    lease_until timestamptz not null,
    started_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz,
    outcome text,
    due_at timestamptz generated always as (
        case
            when ended_at is not null then null
            when status = 'busy' then lease_until
            when wake_at is not null then greatest(wake_at, lease_until)
        end
    ) stored
) with (fillfactor = 70);

create index runs_by_flow on runs (flow_id, id);
create index runs_by_user on runs (user_id, id) where user_id is not null;
create index runs_by_graph on runs (graph_hash);
create index runs_due on runs (due_at) where due_at is not null;
create index runs_ended on runs (ended_at) where ended_at is not null;
create index runs_open on runs (started_at) where ended_at is null;

comment on table runs is 'Where each run is.';
comment on column runs.id is 'Drawn by the server.';
comment on column runs.flow_id is 'What it runs.';
comment on column runs.kind is 'What it is for.';
comment on column runs.flow_version is 'The version that it runs; null for the flow as it was.';
comment on column runs.graph_hash is 'What it is pinned to.';
comment on column runs.user_id is
    'Who it is with; null for nobody in particular. It goes with their account. No reference.';
comment on column runs.status is 'Whether something is being done for it, it waits, or how it ended.';
comment on column runs.version is 'Who moves it on has read it at one and leaves it at the next.';
comment on column runs.last_commit is 'What led to this version.';
comment on column runs.state is 'Where it is and what its variables hold.';
comment on column runs.entries is 'How many its journal has.';
comment on column runs.wake_at is 'When it is to be woken.';
comment on column runs.leased_by is 'Who does something for it.';
comment on column runs.lease_until is
    'By the database''s clock: until when nobody else takes it over. In 1970 where nobody does anything for it.';
comment on column runs.started_at is 'By the server''s clock.';
comment on column runs.updated_at is 'When it was last moved on, by the server''s clock.';
comment on column runs.ended_at is 'Null while it is not over.';
comment on column runs.outcome is 'How it ended, as JSON.';
comment on column runs.due_at is
    'From when on anybody may take it: what was being done for it has not come to an end, or it is to be woken.';

create table run_journal (
    run_id uuid not null references runs (id) on delete cascade,
    version bigint not null check (version > 0),
    at timestamptz not null,
    entries bytea not null,
    primary key (run_id, version)
);

comment on table run_journal is 'What runs did, in parts: one for each version.';
comment on column run_journal.run_id is 'The run.';
comment on column run_journal.version is 'The version that it led to.';
comment on column run_journal.at is 'By the server''s clock.';
comment on column run_journal.entries is 'What it did, as one or more entries.';

create table run_events (
    run_id uuid not null references runs (id) on delete cascade,
    key text not null,
    answer bytea not null,
    primary key (run_id, key)
);

comment on table run_events is 'What has happened to a run and may be sent again.';
comment on column run_events.run_id is 'The run.';
comment on column run_events.key is 'By which it is known again.';
comment on column run_events.answer is 'What was answered.';

create table run_days (
    workspace_id uuid not null references workspaces (id),
    day bigint not null,
    began bigint not null check (began >= 0),
    primary key (workspace_id, day)
);

comment on table run_days is 'How many runs began, and so how many still may.';
comment on column run_days.workspace_id is 'Whose flow was run.';
comment on column run_days.day is 'Days since 1970, UTC''s.';
comment on column run_days.began is 'Runs that began.';
