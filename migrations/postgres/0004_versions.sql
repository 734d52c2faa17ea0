-- What flows said at moments somebody wanted to keep, and which of it runs.

set local lock_timeout = '2s';

alter table flows add column active_version bigint check (active_version > 0);
alter table flows add column last_version bigint not null default 0 check (last_version >= 0);
comment on column flows.active_version is 'The version that runs; none while the flow is a draft.';
comment on column flows.last_version is 'How many versions there are: the next one''s number is one more.';

create table flow_versions (
    flow_id uuid not null references flows (id),
    number bigint not null check (number > 0),
    name text not null,
    description text not null,
    cause text not null check (cause in ('named', 'activation')),
    seq bigint not null check (seq >= 0),
    content_hash text not null,
    content bytea not null,
    author_id uuid,
    created_at timestamptz not null,
    primary key (flow_id, number)
);

-- The content is compressed before it gets here.
alter table flow_versions alter column content set storage external;

comment on table flow_versions is 'What flows said at moments somebody wanted to keep.';
comment on column flow_versions.flow_id is 'The flow.';
comment on column flow_versions.number is 'Counts from 1 in each flow.';
comment on column flow_versions.name is 'As its author calls it.';
comment on column flow_versions.description is 'As its author describes it.';
comment on column flow_versions.cause is 'Why it was made: named by somebody, or by an activation.';
comment on column flow_versions.seq is 'A position of the log by which all of it was stored.';
comment on column flow_versions.content_hash is 'SHA-256 in hex: what runs are pinned to.';
comment on column flow_versions.content is 'The flow in its JSON form, in the envelope of contents.';
comment on column flow_versions.author_id is 'Who made it; null is the server. No reference: history outlives accounts.';
comment on column flow_versions.created_at is 'When it was made.';
