-- Writing a flow's row waits while this is built, reading it does not.

set local lock_timeout = '2s';

create index flows_by_search on flows using gin (search);
