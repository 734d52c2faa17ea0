-- Accounts, flows, and the log that is the truth for every flow.
--
-- Ids are UUIDs as 16-byte blobs. Moments are microseconds since 1970, UTC.
-- The tables are strict, so a value of the wrong type is refused here and not
-- first noticed when it is read.

create table workspaces (
    id blob not null primary key check (length(id) = 16),
    name text not null,
    created_at integer not null
) strict, without rowid;

create table users (
    id blob not null primary key check (length(id) = 16),
    -- Lower-cased before it gets here.
    email text not null unique,
    name text not null,
    password_hash text not null,
    -- The personal workspace.
    workspace_id blob not null references workspaces (id),
    created_at integer not null
) strict, without rowid;

create table workspace_members (
    workspace_id blob not null references workspaces (id),
    user_id blob not null references users (id),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    primary key (workspace_id, user_id)
) strict, without rowid;

create index workspace_members_by_user on workspace_members (user_id);

-- One sign-in: the family of refresh tokens that descend from one login.
create table sessions (
    id blob not null primary key check (length(id) = 16),
    user_id blob not null references users (id),
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer
) strict, without rowid;

create index sessions_by_user on sessions (user_id);

create table refresh_tokens (
    -- SHA-256 of the token; the token itself is never stored.
    hash blob not null primary key check (length(hash) = 32),
    session_id blob not null references sessions (id) on delete cascade,
    created_at integer not null,
    -- When it was first exchanged for a successor.
    replaced_at integer
) strict, without rowid;

create index refresh_tokens_by_session on refresh_tokens (session_id);

create table flows (
    id blob not null primary key check (length(id) = 16),
    workspace_id blob not null references workspaces (id),
    -- What the document says about itself, as of projected_seq of its log.
    name text not null,
    description text not null,
    tags text not null check (json_valid(tags)),
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    projected_seq integer not null check (projected_seq >= 0)
) strict, without rowid;

create index flows_by_workspace on flows (workspace_id);

create table flow_members (
    flow_id blob not null references flows (id),
    user_id blob not null references users (id),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    primary key (flow_id, user_id)
) strict, without rowid;

create index flow_members_by_user on flow_members (user_id);

-- Where each flow stands. Apart from flows, because every append writes here.
create table flow_heads (
    flow_id blob not null primary key references flows (id),
    head_seq integer not null check (head_seq >= 0),
    -- Raised with every change of who may do what, deletion included.
    access_rev integer not null check (access_rev > 0)
) strict, without rowid;

-- The log. Without a rowid the rows of a flow lie side by side, so that opening
-- it reads few pages however many flows are written to at the same time, and
-- an append writes one tree instead of a table and its key. The price is paid
-- by updates over about 900 bytes, which go to overflow pages; most have less.
create table flow_updates (
    flow_id blob not null references flow_heads (flow_id),
    seq integer not null check (seq > 0),
    batch_id blob not null check (length(batch_id) = 16),
    -- Who delivered it; null is the server. No reference: history outlives accounts.
    actor_id blob check (length(actor_id) = 16),
    created_at integer not null,
    "update" blob not null,
    primary key (flow_id, seq)
) strict, without rowid;

-- Answers whether a batch is already there.
create index flow_updates_by_batch on flow_updates (flow_id, batch_id);

-- Who wrote first under a Yjs client id. No reference: history outlives accounts.
create table flow_clients (
    flow_id blob not null references flow_heads (flow_id),
    client_id integer not null check (client_id between 0 and 9007199254740991),
    user_id blob not null check (length(user_id) = 16),
    primary key (flow_id, client_id)
) strict, without rowid;

-- The newest snapshot of each flow. With a rowid: its rows are large.
create table flow_snapshots (
    flow_id blob not null primary key references flow_heads (flow_id),
    seq integer not null check (seq >= 0),
    envelope blob not null,
    created_at integer not null
) strict;
