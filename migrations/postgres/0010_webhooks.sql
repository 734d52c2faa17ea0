-- Whom a workspace tells what happens in it, and what is to be told: rows of deliveries are
-- written by the transactions that they tell of.

set local lock_timeout = '2s';

create table webhooks (
    id uuid not null primary key,
    workspace_id uuid not null references workspaces (id),
    url text not null,
    description text not null,
    events text[] not null,
    secret bytea not null check (octet_length(secret) = 32),
    created_by uuid not null,
    created_at timestamptz not null,
    failures bigint not null default 0 check (failures >= 0),
    failing_since timestamptz,
    paused_until timestamptz,
    disabled_at timestamptz,
    disabled_reason text
);

create index webhooks_by_workspace on webhooks (workspace_id);

comment on table webhooks is 'Whom a workspace tells what happens in it.';
comment on column webhooks.id is 'Drawn by the server.';
comment on column webhooks.workspace_id is 'Whose events are told.';
comment on column webhooks.url is 'Where to.';
comment on column webhooks.description is 'As its maker describes it.';
comment on column webhooks.events is 'Names of the events that are told.';
comment on column webhooks.secret is 'What deliveries are signed with. As it is: nothing can be signed with a hash of it.';
comment on column webhooks.created_by is 'Who made it. No reference: it outlives the account.';
comment on column webhooks.created_at is 'By the server''s clock.';
comment on column webhooks.failures is 'Since the last success.';
comment on column webhooks.failing_since is 'The first of these; null when there are none.';
comment on column webhooks.paused_until is 'Nothing is tried before; null when it does not fail.';
comment on column webhooks.disabled_at is 'Since when nothing is told; null while something is.';
comment on column webhooks.disabled_reason is 'Why; null while it is not disabled.';

create table webhook_deliveries (
    id bigint not null generated always as identity primary key,
    webhook_id uuid not null references webhooks (id) on delete cascade,
    event_id uuid not null,
    event text not null,
    body text not null,
    created_at timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts bigint not null default 0 check (attempts >= 0),
    next_at timestamptz not null,
    last_at timestamptz,
    last_status bigint,
    last_error text,
    last_answer text
);

create index webhook_deliveries_by_webhook on webhook_deliveries (webhook_id, id);
create index webhook_deliveries_pending on webhook_deliveries (next_at) where state = 'pending';
create index webhook_deliveries_done on webhook_deliveries (last_at) where state <> 'pending';

comment on table webhook_deliveries is 'What is to be told, and what became of it. Written by the transactions that it tells of.';
comment on column webhook_deliveries.id is 'Grows with time.';
comment on column webhook_deliveries.webhook_id is 'To whom.';
comment on column webhook_deliveries.event_id is 'The same for everybody who is told, and for what is told again.';
comment on column webhook_deliveries.event is 'The event''s name.';
comment on column webhook_deliveries.body is 'What is sent, to the byte.';
comment on column webhook_deliveries.created_at is 'When it happened.';
comment on column webhook_deliveries.state is 'Whether it was told, is to be told, or was given up.';
comment on column webhook_deliveries.attempts is 'Those that were begun.';
comment on column webhook_deliveries.next_at is 'When it is tried next. Whoever tries puts it off by as long as they may take.';
comment on column webhook_deliveries.last_at is 'When the last attempt ended; null before the first.';
comment on column webhook_deliveries.last_status is 'The status of the last answer; null when there was none.';
comment on column webhook_deliveries.last_error is 'Why the last attempt failed; null when it did not.';
comment on column webhook_deliveries.last_answer is 'The beginning of the last answer.';
