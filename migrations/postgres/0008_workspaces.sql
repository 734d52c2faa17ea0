-- Workspaces that people share, links that share a flow, and what was done to both.

set local lock_timeout = '2s';

alter table workspaces
    add column access_rev bigint not null default 0,
    add column flows_max bigint check (flows_max >= 0),
    add column members_max bigint check (members_max >= 0),
    add column storage_bytes_max bigint check (storage_bytes_max >= 0),
    add column runs_per_day_max bigint check (runs_per_day_max >= 0);

comment on column workspaces.access_rev is 'Raised with every change of its members; counts for all of its flows.';
comment on column workspaces.flows_max is 'Flows it may have; null: as many as the configuration says. 0: as many as it likes.';
comment on column workspaces.members_max is 'As flows_max, of members.';
comment on column workspaces.storage_bytes_max is 'As flows_max, of the bytes of its flows'' logs and versions.';
comment on column workspaces.runs_per_day_max is 'As flows_max, of runs that are started in a day.';

-- Whose personal workspace one is.
create index users_by_workspace on users (workspace_id);

create table workspace_invitations (
    id uuid not null primary key,
    workspace_id uuid not null references workspaces (id),
    hash bytea not null unique check (octet_length(hash) = 32),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    created_by uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    uses bigint not null default 0 check (uses >= 0),
    uses_max bigint check (uses_max > 0)
);

create index workspace_invitations_by_workspace on workspace_invitations (workspace_id);

comment on table workspace_invitations is 'Whoever has one may join the workspace. A revoked one has no row.';
comment on column workspace_invitations.id is 'Drawn by the server.';
comment on column workspace_invitations.workspace_id is 'Where it leads.';
comment on column workspace_invitations.hash is 'SHA-256 of the token; the token itself is never stored.';
comment on column workspace_invitations.role is 'What who comes with it becomes.';
comment on column workspace_invitations.created_by is 'Who invites. No reference: it outlives the account.';
comment on column workspace_invitations.created_at is 'By the server''s clock.';
comment on column workspace_invitations.expires_at is 'When it ends by itself.';
comment on column workspace_invitations.uses is 'How many have joined with it.';
comment on column workspace_invitations.uses_max is 'How many may; null: any number.';

create table flow_links (
    id uuid not null primary key,
    flow_id uuid not null references flows (id),
    hash bytea not null unique check (octet_length(hash) = 32),
    role text not null check (role in ('viewer', 'editor', 'run')),
    created_by uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz
);

create index flow_links_by_flow on flow_links (flow_id);

comment on table flow_links is 'Whoever has one may see, edit or run the flow, without an account. A revoked one has no row.';
comment on column flow_links.id is 'Drawn by the server.';
comment on column flow_links.flow_id is 'The flow it shares.';
comment on column flow_links.hash is 'SHA-256 of the token; the token itself is never stored.';
comment on column flow_links.role is 'What who comes with it is to the flow.';
comment on column flow_links.created_by is 'Who shares. No reference: it outlives the account.';
comment on column flow_links.created_at is 'By the server''s clock.';
comment on column flow_links.expires_at is 'When it ends by itself; null if it does not.';

create table audit_heads (
    workspace_id uuid not null primary key references workspaces (id),
    seq bigint not null check (seq > 0),
    hash bytea not null check (octet_length(hash) = 32)
);

comment on table audit_heads is 'Where the chain of each workspace ends. Whoever adds to it holds its row.';
comment on column audit_heads.workspace_id is 'The workspace.';
comment on column audit_heads.seq is 'The number of the last event.';
comment on column audit_heads.hash is 'Its hash.';

create table audit_events (
    workspace_id uuid not null references workspaces (id),
    seq bigint not null check (seq > 0),
    at timestamptz not null,
    user_id uuid,
    credential text not null,
    event text not null,
    personal text,
    personal_salt bytea check (octet_length(personal_salt) = 16),
    personal_hash bytea not null check (octet_length(personal_hash) = 32),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (workspace_id, seq)
);

create index audit_events_by_user on audit_events (user_id);

comment on table audit_events is 'What was done to a workspace and its flows, in order. Append only, but for what is personal.';
comment on column audit_events.workspace_id is 'The workspace.';
comment on column audit_events.seq is '1, 2, … without holes in each workspace.';
comment on column audit_events.at is 'By the server''s clock.';
comment on column audit_events.user_id is 'Who did it; null is an operator. No reference: it outlives the account.';
comment on column audit_events.credential is 'With what: a sign-in, a key or a link, and its id; empty for an operator.';
comment on column audit_events.event is 'What, in JSON, exactly as it was hashed.';
comment on column audit_events.personal is 'From where, in JSON. Null once the account was erased.';
comment on column audit_events.personal_salt is 'What is hashed before it, so that the hash does not tell it. Null with it.';
comment on column audit_events.personal_hash is 'SHA-256 of both.';
comment on column audit_events.hash is 'SHA-256 of the hash before and all of this but personal and personal_salt.';

alter table users add column erased_at timestamptz;

comment on column users.erased_at is 'When name, address and password were taken away for good; null while they are there.';

-- A list reads the first of each of its workspaces, in the order that it shows.
create index flows_by_update on flows (workspace_id, updated_at, id) where deleted_at is null;
create index flows_by_creation on flows (workspace_id, created_at, id) where deleted_at is null;
create index flows_by_name on flows (workspace_id, name collate "C", id) where deleted_at is null;

-- Which of somebody's flows are in workspaces that they are no member of.
alter table flow_members add column workspace_id uuid;

comment on column flow_members.workspace_id is 'Where the flow is; null where the release before this column has written the row.';
