-- Who owns the installation, what a sign-in shows of itself, and keys for programs.

-- The first account becomes one, and whom an operator makes one.
alter table users add column installation_owner integer not null default 0
    check (installation_owner in (0, 1));

update users
set installation_owner = 1
where id = (select id from users order by created_at, id limit 1);

-- What the client called itself when it signed in, cut to a bound.
alter table sessions add column user_agent text;
-- When it was last prolonged; null before.
alter table sessions add column last_used_at integer;

-- With one a program acts for its owner. A revoked one has no row.
create table api_keys (
    id blob not null primary key check (length(id) = 16),
    user_id blob not null references users (id),
    name text not null,
    -- SHA-256 of the key; the key itself is never stored.
    hash blob not null unique check (length(hash) = 32),
    scopes text not null check (json_valid(scopes)),
    created_at integer not null,
    -- Null: it does not.
    expires_at integer,
    -- To the minute; null before the first time.
    last_used_at integer
) strict, without rowid;

create index api_keys_by_user on api_keys (user_id);
