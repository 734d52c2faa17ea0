-- What running the test cases of flows came to.

-- With a rowid: its rows are large.
create table flow_test_results (
    -- Drawn by the server; they sort as they were made.
    id blob not null primary key check (length(id) = 16),
    flow_id blob not null references flows (id),
    -- SHA-256 in hex: what was tested.
    content_hash text not null,
    -- The version that it was; null for the flow as it was.
    version integer check (version > 0),
    -- How many test cases passed, failed, and could not be played to their end.
    passed integer not null check (passed >= 0),
    failed integer not null check (failed >= 0),
    errors integer not null check (errors >= 0),
    -- All of it, in the envelope of contents.
    report blob not null,
    -- Null is the server. No reference: it outlives the account.
    author_id blob check (length(author_id) = 16),
    created_at integer not null
) strict;

create index flow_test_results_by_flow on flow_test_results (flow_id, id);
