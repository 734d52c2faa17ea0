-- What flows of workspaces sign in elsewhere with.

create table workspace_secrets (
    workspace_id blob not null references workspaces (id),
    -- By which nodes name it.
    name text not null,
    -- Encrypted by the server, with a key that is not in the database, and bound to workspace
    -- and name.
    sealed blob not null,
    changed_at integer not null,
    -- Null is an operator. No reference: it outlives the account.
    changed_by blob check (length(changed_by) = 16),
    primary key (workspace_id, name)
) strict, without rowid;
