-- Workspaces that people share, links that share a flow, and what was done to both.

-- Raised with every change of its members; counts for all of its flows.
alter table workspaces add column access_rev integer not null default 0;
-- Flows it may have; null: as many as the configuration says. 0: as many as it likes.
alter table workspaces add column flows_max integer check (flows_max >= 0);
-- As flows_max: of members, of the bytes of its flows' logs and versions, and of runs that
-- are started in a day.
alter table workspaces add column members_max integer check (members_max >= 0);
alter table workspaces add column storage_bytes_max integer check (storage_bytes_max >= 0);
alter table workspaces add column runs_per_day_max integer check (runs_per_day_max >= 0);

-- Whose personal workspace one is.
create index users_by_workspace on users (workspace_id);

-- Whoever has one may join the workspace. A revoked one has no row.
create table workspace_invitations (
    id blob not null primary key check (length(id) = 16),
    workspace_id blob not null references workspaces (id),
    -- SHA-256 of the token; the token itself is never stored.
    hash blob not null unique check (length(hash) = 32),
    -- What who comes with it becomes.
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    -- No reference: it outlives the account.
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    expires_at integer not null,
    -- How many have joined with it, and how many may; null: any number.
    uses integer not null default 0 check (uses >= 0),
    uses_max integer check (uses_max > 0)
) strict, without rowid;

create index workspace_invitations_by_workspace on workspace_invitations (workspace_id);

-- Whoever has one may see, edit or run the flow, without an account. A revoked one has no
-- row.
create table flow_links (
    id blob not null primary key check (length(id) = 16),
    flow_id blob not null references flows (id),
    -- SHA-256 of the token; the token itself is never stored.
    hash blob not null unique check (length(hash) = 32),
    role text not null check (role in ('viewer', 'editor', 'run')),
    -- No reference: it outlives the account.
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    -- Null: it does not.
    expires_at integer
) strict, without rowid;

create index flow_links_by_flow on flow_links (flow_id);

-- Where the chain of each workspace ends.
create table audit_heads (
    workspace_id blob not null primary key references workspaces (id),
    seq integer not null check (seq > 0),
    hash blob not null check (length(hash) = 32)
) strict, without rowid;

-- What was done to a workspace and its flows, in order. Append only, but for what is
-- personal.
create table audit_events (
    workspace_id blob not null references workspaces (id),
    -- 1, 2, … without holes in each workspace.
    seq integer not null check (seq > 0),
    at integer not null,
    -- Who did it; null is an operator. No reference: it outlives the account.
    user_id blob check (length(user_id) = 16),
    -- With what: a sign-in, a key or a link, and its id; empty for an operator.
    credential text not null,
    -- What, in JSON, exactly as it was hashed.
    event text not null,
    -- From where, in JSON, and what is hashed before it, so that the hash does not tell it.
    -- Both are null once the account was erased.
    personal text,
    personal_salt blob check (length(personal_salt) = 16),
    -- SHA-256 of both.
    personal_hash blob not null check (length(personal_hash) = 32),
    -- SHA-256 of the hash before and all of this but personal and personal_salt.
    hash blob not null check (length(hash) = 32),
    primary key (workspace_id, seq)
) strict, without rowid;

create index audit_events_by_user on audit_events (user_id);

-- When name, address and password were taken away for good; null while they are there.
alter table users add column erased_at integer;

-- A list reads the first of each of its workspaces, in the order that it shows.
create index flows_by_update on flows (workspace_id, updated_at, id) where deleted_at is null;
create index flows_by_creation on flows (workspace_id, created_at, id) where deleted_at is null;
create index flows_by_name on flows (workspace_id, name, id) where deleted_at is null;

-- Where the flow is: which of somebody's flows are in workspaces that they are no member of.
-- Null where the release before this column has written the row.
alter table flow_members add column workspace_id blob check (length(workspace_id) = 16);

update flow_members
set workspace_id = (select workspace_id from flows where flows.id = flow_members.flow_id);

create index flow_members_by_place on flow_members (user_id, workspace_id, flow_id);
