-- Accounts, flows, and the log that is the truth for every flow.
--
-- What tables and columns mean is in their comments, where psql shows it (\d+).
-- Foreign keys are checked row by row, so the log, whose every row is written
-- under the lock on its flow's head, has none.

create table workspaces (
    id uuid not null primary key,
    name text not null,
    created_at timestamptz not null
);

comment on table workspaces is 'Where flows belong; its members have their role on all of them.';
comment on column workspaces.id is 'Drawn by the server.';
comment on column workspaces.name is 'As people see it.';
comment on column workspaces.created_at is 'By the server''s clock.';

create table users (
    id uuid not null primary key,
    email text not null unique,
    name text not null,
    password_hash text not null,
    workspace_id uuid not null references workspaces (id),
    created_at timestamptz not null
);

comment on table users is 'Accounts.';
comment on column users.id is 'Drawn by the server.';
comment on column users.email is 'Lower-cased before it gets here.';
comment on column users.name is 'As other people see it.';
comment on column users.password_hash is 'A PHC string.';
comment on column users.workspace_id is 'The personal workspace.';
comment on column users.created_at is 'By the server''s clock.';

create table workspace_members (
    workspace_id uuid not null references workspaces (id),
    user_id uuid not null references users (id),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    primary key (workspace_id, user_id)
);

create index workspace_members_by_user on workspace_members (user_id);

comment on table workspace_members is 'Who may do what on all flows of a workspace.';
comment on column workspace_members.workspace_id is 'The workspace.';
comment on column workspace_members.user_id is 'The account.';
comment on column workspace_members.role is 'The greater of this and the role on the flow counts.';

create table sessions (
    id uuid not null primary key,
    user_id uuid not null references users (id),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);

create index sessions_by_user on sessions (user_id);

comment on table sessions is 'Sign-ins: each is the family of refresh tokens that descend from one login.';
comment on column sessions.id is 'Drawn by the server.';
comment on column sessions.user_id is 'Whose sign-in it is.';
comment on column sessions.created_at is 'When the password was given.';
comment on column sessions.expires_at is 'Moved on by every exchange of a refresh token.';
comment on column sessions.revoked_at is 'When it was ended before its time; null while it was not.';

create table refresh_tokens (
    hash bytea not null primary key check (octet_length(hash) = 32),
    session_id uuid not null references sessions (id) on delete cascade,
    created_at timestamptz not null,
    replaced_at timestamptz
);

create index refresh_tokens_by_session on refresh_tokens (session_id);

comment on table refresh_tokens is 'What a sign-in is prolonged with, each good for one exchange.';
comment on column refresh_tokens.hash is 'SHA-256 of the token; the token itself is never stored.';
comment on column refresh_tokens.session_id is 'The sign-in.';
comment on column refresh_tokens.created_at is 'When it was given out.';
comment on column refresh_tokens.replaced_at is 'When it was first exchanged for a successor; null before.';

create table flows (
    id uuid not null primary key,
    workspace_id uuid not null references workspaces (id),
    name text not null,
    description text not null,
    tags text[] not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    projected_seq bigint not null check (projected_seq >= 0)
);

create index flows_by_workspace on flows (workspace_id);

comment on table flows is 'What lists show of each flow.';
comment on column flows.id is 'Drawn by the server.';
comment on column flows.workspace_id is 'Where the flow belongs.';
comment on column flows.name is 'What the document says about itself, as of projected_seq of its log.';
comment on column flows.description is 'As name.';
comment on column flows.tags is 'As name.';
comment on column flows.created_at is 'By the server''s clock.';
comment on column flows.updated_at is 'When name, description and tags were last written.';
comment on column flows.deleted_at is 'When it was deleted; null while it is there. The log stays.';
comment on column flows.projected_seq is 'The position of the log that name, description and tags reflect.';

create table flow_members (
    flow_id uuid not null references flows (id),
    user_id uuid not null references users (id),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    primary key (flow_id, user_id)
);

create index flow_members_by_user on flow_members (user_id);

