-- What flows said at moments somebody wanted to keep, and which of it runs.

-- The version that runs; none while the flow is a draft.
alter table flows add column active_version integer check (active_version > 0);
-- How many versions there are: the next one's number is one more.
alter table flows add column last_version integer not null default 0 check (last_version >= 0);

-- With a rowid: its rows are large.
create table flow_versions (
    flow_id blob not null references flows (id),
    number integer not null check (number > 0),
    name text not null,
    description text not null,
    cause text not null check (cause in ('named', 'activation')),
    -- A position of the log by which all of it was stored.
    seq integer not null check (seq >= 0),
    -- SHA-256 in hex: what runs are pinned to.
    content_hash text not null,
    -- The flow in its JSON form, in the envelope of contents.
    content blob not null,
    -- Null is the server. No reference: history outlives accounts.
    author_id blob check (length(author_id) = 16),
    created_at integer not null,
    primary key (flow_id, number)
) strict;
