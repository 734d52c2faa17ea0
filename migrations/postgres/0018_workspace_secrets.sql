-- What flows of workspaces sign in elsewhere with.

set local lock_timeout = '2s';

create table workspace_secrets (
    workspace_id uuid not null references workspaces (id),
    -- By its bytes, whatever the database's own order is.
    name text not null collate "C",
    sealed bytea not null,
    changed_at timestamptz not null,
    changed_by uuid,
    primary key (workspace_id, name)
);

comment on table workspace_secrets is 'What flows of workspaces sign in elsewhere with, sealed.';
comment on column workspace_secrets.workspace_id is 'Whose flows may use it.';
comment on column workspace_secrets.name is 'By which nodes name it.';
comment on column workspace_secrets.sealed is
    'Encrypted by the server, with a key that is not in the database, and bound to workspace and name.';
comment on column workspace_secrets.changed_at is 'By the server''s clock.';
comment on column workspace_secrets.changed_by is 'Null is an operator. No reference: it outlives the account.';
