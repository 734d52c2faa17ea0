-- What flows are called in addresses: unique, in small letters. It stays while the flow is
-- deleted and goes when that is removed for good. The release before makes flows without one.

alter table flows add column slug text;

create unique index flows_slug_key on flows (slug);
