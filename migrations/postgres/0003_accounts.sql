-- Who owns the installation, what a sign-in shows of itself, and keys for programs.

set local lock_timeout = '2s';

alter table users add column installation_owner boolean not null default false;

comment on column users.installation_owner is 'The first account is one, and whom an operator makes one.';

update users
set installation_owner = true
where id = (select id from users order by created_at, id limit 1);

-- Its one row is what accounts that are made at the same time meet at: only one of them
-- is the first.
create table installation (
    is_this boolean not null primary key default true check (is_this),
    first_user_id uuid
);

insert into installation (first_user_id)
select (select id from users order by created_at, id limit 1);

comment on table installation is 'What there is once. It has one row.';
comment on column installation.is_this is 'Always true.';
comment on column installation.first_user_id is 'The first account; null while there is none.';

alter table sessions add column user_agent text;
alter table sessions add column last_used_at timestamptz;

comment on column sessions.user_agent is 'What the client called itself when it signed in, cut to a bound.';
comment on column sessions.last_used_at is 'When it was last prolonged; null before.';

create table api_keys (
    id uuid not null primary key,
    user_id uuid not null references users (id),
    name text not null,
    hash bytea not null unique check (octet_length(hash) = 32),
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz
);

create index api_keys_by_user on api_keys (user_id);

comment on table api_keys is 'With one a program acts for its owner. A revoked one has no row.';
comment on column api_keys.id is 'Drawn by the server.';
comment on column api_keys.user_id is 'Its owner.';
comment on column api_keys.name is 'As its owner calls it.';
comment on column api_keys.hash is 'SHA-256 of the key; the key itself is never stored.';
comment on column api_keys.scopes is 'What it is for. It may do what its owner''s role and one of these allow.';
comment on column api_keys.created_at is 'By the server''s clock.';
comment on column api_keys.expires_at is 'When it ends by itself; null if it does not.';
comment on column api_keys.last_used_at is 'To the minute; null before the first time.';
