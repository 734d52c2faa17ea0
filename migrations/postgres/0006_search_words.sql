-- About the words that the server would write, for the flows that are there.

set local lock_timeout = '2s';

update flows
set search = to_tsvector('simple', left(name || ' ' || description || ' ' || array_to_string(tags, ' '), 20000));
