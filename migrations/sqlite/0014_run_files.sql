-- What somebody has sent to runs.

-- With a rowid: its rows are large, and the content is last, so that the rest is read without it.
create table run_files (
    -- Drawn by the server; they sort as they were sent.
    id blob not null primary key check (length(id) = 16),
    run_id blob not null references runs (id) on delete cascade,
    -- That of the run, by which its workspace's storage is counted.
    flow_id blob not null check (length(flow_id) = 16),
    -- The question that was asked when it was sent, and how often it was asked by then.
    visit integer not null check (visit >= 0),
    attempt integer not null check (attempt >= 0),
    name text not null,
    -- Judged by the content.
    media_type text not null,
    -- How many the content has.
    bytes integer not null check (bytes >= 0),
    sha256 blob not null check (length(sha256) = 32),
    created_at integer not null,
    content blob not null
) strict;

create index run_files_by_run on run_files (run_id, id);
create index run_files_by_flow on run_files (flow_id, id, bytes);