comment on table flow_members is 'Who may do what on a flow.';
comment on column flow_members.flow_id is 'The flow.';
comment on column flow_members.user_id is 'The account.';
comment on column flow_members.role is 'The greater of this and the role on the workspace counts.';

-- Every append rewrites a row here. No index has a column that appends change, and
-- half of each page is left free, so the new version of a row goes beside the old one
-- without touching an index (a HOT update), and needs no vacuum.
create table flow_heads (
    flow_id uuid not null primary key references flows (id),
    head_seq bigint not null check (head_seq >= 0),
    access_rev bigint not null check (access_rev > 0),
    log_bytes bigint not null check (log_bytes >= 0)
) with (fillfactor = 50);

comment on table flow_heads is 'Where each flow stands. Who appends to its log holds the lock on its row.';
comment on column flow_heads.flow_id is 'The flow.';
comment on column flow_heads.head_seq is 'The position of the newest update; 0 before the first.';
comment on column flow_heads.access_rev is 'Raised with every change of who may do what, deletion included.';
comment on column flow_heads.log_bytes is 'The bytes of all updates, because counting them when asked would read the log.';

create table flow_updates (
    flow_id uuid not null,
    seq bigint not null check (seq > 0),
    batch_id uuid not null,
    batch_updates bigint check (batch_updates > 0),
    actor_id uuid,
    created_at timestamptz not null,
    update bytea not null,
    primary key (flow_id, seq)
) partition by hash (flow_id);

-- Updates are dense already, and those large enough to be moved out of their row are
-- few: compressing them costs the append more than the bytes are worth.
alter table flow_updates alter column update set storage external;

comment on table flow_updates is 'The log: append only, and dense in seq for each flow.';
comment on column flow_updates.flow_id is 'The flow. No reference: an append joins the flow''s locked head.';
comment on column flow_updates.seq is 'The position: 1, 2, … without holes.';
comment on column flow_updates.batch_id is 'Updates that were appended together have it in common.';
comment on column flow_updates.batch_updates is 'How many updates the batch has, on its first; null on the others.';
comment on column flow_updates.actor_id is 'Who delivered it; null is the server. No reference: history outlives accounts.';
comment on column flow_updates.created_at is 'By the clock of the node that appended it.';
comment on column flow_updates.update is 'Yjs update, v1 encoding.';

-- What makes it impossible to store a batch twice, also when both attempts are under
-- way at once; it tells where a batch is, too. One entry for each batch.
create unique index flow_updates_by_batch on flow_updates (flow_id, batch_id)
where batch_updates is not null;

do $$
begin
    for part in 0..31 loop
        execute format(
            'create table %I partition of flow_updates for values with (modulus 32, remainder %s)',
            'flow_updates_' || lpad(part::text, 2, '0'),
            part
        );
    end loop;
end
$$;

create table flow_clients (
    flow_id uuid not null references flow_heads (flow_id),
    client_id bigint not null check (client_id between 0 and 9007199254740991),
    user_id uuid not null,
    primary key (flow_id, client_id)
);

comment on table flow_clients is 'Who wrote first under a Yjs client id.';
comment on column flow_clients.flow_id is 'The flow.';
comment on column flow_clients.client_id is 'At most 2^53 - 1, as in JavaScript.';
comment on column flow_clients.user_id is 'The account. No reference: history outlives accounts.';

create table flow_snapshots (
    flow_id uuid not null primary key references flow_heads (flow_id),
    seq bigint not null check (seq >= 0),
    envelope bytea not null,
    created_at timestamptz not null
);

-- Rewritten as a whole each time; as with updates, compressing is not worth its time.
alter table flow_snapshots alter column envelope set storage external;

comment on table flow_snapshots is 'The newest snapshot of each flow.';
comment on column flow_snapshots.flow_id is 'The flow.';
comment on column flow_snapshots.seq is 'Every update up to this position is in it.';
comment on column flow_snapshots.envelope is 'The document with its position, behind a version byte.';
comment on column flow_snapshots.created_at is 'By the clock of the node that made it.';
