-- Flows are found by the words of their name, description and tags.

set local lock_timeout = '2s';

alter table flows add column search tsvector not null default '';
comment on column flows.search is 'The words of name, description and tags, in lower case; cut by the server to what a search needs.';

create index flows_by_search on flows using gin (search);

-- About as the server does it, for the flows that are there.
update flows
set search = to_tsvector('simple', left(name || ' ' || description || ' ' || array_to_string(tags, ' '), 20000));
