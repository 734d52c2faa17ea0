-- Flows are found by the words of their name, description and tags. Filled and indexed by
-- the next two: this one only takes a lock for a moment.

set local lock_timeout = '2s';

alter table flows add column search tsvector not null default '';
comment on column flows.search is 'The words of name, description and tags, in lower case; cut by the server to what a search needs.';
