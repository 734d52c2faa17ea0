-- What flows are called in addresses.

set local lock_timeout = '2s';

-- Nullable and without a default, so that no row is written anew. The release before makes
-- flows without one.
alter table flows add column slug text;

create unique index flows_slug_key on flows (slug);

comment on column flows.slug is
    'What it is called in addresses: unique, in small letters. It stays while the flow is deleted and goes when that is removed for good.';
