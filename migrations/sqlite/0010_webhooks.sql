-- Whom a workspace tells what happens in it, and what is to be told: rows of deliveries are
-- written by the transactions that they tell of.

create table webhooks (
    id blob not null primary key check (length(id) = 16),
    workspace_id blob not null references workspaces (id),
    url text not null,
    description text not null,
    -- Names of events.
    events text not null check (json_valid(events)),
    -- What deliveries are signed with. As it is: nothing can be signed with a hash of it.
    secret blob not null check (length(secret) = 32),
    -- No reference: it outlives the account.
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    -- Failures since the last success, since when, and until when nothing is tried.
    failures integer not null default 0 check (failures >= 0),
    failing_since integer,
    paused_until integer,
    disabled_at integer,
    disabled_reason text
) strict, without rowid;

create index webhooks_by_workspace on webhooks (workspace_id);

create table webhook_deliveries (
    id integer not null primary key autoincrement,
    webhook_id blob not null references webhooks (id) on delete cascade,
    event_id blob not null check (length(event_id) = 16),
    event text not null,
    -- What is sent, to the byte.
    body text not null,
    created_at integer not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    -- When it is tried next. Whoever tries puts it off by as long as they may take.
    next_at integer not null,
    last_at integer,
    last_status integer,
    last_error text,
    last_answer text
) strict;

create index webhook_deliveries_by_webhook on webhook_deliveries (webhook_id, id);
create index webhook_deliveries_pending on webhook_deliveries (next_at) where state = 'pending';
create index webhook_deliveries_done on webhook_deliveries (last_at) where state <> 'pending';
